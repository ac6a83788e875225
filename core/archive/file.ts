/**
 * Archive files: what segments held, by tenant, tier, category and day (or month), sorted and without repeats.
 *
 * A file is a seekable gzip JSONL object as a segment is, of one tenant and with the lines to the byte as they were
 * committed to. Beside it lies a sidecar with its index, so that the catalogue can be made again from S3 alone.
 */
import type { Category, Tier } from '../event/event.ts';
import type { Part } from '../record/segment.ts';

/** A file covers one UTC day of `occurred_at`, or one month where days are too small for Glacier. */
export type Span = 'day' | 'month';

export interface ArchiveFile {
  /** UUIDv7, made anew for each try. */
  readonly id: string;
  readonly tenant: string;
  readonly tier: Tier;
  readonly category: Category;
  readonly span: Span;
  /** First day it covers: `2026-03-01`. */
  readonly day: string;
  readonly key: string;
  readonly events: number;
  /** Of the object. */
  readonly bytes: number;
  /** Of its lines, newlines included. */
  readonly rawBytes: number;
  /** Hex, over the object. */
  readonly sha256: string;
  /** Hex: see LinesSum. */
  readonly linesSum: string;
  /** Of its object's tag, see ladder.ts. */
  readonly ladder: string;
  readonly writtenAt: Date;
  readonly minTime: number;
  readonly maxTime: number;
  readonly minId: string;
  readonly maxId: string;
  /** Undefined when no event of it has a leaf. */
  readonly minLeaf?: number;
  readonly maxLeaf?: number;
}

/** A run of neighbouring blocks of a file: what one look-up loads of the catalogue. */
export interface ArchiveChunk extends Part {
  readonly file: string;
  /** From 0, in the order of the file. */
  readonly number: number;
  /** By block, by event: the index of its leaf; undefined when it was committed before there were logs. */
  readonly leaves: readonly (readonly (number | undefined)[])[];
}

/** Twice a segment's: files are kept for years, and larger blocks compress 2.8 % better. 2 ms to inflate. */
export const archiveBlockRawBytesMax = 256 * 1024;

/** Blocks of one chunk: its row is about 60 KB, most of it filters. */
export const blocksPerChunk = 8;

/**
 * `audit-logs/dt=2026-03-01/tenant=<id>/category=<category>/<tier>-<id>.jsonl.gz`, and for months
 * `audit-logs-monthly/month=2026-03/tenant=<id>/…`: two tables for Athena, so that a day is looked for where it can be.
 */
export function archiveKey(file: Pick<ArchiveFile, 'id' | 'tenant' | 'tier' | 'category' | 'span' | 'day'>): string {
  const folder = file.span === 'day' ? `${dayPrefix}dt=${file.day}` : `${monthPrefix}month=${file.day.slice(0, 7)}`;
  return `${folder}/tenant=${file.tenant}/category=${file.category}/${file.tier}-${file.id}.jsonl.gz`;
}

export const dayPrefix = 'audit-logs/';
export const monthPrefix = 'audit-logs-monthly/';

/** The sidecar's key, under `index/` so that Athena does not read it. */
export const archiveIndexKey = (key: string): string => `index/${key.replace(/\.jsonl\.gz$/, '.idx')}`;
