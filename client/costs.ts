/** Costs: figures, statements, overrides, and where figures come from. Amounts are decimals in strings: never rounded. */
import type { Figure, FigureKey, FigureLoad, FigureQuestion, Impact, Total } from '#core/costs/figures.ts';
import type { LineageEdge, LineageType } from '#core/costs/lineage.ts';
import type { Decision, Dimension, OverrideKind, OverrideState } from '#core/costs/override.ts';
import type { ChargedCost, ContainedOverride, ShareKey, Statement, StatementSettings } from '#core/costs/statement.ts';
import type { JsonObject } from '#core/event/event.ts';
import type { ListOptions } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface FigureOptions {
  /** First and last month, as `2026-10`; left out: the last twelve. */
  readonly from?: string;
  readonly to?: string;
  readonly by?: readonly FigureKey[];
  /** Names to narrow to; the number of an application. */
  readonly only?: FigureQuestion['only'];
  readonly limit?: number;
}
export interface FiguresView {
  readonly from: string;
  readonly to: string;
  readonly by: readonly FigureKey[];
  /** Names by what was asked; numbers as `application_id`. */
  readonly figures: readonly (Omit<Figure, 'of' | 'ids'> & Readonly<Record<string, string | number>>)[];
  /** False: there were more groups than the limit. The totals are of all. */
  readonly complete: boolean;
  readonly totals: readonly Total[];
  readonly overrides: readonly ContainedOverride[];
  readonly fresh: { readonly loaded_at: string | null; readonly last_day: string | null };
}

export interface StatementOptions {
  readonly kind?: 'statement' | 'draft' | 'showback';
  readonly cost?: ChargedCost;
  readonly shared?: { readonly h_codes: readonly string[]; readonly by: ShareKey };
}
export interface SignedView {
  readonly month?: string;
  readonly state: 'draft' | 'approved' | 'locked' | 'showback';
  readonly sha256: string;
  readonly version: number | null;
  readonly approved: { readonly by: string; readonly at: string } | null;
  readonly locked: { readonly by: string; readonly at: string } | null;
}
export type StatementView = SignedView & {
  /** What counts is not what was approved any more. */
  readonly moved: boolean;
  readonly statement: Statement;
};

export type OverrideBody = {
  readonly reason: string;
  readonly expires_at?: string;
} & (
  | {
      readonly kind: 'mapping';
      readonly application: number;
      readonly from: string;
      readonly to?: string;
      readonly set: Readonly<Partial<Record<Dimension, string | null>>>;
    }
  | {
      readonly kind: 'usage';
      readonly application: number;
      readonly from: string;
      readonly to: string;
      readonly measure: string;
      readonly amount: string;
    }
  | {
      readonly kind: 'cost';
      readonly month: string;
      readonly amount: string;
      readonly currency: string;
      readonly application?: number;
      readonly set?: Readonly<Partial<Record<Dimension, string | null>>>;
      readonly controller?: number;
    }
);
export interface OverrideView {
  readonly id: string;
  readonly kind: OverrideKind;
  readonly state: OverrideState;
  readonly application: { readonly id: number; readonly name: string } | null;
  readonly from: string;
  readonly to: string | null;
  readonly set: Readonly<Partial<Record<Dimension, string | null>>>;
  readonly controller: number | null;
  readonly measure: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly reason: string;
  readonly proposed_by: string;
  readonly proposed_at: string;
  readonly expires_at: string | null;
  readonly decisions: readonly (Omit<Decision, 'at'> & { readonly at: string })[];
}
export interface OverrideListOptions extends ListOptions {
  readonly state?: OverrideState;
  readonly kind?: OverrideKind;
  readonly application?: number;
}

export interface OriginView {
  readonly loads: readonly (Omit<FigureLoad, 'loadedAt'> & { readonly loaded_at: string })[];
  readonly adjustments: readonly {
    readonly id: string;
    readonly currency: string;
    readonly amount: string;
    readonly reason: string;
  }[];
  readonly overrides: readonly ContainedOverride[];
  readonly complete: boolean;
}

const figureQuery = ({ from, to, by, only, limit }: FigureOptions) => ({ from, to, by: by?.join(), limit, ...only });
const settingsQuery = ({ kind, cost, shared }: StatementOptions) => ({
  ...{ kind, cost, shared: shared?.h_codes.join() },
  shared_by: shared?.by,
});

export function costs(transport: Transport) {
  const read = <T>(path: string) => transport<T>({ method: 'GET', path });
  const post = <T>(path: string, body: object) => transport<T>({ method: 'POST', path, body: JSON.stringify(body) });
  return {
    figures: (options: FigureOptions = {}) => read<FiguresView>(`/v1/costs${query(figureQuery(options))}`),
    statement: (month: string, options: StatementOptions = {}) =>
      read<StatementView>(`/v1/costs/statement${query({ month, ...settingsQuery(options) })}`),
    /** The same as a file: CSV for programs, HTML to print. */
    statementFile: (month: string, format: 'csv' | 'html', options: StatementOptions = {}) =>
      transport<Uint8Array<ArrayBuffer>>({
        ...{ method: 'GET', isFile: true },
        path: `/v1/costs/statement${query({ month, format, ...settingsQuery(options) })}`,
      }),
    /** The newest version of each month. */
    statements: () => read<{ readonly statements: readonly SignedView[] }>('/v1/costs/statements'),
    /** What was seen, named by its hash. A 409 says that figures moved since. */
    approve: (month: string, sha256: string, settings?: StatementSettings) =>
      post<SignedView>('/v1/costs/statement/approve', { month, sha256, ...(settings ? { settings } : {}) }),
    /** By somebody else than who approved it. What changes later goes to the next month. */
    lock: (month: string, sha256: string) => post<SignedView>('/v1/costs/statement/lock', { month, sha256 }),
  };
}

export function overrides(transport: Transport) {
  const one = (id: string) => `/v1/overrides/${encodeURIComponent(id)}`;
  const decide = (step: string) => (id: string, note?: string) =>
    transport<OverrideView>({
      ...{ method: 'POST', path: `${one(id)}/${step}` },
      ...(note === undefined ? {} : { body: JSON.stringify({ note }) }),
    });
  return {
    /** Counts once somebody else has approved it. */
    propose: (body: OverrideBody) =>
      transport<OverrideView>({ method: 'POST', path: '/v1/overrides', body: JSON.stringify(body) }),
    get: (id: string) => transport<OverrideView>({ method: 'GET', path: one(id) }),
    /** Newest first. */
    list: (options: OverrideListOptions = {}) =>
      transport<{ readonly overrides: readonly OverrideView[]; readonly next: string | null }>({
        method: 'GET',
        path: `/v1/overrides${query({ ...options })}`,
      }),
    approve: decide('approve'),
    refuse: decide('refuse'),
    withdraw: decide('withdraw'),
  };
}

export function lineage(transport: Transport) {
  const read = <T>(path: string) => transport<T>({ method: 'GET', path });
  return {
    /** OpenLineage run events, newest first. */
    events: (
      options: {
        readonly run?: string;
        readonly job?: string;
        readonly type?: LineageType;
        readonly cursor?: string;
        readonly limit?: number;
      } = {},
    ) =>
      read<{ readonly events: readonly JsonObject[]; readonly next_cursor: string | null }>(
        `/v1/lineage${query({ ...options })}`,
      ),
    graph: (
      dataset: { readonly namespace: string; readonly name: string },
      direction: 'back' | 'forward',
      limit?: number,
    ) =>
      read<{
        readonly edges: readonly (Omit<LineageEdge, 'at'> & { readonly at: string; readonly depth: number })[];
        readonly complete: boolean;
      }>(`/v1/lineage/graph${query({ ...dataset, direction, limit })}`),
    /** The loads, lines and adjustments that a figure is from: they add up to it. */
    figure: (options: FigureOptions = {}) => read<OriginView>(`/v1/lineage/figure${query(figureQuery(options))}`),
    /** The figures and statements that a load or an override is in. */
    impact: (of: { readonly load: number } | { readonly override: string }) =>
      read<Omit<Impact, 'cut'> & { readonly complete: boolean }>(`/v1/lineage/impact${query({ ...of })}`),
  };
}
