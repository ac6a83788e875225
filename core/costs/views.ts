/**
 * The materialized views over usage, costs, the CMDB and the trail, in the order in which they are refreshed. Readers ask
 * the view of the same name without `mv_`, which shows their tenants' rows (sql/migrations/0021_cost_views.sql).
 */
import { type LineageEvent, ownTable } from './lineage.ts';

/** Money, as FOCUS has it; sums keep the four costs apart. */
const money = ['billed', 'effective', 'contracted', 'list'];
const charges = ['costs.cost_daily', 'costs.mapping', 'costs.override_decision'];
const columnsOf = (table: string, names: readonly string[]) => ({ [table]: names });

interface CostView {
  readonly name: string;
  /** Tables and views whose rows it is made from: when one moves, so does it. */
  readonly madeFrom: readonly string[];
  /** Amounts of it that are sums of columns of the same name, by table. */
  readonly sums: Readonly<Record<string, readonly string[]>>;
}

/** All of them; a view that is made from another one comes after it. */
export const costViews = [
  { name: 'mv_cost_by_sector_controller', madeFrom: charges, sums: columnsOf('costs.cost_daily', money) },
  { name: 'mv_cost_by_owner_controller', madeFrom: charges, sums: columnsOf('costs.cost_daily', money) },
  { name: 'mv_monthly_chargeback_summary', madeFrom: charges, sums: columnsOf('costs.cost_daily', money) },
  {
    name: 'mv_daily_usage_by_application',
    madeFrom: ['costs.usage_daily', 'costs.override_decision'],
    sums: {},
  },
  {
    name: 'mv_architecture_metrics_90d',
    madeFrom: ['mv_daily_usage_by_application', ...charges],
    sums: { mv_daily_usage_by_application: ['calls'], 'costs.cost_daily': ['effective'] },
  },
  { name: 'mv_license_utilization', madeFrom: ['costs.licence_daily'], sums: {} },
  { name: 'mv_cmdb_match_quality', madeFrom: ['costs.application', 'costs.cmdb_item'], sums: {} },
  { name: 'mv_audit_activity_daily', madeFrom: ['archive.file', 'record.tenant_counter'], sums: {} },
] as const satisfies readonly CostView[];
export type CostViewName = (typeof costViews)[number]['name'];

/** What came of asking for a view's refresh. */
export interface Refreshed {
  /** False: nothing it is made from had moved since `at`. */
  readonly refreshed: boolean;
  /** What the view shows is not older than that. */
  readonly at: Date;
  readonly tookMs?: number;
}

export interface CostViews {
  /**
   * Brings a view up to date, for all tenants, while its readers go on with what was. One refresh at a time: who waited
   * for another finds the view fresh. Durable on return, and safe to repeat. Rejects with `Unavailable` when the database
   * is down, and with another error when the refresh fails or would take more than `msMax`; it is then as before.
   */
  refresh(view: CostViewName, msMax: number): Promise<Refreshed>;
}

const tableOf = (name: string) => ownTable(name.includes('.') ? name : `costs.${name}`);

/** What a tenant's run tells of a view that is up to date now. */
export function refreshLineage(
  name: CostViewName,
  of: { readonly tenant: string; readonly run: string; readonly at: Date },
): LineageEvent {
  const view: CostView = costViews.find((one) => one.name === name)!;
  const columns = [...new Set(Object.values(view.sums).flat())].map((column) => {
    const tables = Object.keys(view.sums).filter((table) => view.sums[table]!.includes(column));
    return [column, tables.map((table) => ({ ...tableOf(table), field: column }))] as const;
  });
  return {
    ...of,
    task: name,
    job: `refresh.${name}`,
    type: 'COMPLETE',
    inputs: view.madeFrom.map(tableOf),
    outputs: [{ ...tableOf(name), ...(columns.length > 0 ? { columns: Object.fromEntries(columns) } : {}) }],
  };
}
