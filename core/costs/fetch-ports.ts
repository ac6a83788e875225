/** Asking sources: what is sent outside, what comes back, and where the answers lie meanwhile. */
import type { JsonObject } from '../event/event.ts';
import type { PartMessage } from '../jobs/run.ts';
import { RunFault } from '../jobs/run.ts';
import type { Page } from './appdynamics.ts';

/** What a part of a run wants to know of a source. It goes through a queue and holds nothing secret. */
export interface FetchOrder {
  readonly v: 1;
  /** What the answer goes back with. */
  readonly question: PartMessage;
  readonly source: string;
  readonly kind: 'appdynamics' | 'servicenow';
  readonly settings: JsonObject;
  /** `inventory`, `usage`, or a table of ServiceNow. */
  readonly stream: string;
  /** Days of `usage`, both included. */
  readonly from?: string;
  readonly to?: string;
  /** How far the stream was read. */
  readonly position?: string;
}

/** Why a source could not be read: a stable code, and a sentence that its tenant may read. */
export class SourceFault extends RunFault {
  override readonly name = 'SourceFault';
}

/** A kind of source. Each call goes through it once; pages come as they were answered. Rejects with SourceFault. */
export interface Connector {
  fetch(order: FetchOrder, secret: string): AsyncIterable<Page>;
}

/** Where pages lie between the one who asks outside and the one who loads. Rejects with `Unavailable`. */
export interface Pages {
  /** Durable on return; the name of the object. The same order and number overwrite each other. */
  put(question: PartMessage, number: number, pages: readonly Page[]): Promise<string>;
  /** In the order of the names. Rejects with PagesGone when one is not there any more, or is not this run's. */
  read(tenant: string, run: string, names: readonly string[]): Promise<readonly Page[]>;
}
export class PagesGone extends Error {
  override readonly name = 'PagesGone';
}

/** A file that somebody put into a source's inbox. */
export interface InboxFile {
  readonly name: string;
  readonly bytes: number;
  /** Changes with the content. */
  readonly version: string;
  readonly at: Date;
}
export interface Inbox {
  /** All files of a source, by name. Rejects with `Unavailable`. */
  list(tenant: string, source: string): Promise<readonly InboxFile[]>;
  /** Bytes of a file, of that version and no other: rejects with FileChanged. `to` is not included. */
  read(tenant: string, source: string, file: InboxFile, from?: number, to?: number): AsyncIterable<Uint8Array>;
  /** An address that takes a PUT of the file until `seconds` are over. */
  offer(tenant: string, source: string, name: string, seconds: number): Promise<string>;
}
export class FileChanged extends Error {
  override readonly name = 'FileChanged';
}
