/** Sources of usage and costs: where they are, what they gave, and what could not be loaded. */
import type { SourceKind } from '#core/costs/source.ts';
import type { JsonObject } from '#core/event/event.ts';
import type { RowCounts } from '#core/jobs/run.ts';
import type { ListOptions } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface SourceBody {
  readonly kind: SourceKind;
  /** Unique among the sources of the tenant; an AppDynamics source's is its controller's in all figures. */
  readonly name: string;
  readonly settings?: JsonObject;
  /** What we sign in with; never shown again. */
  readonly secret?: string;
}

export interface SourceView {
  readonly id: string;
  readonly kind: SourceKind;
  readonly name: string;
  readonly settings: JsonObject;
  readonly created_by: string;
  readonly created_at: string;
  readonly changed_at: string;
  /** How far each stream was read; not in lists. */
  readonly watermarks?: readonly { readonly stream: string; readonly position: string; readonly moved_at: string }[];
}

export interface QuarantineView {
  readonly id: string;
  readonly run: string;
  readonly stream: string;
  readonly slice: string;
  readonly place: string;
  readonly code: string;
  readonly reason: string;
  readonly row: string;
  readonly seen_at: string;
  readonly resolved_at: string | null;
}

export interface LoadView {
  readonly load: number;
  readonly run: string;
  readonly stream: string;
  readonly slice: string;
  readonly from_day: string;
  readonly to_day: string;
  readonly rows: RowCounts;
  readonly loaded_at: string;
}

export interface InboxFileView {
  readonly name: string;
  readonly bytes: number;
  readonly put_at: string;
  readonly loaded: boolean;
}

/** Where a file is put with one PUT, until then. */
export interface FileOffer {
  readonly name: string;
  readonly method: 'PUT';
  readonly url: string;
  readonly expires_at: string;
}

export interface PriceBody {
  readonly package: string;
  /** YYYY-MM-DD. */
  readonly from_day: string;
  readonly currency: string;
  /** Of one unit for one day, as decimal text. */
  readonly amount: string;
}
export type PriceView = PriceBody & { readonly set_by: string; readonly set_at: string };

interface BackOptions {
  /** The `next` of the page before. */
  readonly before?: string;
  readonly limit?: number;
}

/** Methods of `client.sources`. They need `costs:manage`. */
export function sources(transport: Transport) {
  const path = (id = '', step = '') => `/v1/sources${id && `/${encodeURIComponent(id)}`}${step && `/${step}`}`;
  return {
    create: (body: SourceBody) => transport<SourceView>({ method: 'POST', path: path(), body: JSON.stringify(body) }),
    get: (id: string) => transport<SourceView>({ method: 'GET', path: path(id) }),
    list: (options: ListOptions = {}) =>
      transport<{ readonly sources: readonly SourceView[]; readonly next: string | null }>({
        method: 'GET',
        path: `${path()}${query({ ...options })}`,
      }),
    change: (id: string, body: { readonly settings?: JsonObject; readonly secret?: string }) =>
      transport<SourceView>({ method: 'PUT', path: path(id), body: JSON.stringify(body) }),
    remove: (id: string) => transport<void>({ method: 'DELETE', path: path(id) }),
    /** Rows that were not loaded, newest first. */
    quarantine: (id: string, options: BackOptions & { readonly all?: boolean } = {}) =>
      transport<{ readonly rows: readonly QuarantineView[]; readonly next: string | null }>({
        method: 'GET',
        path: `${path(id, 'quarantine')}${query({ ...options, all: options.all ? 'true' : undefined })}`,
      }),
    /** Slices that count, newest first. */
    loads: (id: string, options: BackOptions = {}) =>
      transport<{ readonly loads: readonly LoadView[]; readonly next: string | null }>({
        method: 'GET',
        path: `${path(id, 'loads')}${query({ ...options })}`,
      }),
    files: (id: string) =>
      transport<{ readonly files: readonly InboxFileView[] }>({ method: 'GET', path: path(id, 'files') }),
    /** An address that takes the file. */
    offer: (id: string, name: string) =>
      transport<FileOffer>({ method: 'POST', path: path(id, 'files'), body: JSON.stringify({ name }) }),
  };
}

/** Methods of `client.prices`. */
export function prices(transport: Transport) {
  return {
    list: () => transport<{ readonly prices: readonly PriceView[] }>({ method: 'GET', path: '/v1/prices' }),
    set: (body: PriceBody) => transport<PriceView>({ method: 'POST', path: '/v1/prices', body: JSON.stringify(body) }),
  };
}
