/**
 * The folder of an import: what was read of the table, in files of about a thousand events, and a journal of what was done.
 *
 * The journal is only appended to and is on the disk before the next step; its last line may be torn by a crash, and is
 * then cut off. A file is named by the journal once it is whole, so whatever the journal does not name is done again.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { EventInput } from '#core/event/event.ts';
import type { TableMapping } from '#core/record/formats/table-mapping.ts';
import { CliError } from './fail.ts';

/** What an import is: fixed when its folder is made. */
export interface Begin {
  readonly v: 1;
  readonly import: string;
  readonly table: string;
  readonly place: string;
  readonly from?: string;
  readonly to?: string;
  readonly mapping: TableMapping;
  readonly at: string;
}

/** Rows that lie one after the other by their key, and what they became. */
export interface Range {
  /** From 1. */
  readonly range: number;
  readonly first: readonly string[];
  readonly last: readonly string[];
  readonly rows: number;
  readonly events: number;
  readonly refused: number;
  /** Hex: sum modulo 2^256 of the SHA-256 of each event as it was said (comparableText). */
  readonly checksum: string;
  /** Of the events: ms since 1970; null without events. */
  readonly minTime: number | null;
  readonly maxTime: number | null;
  /** Hex, of the file. */
  readonly sha256: string;
}

export interface Staged {
  readonly rows: number;
  /** Rows that the table had when the last one was read. */
  readonly counted: number;
  readonly withoutKey: number;
}

/** A range on its way, and the time that is in the ids of its events (ms). */
export interface Sending {
  readonly range: number;
  readonly idTime: number;
}

export interface Sent extends Sending {
  readonly events: number;
  readonly checksum: string;
  readonly refused: readonly Refused[];
}

/** A row that is no event, or an event that the API did not take. */
export interface Refused {
  readonly row: string;
  readonly code: string;
  readonly detail: string;
}

export type Entry =
  | { readonly is: 'begin'; readonly begin: Begin }
  | { readonly is: 'range'; readonly range: Range }
  | { readonly is: 'staged'; readonly staged: Staged }
  | { readonly is: 'sending'; readonly sending: Sending }
  | { readonly is: 'sent'; readonly sent: Sent }
  | { readonly is: 'compared'; readonly same: boolean; readonly at: string }
  | { readonly is: 'withdrawn'; readonly event: string; readonly reason: string };

const journalName = 'journal.jsonl';

/** What the journal tells, and the files beside it. */
export class Staging {
  readonly folder: string;
  begin: Begin;
  readonly ranges: Range[] = [];
  staged: Staged | undefined;
  readonly sending = new Map<number, Sending>();
  readonly sent = new Map<number, Sent>();
  withdrawn: string | undefined;
  compared: boolean | undefined;
  readonly #journal: FileHandle;

  private constructor(folder: string, begin: Begin, journal: FileHandle) {
    this.folder = folder;
    this.begin = begin;
    this.#journal = journal;
  }

  static exists = (folder: string): boolean => existsSync(join(folder, journalName));

  /** A new folder. Rejects when there is something in its place. */
  static async create(folder: string, begin: Begin): Promise<Staging> {
    if (existsSync(folder))
      throw new CliError(`${folder} is there and is no import.`, 'Name a folder that is not there yet.');
    // Others have no business in it: it holds what the table holds.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await claim(folder);
    const staging = new Staging(folder, begin, await open(join(folder, journalName), 'a', 0o600));
    await staging.#append({ is: 'begin', begin });
    return staging;
  }

  /** An import that was begun. Rejects when another process works on it. */
  static async open(folder: string): Promise<Staging> {
    if (!Staging.exists(folder))
      throw new CliError(`There is no import in ${folder}.`, 'Begin one with --map FILE --stage DIR.');
    await claim(folder);
    const path = join(folder, journalName);
    const bytes = await readFile(path);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) await truncate(path, whole);
    const [first, ...rest] = bytes
      .subarray(0, whole)
      .toString()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Entry);
    if (first?.is !== 'begin')
      throw new CliError(`${path} is no journal of an import.`, 'Delete the folder and begin again.');
    if (first.begin.v !== 1) throw new CliError(`${path} was written by another version of this command.`);
    const staging = new Staging(folder, first.begin, await open(path, 'a'));
    for (const entry of rest) staging.#take(entry);
    return staging;
  }

  async close(): Promise<void> {
    await this.#journal.close();
    await rm(join(this.folder, lockName), { force: true });
  }

  /** Durable on return. */
  async note(entry: Exclude<Entry, { is: 'begin' }>): Promise<void> {
    await this.#append(entry);
    this.#take(entry);
  }

  /** Writes the events of a range, and what was refused, and names them in the journal. Durable on return. */
  async addRange(range: Omit<Range, 'sha256'>, lines: readonly string[], refused: readonly Refused[]): Promise<void> {
    const bytes = gzipSync(lines.map((line) => `${line}\n`).join(''), { level: 6 });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await writeWhole(this.eventsPath(range.range), bytes);
    if (refused.length > 0) {
      await writeWhole(
        this.refusedPath(range.range),
        Buffer.from(refused.map((one) => `${JSON.stringify(one)}\n`).join('')),
      );
    }
    await this.note({ is: 'range', range: { ...range, sha256 } });
  }

  /** The events of a range; throws when the file is not what was written. */
  readRange({ range, sha256 }: Range): EventInput[] {
    const path = this.eventsPath(range);
    const bytes = existsSync(path) ? readFileSync(path) : undefined;
    if (!bytes || createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new CliError(
        `${path} is not what was written there.`,
        'Roll this import back, delete the folder and stage again.',
      );
    }
    return gunzipSync(bytes)
      .toString()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as EventInput);
  }

  /** The first rows that are no events. */
  refusals(limit: number): Refused[] {
    const found: Refused[] = [];
    for (const { range, refused } of this.ranges) {
      if (found.length >= limit) break;
      if (refused === 0) continue;
      const lines = readFileSync(this.refusedPath(range), 'utf8').split('\n').slice(0, -1);
      found.push(...lines.slice(0, limit - found.length).map((line) => JSON.parse(line) as Refused));
    }
    return found;
  }

  eventsPath = (range: number): string => join(this.folder, `${String(range).padStart(7, '0')}.jsonl.gz`);
  refusedPath = (range: number): string => join(this.folder, `${String(range).padStart(7, '0')}.refused.jsonl`);

  async #append(entry: Entry): Promise<void> {
    await this.#journal.write(`${JSON.stringify(entry)}\n`);
    await this.#journal.datasync();
  }

  #take(entry: Entry): void {
    if (entry.is === 'range') this.ranges.push(entry.range);
    else if (entry.is === 'staged') this.staged = entry.staged;
    else if (entry.is === 'sending') this.sending.set(entry.sending.range, entry.sending);
    else if (entry.is === 'sent') this.sent.set(entry.sent.range, entry.sent);
    else if (entry.is === 'compared') this.compared = entry.same;
    else if (entry.is === 'withdrawn') this.withdrawn = entry.event;
  }
}

const lockName = 'lock';

/** One process at a time; what a killed one left behind is taken over. */
async function claim(folder: string): Promise<void> {
  const path = join(folder, lockName);
  const holder = existsSync(path) ? Number(await readFile(path, 'utf8')) : Number.NaN;
  if (holder !== process.pid && isAlive(holder)) {
    throw new CliError(`Process ${holder} works on ${folder}.`, 'Wait for it, or stop it.');
  }
  await writeFile(path, String(process.pid), { mode: 0o600 });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(`${path}.tmp`, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
}
