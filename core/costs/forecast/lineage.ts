/** What forecasts are made from, as lineage tells it. */
import { type LineageEvent, ownTable } from '../lineage.ts';
import type { Scope } from './series.ts';

/** What a part of a run tells when it is over. */
export function forecastLineage(
  scope: Scope,
  of: { readonly tenant: string; readonly run: string; readonly task: string; readonly at: Date },
): LineageEvent {
  const [costs, usage] = [ownTable('costs.cost_daily'), ownTable('costs.usage_daily')];
  return {
    ...of,
    job: `forecast.${scope}`,
    type: 'COMPLETE',
    // To whom applications belong says only what is summed together.
    inputs: [costs, usage, ...(scope === 'sector' ? [ownTable('costs.mapping')] : [])],
    outputs: [
      {
        ...ownTable('costs.forecast'),
        columns: {
          point: [
            { ...costs, field: 'effective' },
            { ...usage, field: 'amount' },
          ],
        },
      },
    ],
  };
}
