/** What people read of the materialized views: rows in the order of their keys, page by page. */
import * as z from 'zod';
import { parseJson } from '../event/json.ts';
import { fail, ok, type Result } from '../event/problem.ts';
import type { CostViewName } from './views.ts';

/** `amount` is a decimal as text, `count` a number; a `day` is YYYY-MM-DD; `amounts` are amounts by currency. */
export type ColumnKind = 'id' | 'text' | 'day' | 'count' | 'amount' | 'flag' | 'amounts';

export interface ReadableView {
  readonly view: CostViewName;
  /** In the order of rows; with the tenant they name one. */
  readonly key: readonly string[];
  /** The day or month that a question is narrowed to. */
  readonly time?: string;
  readonly columns: Readonly<Record<string, ColumnKind>>;
  /** Overrides count in it. */
  readonly overridden: boolean;
  /** Who may read it; whoever reads costs, unless it is about events. */
  readonly permission: 'costs:read' | 'events:read';
}

const money = {
  currency: 'text',
  charges: 'count',
  billed: 'amount',
  effective: 'amount',
  contracted: 'amount',
  list: 'amount',
} as const;
const charged = { time: 'month', overridden: true, permission: 'costs:read' } as const;

/** By the name that readers use. */
export const readableViews = {
  cost_by_sector_controller: {
    view: 'mv_cost_by_sector_controller',
    key: ['month', 'sector_id', 'controller_id', 'currency'],
    ...charged,
    columns: { month: 'day', sector_id: 'id', sector: 'text', controller_id: 'id', controller: 'text', ...money },
  },
  cost_by_owner_controller: {
    view: 'mv_cost_by_owner_controller',
    key: ['month', 'owner_id', 'controller_id', 'currency'],
    ...charged,
    columns: { month: 'day', owner_id: 'id', owner: 'text', controller_id: 'id', controller: 'text', ...money },
  },
  monthly_chargeback_summary: {
    view: 'mv_monthly_chargeback_summary',
    key: ['month', 'h_code_id', 'sector_id', 'owner_id', 'currency'],
    ...charged,
    columns: {
      ...{ month: 'day', h_code_id: 'id', h_code: 'text', cost_centre: 'text', sector_id: 'id', sector: 'text' },
      ...{ owner_id: 'id', owner: 'text' },
      ...money,
      ...{ effective_credits: 'amount', effective_corrections: 'amount', overridden: 'count' },
    },
  },
  daily_usage_by_application: {
    view: 'mv_daily_usage_by_application',
    key: ['day', 'application_id'],
    ...{ time: 'day', overridden: true, permission: 'costs:read' },
    columns: {
      ...{ day: 'day', application_id: 'id', application: 'text', controller_id: 'id' },
      ...{ nodes: 'amount', vcpu: 'amount', licence_units: 'amount', calls: 'amount' },
      ...{ estimated: 'flag', overridden: 'flag' },
    },
  },
  architecture_metrics_90d: {
    view: 'mv_architecture_metrics_90d',
    key: ['application_id'],
    ...{ overridden: true, permission: 'costs:read' },
    columns: {
      ...{ application_id: 'id', application: 'text', architecture_id: 'id', architecture: 'text' },
      ...{ controller_id: 'id', controller: 'text', tiers: 'count', nodes: 'count', from_day: 'day', to_day: 'day' },
      ...{ days: 'count', days_estimated: 'count', nodes_avg: 'amount', nodes_max: 'amount', vcpu_avg: 'amount' },
      ...{ vcpu_max: 'amount', licence_units_avg: 'amount', licence_units_max: 'amount', calls: 'amount' },
      effective: 'amounts',
    },
  },
  license_utilization: {
    view: 'mv_license_utilization',
    key: ['month', 'controller_id', 'package'],
    ...{ time: 'month', overridden: false, permission: 'costs:read' },
    columns: {
      ...{ month: 'day', controller_id: 'id', controller: 'text', package: 'text', days: 'count' },
      ...{ days_estimated: 'count', days_over: 'count', provisioned_avg: 'amount', provisioned_max: 'amount' },
      ...{ used_avg: 'amount', used_max: 'amount', utilization_avg: 'amount', utilization_max: 'amount' },
    },
  },
  cmdb_match_quality: {
    view: 'mv_cmdb_match_quality',
    key: ['side', 'controller_id', 'class', 'rule'],
    ...{ overridden: false, permission: 'costs:read' },
    columns: {
      ...{ side: 'text', controller_id: 'id', controller: 'text', class: 'text', rule: 'text', things: 'count' },
      ...{ confidence_avg: 'amount', confidence_min: 'amount' },
    },
  },
  audit_activity_daily: {
    view: 'mv_audit_activity_daily',
    key: ['day', 'span', 'category_id', 'tier_id'],
    ...{ time: 'day', overridden: false, permission: 'events:read' },
    columns: {
      ...{ day: 'day', span: 'text', category_id: 'id', category: 'text', tier_id: 'id', tier: 'text' },
      ...{ events: 'count', raw_bytes: 'count' },
    },
  },
} as const satisfies Readonly<Record<string, ReadableView>>;
export type ReadableViewName = keyof typeof readableViews;
export const readableViewNames = Object.keys(readableViews) as readonly ReadableViewName[];

/** The definition behind a name that somebody asked for. */
export const readableView = (name: string): ReadableView | undefined =>
  Object.hasOwn(readableViews, name) ? readableViews[name as ReadableViewName] : undefined;

export type ViewValue = string | number | boolean | null | Readonly<Record<string, string>>;
export type ViewRow = Readonly<Record<string, ViewValue>>;
/** Values of a key's columns, in its order. */
export type ViewKey = readonly (string | number)[];

export interface ViewQuestion {
  /** First day, and last day, included. */
  readonly from?: string;
  readonly to?: string;
  readonly after?: ViewKey;
  readonly limit: number;
}

export interface ViewPage {
  readonly rows: readonly ViewRow[];
  /** What the view shows is not older than that. */
  readonly refreshedAt: Date | undefined;
  /** Overrides that counted then, by their ids. */
  readonly overrides: readonly string[];
}

export interface ViewRows {
  /** Rows of a tenant, by the view's key. Rejects with `Unavailable` when the database is down. */
  page(tenant: string, name: ReadableViewName, question: ViewQuestion): Promise<ViewPage>;
  /** When each view was refreshed, by the name that readers use. */
  freshness(tenant: string): Promise<Readonly<Partial<Record<ReadableViewName, Date>>>>;
}

export const viewRowsMax = 1000;
const day = z.iso.date();
const keyValue = z.union([z.string().max(2000), z.int()]);

/** The question of a query string; `cursor` is what an answer gave for its next page. */
export function parseViewQuestion(view: ReadableView, query: URLSearchParams): Result<ViewQuestion> {
  const known = ['limit', 'cursor', ...(view.time ? ['from', 'to'] : [])];
  for (const name of query.keys()) {
    if (!known.includes(name))
      return fail('request_invalid', `This view is not asked by ${JSON.stringify(name.slice(0, 60))}.`);
    if (query.getAll(name).length > 1) return fail('request_invalid', `${name} is there twice.`, `/${name}`);
  }
  const limit = query.get('limit') ?? '200';
  if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > viewRowsMax)
    return fail('request_invalid', `limit must be 1 to ${viewRowsMax}.`, '/limit');
  const days: { from?: string; to?: string } = {};
  for (const name of ['from', 'to'] as const) {
    const value = query.get(name);
    if (value === null) continue;
    if (!day.safeParse(value).success)
      return fail('request_invalid', `${name} must be a day, as 2026-10-01.`, `/${name}`);
    days[name] = value;
  }
  const cursor = query.get('cursor');
  const after = cursor === null ? undefined : keyOf(view, cursor);
  if (cursor !== null && !after) return fail('cursor_invalid', 'This cursor is none of ours.', '/cursor');
  return ok({ limit: Number(limit), ...days, ...(after ? { after } : {}) });
}

/** Holds nothing that its reader did not see. */
export const viewCursor = (view: ReadableView, row: ViewRow): string =>
  JSON.stringify(view.key.map((column) => row[column]));

function keyOf({ key, columns }: ReadableView, cursor: string): ViewKey | undefined {
  const values = parseJson(cursor);
  const parsed = values.ok ? z.array(keyValue).length(key.length).safeParse(values.value).data : undefined;
  const fits = (value: string | number, kind: ColumnKind) =>
    kind === 'id'
      ? typeof value === 'number' && Math.abs(value) < 2 ** 31
      : typeof value === 'string' && !value.includes('\0') && (kind !== 'day' || day.safeParse(value).success);
  return parsed?.every((value, index) => fits(value, columns[key[index]!]!)) ? parsed : undefined;
}
