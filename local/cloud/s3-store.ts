/**
 * What S3 holds: buckets, objects and their versions.
 *
 * Bodies are files named by version, written before the journal names them, so a crash leaves at most a file that
 * nobody knows.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checksums } from './checksums.ts';
import { AwsError } from './exchange.ts';
import { Journal } from './journal.ts';
import { PlainFiles } from './s3-plain-files.ts';

export interface Retention {
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  /** ISO time. */
  readonly until: string;
}

export interface Version {
  readonly id: string;
  /** Name of the body's file; none for a delete marker. */
  readonly file?: string;
  readonly size: number;
  readonly etag: string;
  /** ms */
  readonly at: number;
  readonly deleteMarker?: true;
  /** Headers that come back with the object: type, encoding, metadata, encryption. */
  readonly headers: Readonly<Record<string, string>>;
  readonly storageClass: string;
  readonly checksums: Checksums;
  readonly parts?: number;
  retention?: Retention;
  legalHold?: boolean;
  tags?: string;
  /** When a restored copy is ready and when it goes, ms. */
  restore?: { readonly readyAt: number; readonly until: number; readonly tier: string };
}

export interface Bucket {
  readonly name: string;
  readonly at: number;
  versioning?: 'Enabled' | 'Suspended';
  lock?: boolean;
  defaultRetention?: { readonly mode: Retention['mode']; readonly days: number };
  /** The rules' document; empty when they were taken away. */
  lifecycle?: string;
  /** Which objects are too small to move. */
  lifecycleMinimum?: string;
  /** Newest first. */
  readonly objects: Map<string, Version[]>;
  sorted: string[] | undefined;
}

type BucketSettings = Omit<Bucket, 'objects' | 'sorted'>;
type Entry =
  | { readonly o: 'bucket'; readonly settings: BucketSettings }
  | { readonly o: 'no-bucket'; readonly name: string }
  | { readonly o: 'put'; readonly bucket: string; readonly key: string; readonly version: Version }
  | { readonly o: 'delete'; readonly bucket: string; readonly key: string; readonly id: string };

export class S3Store {
  readonly buckets = new Map<string, Bucket>();
  readonly #folder: string;
  readonly #fsync: boolean;
  readonly #journal: Journal<Entry>;
  readonly #plain: PlainFiles;

  constructor(folder: string, fsync: boolean) {
    this.#folder = folder;
    this.#fsync = fsync;
    this.#plain = new PlainFiles(folder);
    mkdirSync(join(folder, '.versions'), { recursive: true });
    this.#journal = new Journal(join(folder, '.journal.jsonl'), fsync);
    for (const entry of this.#journal.read()) this.#replay(entry);
    this.#compact();
    this.#removeUnknownBodies();
  }

  bucket(name: string): Bucket {
    const bucket = this.buckets.get(name);
    if (!bucket) throw new AwsError(404, 'NoSuchBucket', 'The specified bucket does not exist');
    return bucket;
  }

  saveBucket(settings: BucketSettings): void {
    const before = this.buckets.get(settings.name);
    if (before) Object.assign(before, settings);
    else this.buckets.set(settings.name, { ...settings, objects: new Map(), sorted: undefined });
    this.#journal.append({ o: 'bucket', settings: settingsOf(this.bucket(settings.name)) });
  }

  removeBucket(name: string): void {
    this.buckets.delete(name);
    this.#journal.append({ o: 'no-bucket', name });
  }

  /** The newest version, unless it is a delete marker. */
  current(bucket: Bucket, key: string): Version | undefined {
    const newest = bucket.objects.get(key)?.[0];
    return newest?.deleteMarker ? undefined : newest;
  }

  newVersionId = (bucket: Bucket): string =>
    bucket.versioning === 'Enabled' ? randomBytes(16).toString('base64url') : 'null';

  /** Writes a body; nobody sees it before `put` names it. Returns the file's name. */
  async writeBody(body: Uint8Array): Promise<string> {
    const name = randomBytes(16).toString('hex');
    const file = this.#file(name);
    if (!this.#fsync) await writeFile(file, body);
    else {
      const handle = await open(file, 'w');
      await handle.writeFile(body);
      await handle.sync();
      await handle.close();
    }
    return name;
  }

  readBody = (version: Version): Promise<Buffer> => readFile(this.#file(version.file!));

  async readRange(version: Version, from: number, length: number): Promise<Buffer> {
    const handle = await open(this.#file(version.file!), 'r');
    try {
      const bytes = Buffer.alloc(length);
      await handle.read(bytes, 0, length, from);
      return bytes;
    } finally {
      await handle.close();
    }
  }

  /**
   * Makes a version the newest of its key; durable on return. Without versioning it takes the place of the one
   * before, whose body goes only now: a crash in between leaves one of the two whole.
   */
  async put(bucket: Bucket, key: string, version: Version): Promise<void> {
    const replaced = this.#insert(bucket, key, version);
    this.#journal.append({ o: 'put', bucket: bucket.name, key, version });
    await Promise.all([this.#show(bucket, key), this.flushed()]);
    if (replaced?.file && replaced.file !== version.file) await rm(this.#file(replaced.file), { force: true });
  }

  /** Saves what changed about a version that is there. */
  update(bucket: Bucket, key: string, version: Version): void {
    this.#journal.append({ o: 'put', bucket: bucket.name, key, version });
  }

  /** Puts another state of a version in its place, with the same body. */
  replace(bucket: Bucket, key: string, version: Version): void {
    this.#insert(bucket, key, version);
    this.update(bucket, key, version);
  }

  async remove(bucket: Bucket, key: string, id: string): Promise<void> {
    const removed = bucket.objects.get(key)?.find((version) => version.id === id);
    this.#drop(bucket, key, id);
    this.#journal.append({ o: 'delete', bucket: bucket.name, key, id });
    await this.flushed();
    if (removed?.file) await rm(this.#file(removed.file), { force: true });
    await this.#show(bucket, key);
  }

  /** Moves every time that a version has into the past. */
  age(ms: number): void {
    for (const bucket of this.buckets.values()) {
      for (const [key, versions] of bucket.objects) {
        for (const version of [...versions]) this.replace(bucket, key, older(version, ms));
      }
    }
  }

  /** Keys in the order of their UTF-8 bytes, as S3 lists them. */
  keys(bucket: Bucket): readonly string[] {
    bucket.sorted ??= [...bucket.objects.keys()].sort(compareKeys);
    return bucket.sorted;
  }

  async flushed(): Promise<void> {
    if (this.#journal.isGrown) this.#compact();
    await this.#journal.flushed();
  }

  stop(): void {
    this.#journal.close();
  }

  #file = (name: string): string => join(this.#folder, '.versions', name);

  /** Returns the version that had the same id, which is there no more. */
  #insert(bucket: Bucket, key: string, version: Version): Version | undefined {
    const versions = bucket.objects.get(key);
    if (!versions) {
      bucket.objects.set(key, [version]);
      if (bucket.sorted) bucket.sorted.splice(placeOf(bucket.sorted, key), 0, key);
      return undefined;
    }
    const index = versions.findIndex((one) => one.id === version.id);
    const [old] = index < 0 ? [] : versions.splice(index, 1);
    // An update keeps its place; a new body without versioning comes first.
    const isUpdate = old !== undefined && old.file === version.file && old.deleteMarker === version.deleteMarker;
    versions.splice(isUpdate ? index : 0, 0, version);
    return old;
  }

  #drop(bucket: Bucket, key: string, id: string): void {
    const left = bucket.objects.get(key)?.filter((version) => version.id !== id) ?? [];
    if (left.length > 0) bucket.objects.set(key, left);
    else if (bucket.objects.delete(key)) bucket.sorted?.splice(placeOf(bucket.sorted, key), 1);
  }

  /** Keeps the newest body under its key for people to read. */
  async #show(bucket: Bucket, key: string): Promise<void> {
    const file = this.current(bucket, key)?.file;
    if (file === undefined) await this.#plain.unlink(bucket.name, key);
    else await this.#plain.link(bucket.name, key, this.#file(file));
  }

  /** Links again what a crash left without its file, or with an older one. */
  async repair(): Promise<void> {
    for (const bucket of this.buckets.values()) {
      for (const key of bucket.objects.keys()) {
        const file = this.current(bucket, key)?.file;
        if (file !== undefined && !this.#plain.has(bucket.name, key, this.#file(file))) await this.#show(bucket, key);
      }
    }
  }

  /** Bodies that a crash left without a version, or whose version is gone. */
  #removeUnknownBodies(): void {
    const known = new Set(
      [...this.buckets.values()].flatMap(({ objects }) => [...objects.values()].flat().map(({ file }) => file)),
    );
    for (const name of readdirSync(join(this.#folder, '.versions'))) {
      if (!known.has(name)) rmSync(this.#file(name), { force: true });
    }
  }

  #replay(entry: Entry): void {
    if (entry.o === 'bucket') {
      const { settings } = entry;
      const before = this.buckets.get(settings.name);
      if (before) Object.assign(before, settings);
      else this.buckets.set(settings.name, { ...settings, objects: new Map(), sorted: undefined });
    } else if (entry.o === 'no-bucket') this.buckets.delete(entry.name);
    else {
      const bucket = this.buckets.get(entry.bucket);
      if (!bucket) return;
      if (entry.o === 'delete') this.#drop(bucket, entry.key, entry.id);
      else if (entry.version.deleteMarker || existsSync(this.#file(entry.version.file ?? ''))) {
        this.#insert(bucket, entry.key, entry.version);
      }
    }
  }

  #compact(): void {
    this.#journal.compact(this.#entries());
  }

  *#entries(): Generator<Entry> {
    for (const bucket of this.buckets.values()) {
      yield { o: 'bucket', settings: settingsOf(bucket) };
      for (const [key, versions] of bucket.objects) {
        for (const version of versions.toReversed()) yield { o: 'put', bucket: bucket.name, key, version };
      }
    }
  }
}

const older = (version: Version, ms: number): Version => ({
  ...version,
  at: version.at - ms,
  ...(version.retention
    ? { retention: { ...version.retention, until: new Date(Date.parse(version.retention.until) - ms).toISOString() } }
    : {}),
  ...(version.restore
    ? { restore: { ...version.restore, readyAt: version.restore.readyAt - ms, until: version.restore.until - ms } }
    : {}),
});

function settingsOf({ objects: _objects, sorted: _sorted, ...settings }: Bucket): BucketSettings {
  return settings;
}

/** The order of UTF-8 bytes. UTF-16 has the same order up to the surrogates, and compares faster. */
export function compareKeys(a: string, b: string): number {
  if (/[\ud800-\uffff]/.test(a) || /[\ud800-\uffff]/.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : Number(a > b);
}

/** Where a key is, or would be, among sorted ones. */
export function placeOf(sorted: readonly string[], key: string): number {
  let low = 0;
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (compareKeys(sorted[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
