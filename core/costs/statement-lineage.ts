/** What an approved statement is made from, as lineage. */
import { type DatasetName, type LineageEvent, ownTable } from './lineage.ts';
import type { StatementVersion } from './statement.ts';

/** The statement of a month, YYYY-MM; its versions are versions of it. */
export const statementDataset = (month: string): DatasetName => ({ namespace: 'trailkeep://statements', name: month });

/** `run` is a UUID of the approval. */
export function statementLineage(tenant: string, run: string, made: StatementVersion): LineageEvent {
  const { statement, version, month } = made;
  const facts = ownTable('costs.cost_daily');
  const mapping = ownTable('costs.mapping');
  const override = ownTable('costs.override');
  const usage = ownTable('costs.usage_daily');
  const { cost, shared } = statement.settings;
  const byUsage = shared !== undefined && shared.by !== 'cost' && shared.by !== 'even';
  const charged = { ...facts, field: cost };
  const added = { ...override, field: 'amount' };
  const used = byUsage ? [{ ...usage, field: 'amount' }] : [];
  return {
    ...{ tenant, run, task: '', job: 'statement.approve', type: 'COMPLETE', at: made.approvedAt },
    inputs: [
      { ...facts, rows: statement.loads.reduce((sum, { rows }) => sum + rows, 0) },
      mapping,
      { ...override, rows: statement.overrides.length },
      ...(byUsage ? [usage] : []),
    ],
    outputs: [
      {
        ...statementDataset(month),
        version: String(version),
        rows: statement.lines.length,
        columns: {
          direct: [charged],
          adjustments: [added],
          shared: [charged, added, ...used],
          total: [charged, added, ...used],
          h_code: [
            { ...mapping, field: 'h_code_id' },
            { ...override, field: 'h_code_id' },
          ],
          sector: [
            { ...mapping, field: 'sector_id' },
            { ...override, field: 'sector_id' },
          ],
          owner: [
            { ...mapping, field: 'owner_id' },
            { ...override, field: 'owner_id' },
          ],
        },
      },
    ],
  };
}
