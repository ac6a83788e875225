/** The places that exports of events lean on. Each comment is the promise its driver keeps. */
import type { JsonObject } from '../event/event.ts';
import type { ProblemCode } from '../event/problem.ts';
import type { Position } from '../query/ports.ts';

export const exportFormats = ['jsonl', 'csv', 'parquet'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** What could not be read of what an export asked for. */
export type Unread =
  /** S3 does not have the object. */
  | { readonly why: 'missing'; readonly key: string }
  /** Bytes `first-last` of the object are not what was written. */
  | { readonly why: 'damaged'; readonly key: string; readonly bytes: string }
  /** Must be restored first: a day, `2026-03-01`, or a month, `2026-03`. */
  | { readonly why: 'archived'; readonly day: string; readonly category: string };

/** One object of an export. Its rows are newer than those of the part after it. */
export interface EventPart {
  /** From 1, without gaps. */
  readonly part: number;
  /** Names its object; every try has its own, so that no try writes over another's. */
  readonly run: string;
  readonly events: number;
  readonly bytes: number;
  /** Hex, of the object. */
  readonly sha256: string;
}

export interface EventExport {
  readonly tenant: string;
  readonly id: string;
  readonly format: ExportFormat;
  /** The question as it may be kept: no value in it is a person's. */
  readonly asked: JsonObject;
  /** `principalName` of who asked, the only one it is handed to. */
  readonly askedBy: string;
  readonly askedAt: Date;
  /** What the builder needs to know, sealed under the tenant's own key; forgotten when the export ends. */
  readonly plan?: string;
  readonly state: 'asked' | 'ready' | 'failed';
  /** Of all parts so far. */
  readonly parts: number;
  readonly events: number;
  readonly bytes: number;
  /** Where the next part begins; undefined before the first. */
  readonly position?: Position;
  /** When it last got on. */
  readonly advancedAt: Date;
  readonly endedAt?: Date;
  readonly problem?: ProblemCode;
  /** Archived days that were left out, as was asked; of one that failed: what made it fail. */
  readonly unread: readonly Unread[];
}

/** One step of a builder: the part that it wrote, if any, and how far it got. */
export interface ExportStep {
  /** `next` of the step before: when somebody else took this step, it is void. */
  readonly after: Position | undefined;
  readonly part?: EventPart;
  /** Archived days that this step left out and none before it. */
  readonly unread: readonly Unread[];
  /** Where the next step begins; undefined: this was the last, and the export is ready. */
  readonly next: Position | undefined;
}

/** Exports of events in Postgres. Every method is one transaction and rejects with `Unavailable` when it is down. */
export interface EventExports {
  /** Durable on return. */
  open(
    asked: Required<Pick<EventExport, 'tenant' | 'id' | 'format' | 'asked' | 'askedBy' | 'askedAt' | 'plan'>>,
  ): Promise<void>;
  /** A foreign id looks like a missing one. */
  get(tenant: string, id: string): Promise<EventExport | undefined>;
  /** Up to `limit` parts after one, ascending. */
  parts(tenant: string, id: string, after: number, limit: number): Promise<readonly EventPart[]>;
  /** Notes a step; false when another builder took it, or the export has ended, and then nothing changed. */
  advance(tenant: string, id: string, step: ExportStep): Promise<boolean>;
  /** Ends an export that is `asked`; false when it ended before. */
  fail(tenant: string, id: string, problem: ProblemCode, unread: readonly Unread[]): Promise<boolean>;
}

/** Objects of exports. Rejects with `Unavailable`. */
export interface EventParts {
  /** Durable on return, and S3 has compared the digest. */
  put(tenant: string, id: string, format: ExportFormat, part: EventPart, bytes: Uint8Array): Promise<void>;
  /** Bytes [offset, offset + bytes) of a part; undefined when its seven days are over. */
  get(
    tenant: string,
    id: string,
    part: EventPart,
    range: { readonly offset: number; readonly bytes: number },
  ): Promise<Uint8Array | undefined>;
  /** An address that anybody may fetch the part from, for `seconds`, without a key of ours. */
  link(tenant: string, id: string, format: ExportFormat, part: EventPart, seconds: number): Promise<string>;
}

/** What one answer carries: Lambda answers 6 MB, as base64, with headers. */
export const sliceBytesMax = 4_000_000;
/** Long enough to begin a download, short for a link that is passed on. */
export const linkSeconds = 15 * 60;
/** Days that an export can be fetched; its bucket's lifecycle ends it. */
export const eventExportDays = 7;

const endings: Readonly<Record<ExportFormat, string>> = { jsonl: 'jsonl.gz', csv: 'csv.gz', parquet: 'parquet' };

/** What a part is called where it is kept by whoever took it: `events-<id>-00001.jsonl.gz`. */
export const partName = (id: string, format: ExportFormat, part: number): string =>
  `events-${id}-${String(part).padStart(5, '0')}.${endings[format]}`;

export const contentTypes: Readonly<Record<ExportFormat, string>> = {
  jsonl: 'application/gzip',
  csv: 'application/gzip',
  parquet: 'application/vnd.apache.parquet',
};
