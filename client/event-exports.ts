/** Exports of events: asked for, watched, and fetched part by part. */
import type { ExportFormat, Unread } from '#core/export/ports.ts';
import type { EventFilter } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface EventExportOptions {
  readonly format: ExportFormat;
  /** Leave out days that lie in Glacier, and name them, instead of failing. */
  readonly skip_archived?: boolean;
}

/** One file of an export. JSONL and CSV: one after the other they are one gzip file. */
export interface EventExportFile {
  readonly part: number;
  readonly name: string;
  readonly events: number;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  /** Fetches the file without a key until `url_expires_at`. */
  readonly url: string;
  readonly url_expires_at: string;
}

export interface EventExportView {
  readonly id: string;
  readonly kind: 'events';
  readonly state: 'building' | 'ready' | 'failed';
  readonly format: ExportFormat;
  readonly asked_at: string;
  readonly parts: number;
  readonly events: number;
  readonly bytes: number;
  /** While it is built: how far back it has come. */
  readonly reached?: string;
  readonly ended_at?: string;
  readonly expires_at?: string;
  /** Code of why it failed. */
  readonly problem?: string;
  readonly unread?: readonly Unread[];
  /** When it is ready: a hundred from `after` on. */
  readonly files?: readonly EventExportFile[];
  readonly next_after?: number;
}

export const eventExports = (transport: Transport) => ({
  /** Asks for all events that a filter finds, as files. They are built meanwhile. */
  events: ({ limit: _limit, ...filter }: EventFilter, options: EventExportOptions) =>
    transport<EventExportView>({
      method: 'POST',
      path: '/v1/exports',
      body: JSON.stringify({ ...filter, ...options }),
    }),
  /** Its state, and the files after a part when it is ready. That you took their addresses is recorded. */
  ofEvents: (id: string, after?: number) =>
    transport<EventExportView>({ method: 'GET', path: `/v1/exports/${encodeURIComponent(id)}${query({ after })}` }),
  /** Some bytes of a file from `offset` on; the answer says by its length how many. It is recorded that you took them. */
  slice: (id: string, part: number, offset: number) =>
    transport<Uint8Array<ArrayBuffer>>({
      method: 'GET',
      path: `/v1/exports/${encodeURIComponent(id)}/content${query({ part, offset })}`,
      isFile: true,
      headers: { accept: '*/*' },
    }),
});
