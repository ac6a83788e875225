/** Where what was loaded comes from, for lineage: the source's own name, and the tables with their columns. */
import { type DatasetName, type LineageEvent, ownTable } from '#core/costs/lineage.ts';
import type { Loaded, Slice } from '#core/costs/load-ports.ts';
import type { SourceKind } from '#core/costs/source.ts';
import type { Task } from '#core/jobs/run.ts';

/** Columns of ours, each with those of the source that it is made from. */
const focus = {
  day: ['ChargePeriodStart'],
  application_id: ['Tags', 'ResourceId'],
  charge_category: ['ChargeCategory'],
  charge_class: ['ChargeClass'],
  provider: ['ProviderName'],
  service_category: ['ServiceCategory'],
  service_name: ['ServiceName'],
  sub_account: ['SubAccountName', 'SubAccountId'],
  region: ['RegionId', 'RegionName'],
  resource: ['ResourceId'],
  currency: ['BillingCurrency'],
  billed: ['BilledCost'],
  effective: ['EffectiveCost'],
  contracted: ['ContractedCost'],
  list: ['ListCost'],
};
const charged = { billed: ['used.avg', 'vCpu'], effective: ['used.avg', 'vCpu'], service_name: ['packages.name'] };
const usage = { amount: ['metricValues.sum', 'vCpu', 'used.avg'], application_id: ['appId'] };
const licences = { provisioned: ['provisioned.max'], used_avg: ['used.avg'], used_max: ['used.max'] };
const hCodes = { h_code: ['h_code'], application: ['application'], from_day: ['valid_from'], to_day: ['valid_to'] };

type Columns = Readonly<Record<string, readonly string[]>>;
function tablesOf(kind: SourceKind, stream: string): readonly (readonly [string, Columns])[] {
  if (kind === 'focus') return [['costs.cost_daily', focus]];
  if (kind === 'h-code') {
    return [
      ['costs.h_code_map', hCodes],
      ['costs.mapping', { h_code_id: ['h_code'] }],
    ];
  }
  if (kind === 'servicenow') {
    return [
      ['costs.cmdb_item', { sys_id: ['sys_id'], name: ['name'] }],
      ['costs.mapping', {}],
    ];
  }
  if (stream === 'inventory') {
    return [
      ['costs.application', { name: ['name'], tags: ['tags'], nodes: ['numberOfNodes'] }],
      ['costs.mapping', {}],
    ];
  }
  return [
    ['costs.usage_daily', usage],
    ['costs.licence_daily', licences],
    ['costs.cost_daily', charged],
  ];
}

/** One event a slice. An address is told without its query, and holds no login (core/costs/source.ts). */
export function lineageOf(
  { run, part }: Task,
  { tenant, source, stream, slice }: Slice,
  loaded: Extract<Loaded, { is: 'loaded' | 'unchanged' }>,
  at: Date,
  bytes?: number,
): LineageEvent {
  const { url } = source.settings;
  const from: DatasetName =
    typeof url === 'string'
      ? { namespace: new URL(url).origin, name: `${source.name}/${stream}` }
      : { namespace: 's3://imports', name: `inbox/${tenant}/${source.id}/${slice}` };
  const rows = loaded.is === 'loaded' ? loaded.rows : undefined;
  return {
    ...{ tenant, run, task: `${part}#${slice}`.slice(0, 300), job: `etl.${source.kind}.${stream.split('/')[0]}` },
    ...{ type: 'COMPLETE', at },
    inputs: [
      { ...from, version: slice, ...(rows ? { rows: rows.read } : {}), ...(bytes === undefined ? {} : { bytes }) },
    ],
    outputs: tablesOf(source.kind, stream).map(([name, columns]) => ({
      ...ownTable(name),
      version: `load ${loaded.load}`,
      ...(rows ? { rows: rows.written } : {}),
      columns: Object.fromEntries(
        Object.entries(columns).map(([column, fields]) => [column, fields.map((field) => ({ ...from, field }))]),
      ),
    })),
  };
}
