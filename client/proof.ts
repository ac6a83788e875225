/** What proves the trail without us: the log, proofs of events and of periods, and exports for auditors. */
import type { LogState } from '#core/proof/ports.ts';
import { eventExports } from './event-exports.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface LogView {
  readonly state: LogState;
  readonly frozen_reason?: string;
  /** Name of the log, and first line of its checkpoints. Null before the first leaf was sealed. */
  readonly origin: string | null;
  /** Where standard tools find it, below the address of the API. */
  readonly path: string | null;
  /** vkey of the log. */
  readonly verifier: string | null;
  readonly leaves: number;
  readonly integrated_size: number;
  readonly archived_size: number;
  readonly published_size: number;
  /** Leaves that no published checkpoint covers. */
  readonly pending: number;
  readonly pending_due_at: string | null;
  readonly merge_delay_seconds: { readonly critical: number; readonly bulk: number };
  readonly created_at: string | null;
}

/** Where a recovery is; see docs/operating/recovery.md. */
export interface RecoveryView {
  readonly state: 'recovered' | 'draining' | 'recovering' | Exclude<LogState, 'frozen'>;
  /** While it drains, or another recovery works: ask again then. */
  readonly until?: string;
  readonly epoch?: number;
  readonly archived_size?: number;
  readonly found_segments?: number;
  readonly found_events?: number;
  readonly missing_events?: number;
  readonly moved_segments?: number;
  readonly dropped_segments?: number;
  readonly tiles_removed?: number;
}

/** Hashes are in standard base64. See docs/reference/auditor-bundle.md. */
export interface EventProof {
  readonly v: 1;
  readonly origin: string;
  /** The stored event, to the byte. */
  readonly line: string;
  readonly entry: string;
  readonly index: number;
  readonly size: number;
  readonly hashes: readonly string[];
  readonly checkpoint: string;
  readonly verifier: string;
  /** Fields whose keys are destroyed. */
  readonly erased?: readonly string[];
}

export interface RangeProofView {
  readonly v: 1;
  readonly origin: string;
  readonly size: number;
  readonly from: string;
  readonly to: string;
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly last: number;
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly entries: readonly string[];
  readonly checkpoint: string;
  readonly verifier: string;
}

export interface ConsistencyView {
  readonly origin: string;
  readonly from: number;
  readonly to: number;
  readonly hashes: readonly string[];
}

export type ExportBody = { readonly from: string; readonly to: string } | { readonly ids: readonly string[] };

export interface ExportView {
  readonly id: string;
  readonly state: 'building' | 'ready' | 'failed';
  readonly from?: string;
  readonly to?: string;
  readonly ids?: number;
  readonly asked_at: string;
  readonly ended_at?: string;
  /** The zip comes in so many parts. */
  readonly parts?: number;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly events?: number;
  readonly size?: number;
  readonly expires_at?: string;
  /** Code of why it failed. */
  readonly problem?: string;
}

export function proof(transport: Transport) {
  const get = <T>(path: string) => transport<T>({ method: 'GET', path });
  const file = (path: string, accept = '*/*') =>
    transport<Uint8Array<ArrayBuffer>>({ method: 'GET', path, isFile: true, headers: { accept } });
  const exportPath = (id: string) => `/v1/exports/${encodeURIComponent(id)}`;
  const proofPath = (id: string, size?: number) => `/v1/events/${encodeURIComponent(id)}/proof${query({ size })}`;
  return {
    /** That an event is in the log, as it is stored. `size`: for the checkpoint of this size instead of the newest. */
    prove: (id: string, { size }: { readonly size?: number } = {}) => get<EventProof>(proofPath(id, size)),
    /** The same as a C2SP tlog-proof. */
    tlogProof: async (id: string, { size }: { readonly size?: number } = {}) =>
      new TextDecoder().decode(await file(proofPath(id, size), 'text/plain')),
    log: {
      state: () => get<LogView>('/v1/log'),
      /** That the log's tree of size `to` (the newest) begins with the one of size `from`. */
      consistency: (from: number, to?: number) => get<ConsistencyView>(`/v1/log/consistency${query({ from, to })}`),
      /** All leaves of a period, and that there are no others. At most 20,000; more are for an export. */
      rangeProof: (period: { readonly from: string; readonly to: string }) =>
        transport<RangeProofView>({
          method: 'POST',
          path: '/v1/log/range-proof',
          body: JSON.stringify(period),
          isRead: true,
        }),
      /** A file of the log below its path, as `checkpoint` or `tile/0/000`. */
      file: (path: string, name: string) => file(path + name),
    },
    exports: {
      ...eventExports(transport),
      /** Asks for a bundle: the events of a period of commit times, or some events. It is built meanwhile. */
      auditor: (body: ExportBody) =>
        transport<ExportView>({ method: 'POST', path: '/v1/exports/auditor', body: JSON.stringify(body) }),
      get: (id: string) => get<ExportView>(exportPath(id)),
      /** A part of the zip, from 1. All parts one after the other are the zip. It is recorded that you took it. */
      part: (id: string, part: number) => file(`${exportPath(id)}/content${query({ part })}`),
    },
  };
}
