/**
 * Logs on S3, in the layout of C2SP tlog-tiles: `t/<slug>/checkpoint`, `t/<slug>/tile/…`, and beside them the archive of
 * checkpoints and the texts for auditors.
 *
 * Every write is conditional, and the bucket's policy refuses any that is not. The SDK tries again when an answer is
 * lost, and then meets what its own first try wrote; therefore a refused condition (412) is settled by what is there.
 */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { LogStore, Put } from '#core/proof/ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { nameOf, reach, statusOf } from '../aws/clients.ts';
import { listKeys } from './list-keys.ts';
import { archiveFolder, archivePath, headersOf, isArchived, isLogPath, isLogSlug, isTilePath } from './log-names.ts';
import { checked } from './names.ts';

const place = 'S3 logs';
const dayMs = 86_400_000;
/** S3 takes no more names in one request. */
const keysPerDelete = 1000;
/** Tries of a write that met another one to the same key at the same moment (409), and the pause before the second. */
const roundsMax = 4;
const pauseMs = 50;
/** The main database's is older than shards. */
const incarnationKey = (shard = 0) => (shard === 0 ? 'incarnation' : `incarnation-${shard}`);
/** What is about to be signed. Not in any standard: readers have no use for it. */
const boundPath = 'bound';
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

type Condition = { readonly IfMatch: string } | { readonly IfNoneMatch: '*' };

export class S3LogStore implements LogStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #lockDays: number | undefined;
  readonly #now: () => number;
  readonly #pause: (ms: number) => Promise<unknown>;

  /**
   * `lockDays`: how long archived checkpoints are locked, in a bucket that has Object Lock; without it they are not.
   * `now` and `pause` are the clock's, in ms.
   */
  constructor(
    client: S3Client,
    bucket: string,
    options: {
      readonly lockDays?: number;
      readonly now?: () => number;
      readonly pause?: (ms: number) => Promise<unknown>;
    } = {},
  ) {
    this.#client = client;
    this.#bucket = bucket;
    this.#lockDays = options.lockDays;
    this.#now = options.now ?? Date.now;
    this.#pause = options.pause ?? setTimeout;
  }

  put(slug: string, path: string, bytes: Uint8Array): Promise<Put> {
    return this.#putOnce(keyOf(slug, path), bytes, headersOf(path));
  }

  async get(slug: string, path: string): Promise<Uint8Array | undefined> {
    return (await this.#read(keyOf(slug, path)))?.bytes;
  }

  archive(slug: string, size: number, note: string): Promise<Put> {
    const path = archivePath(size);
    const lock =
      this.#lockDays === undefined
        ? {}
        : ({
            ObjectLockMode: 'COMPLIANCE',
            ObjectLockRetainUntilDate: new Date(this.#now() + this.#lockDays * dayMs),
          } as const);
    return this.#putOnce(keyOf(slug, path), encoder.encode(note), { ...headersOf(path), ...lock });
  }

  async newestArchived(
    slug: string,
    from: number,
  ): Promise<{ readonly size: number; readonly note: string } | undefined> {
    const newest =
      (from > 0 ? await this.#lastArchived(slug, from - 1) : undefined) ?? (await this.#lastArchived(slug));
    if (newest === undefined) return undefined;
    const note = (await this.#read(newest))?.bytes;
    // Listed and gone: nobody may remove it, so whoever asks again hears what is true by then.
    if (!note) throw new Unavailable(place);
    return { size: Number(newest.slice(-20)), note: decoder.decode(note) };
  }

  async bound(slug: string): Promise<{ readonly text: string; readonly etag: string } | undefined> {
    const found = await this.#read(keyOf(slug, boundPath));
    return found && { text: decoder.decode(found.bytes), etag: found.etag };
  }

  bind(slug: string, text: string, etag: string | undefined): Promise<boolean> {
    return this.#replace(keyOf(slug, boundPath), encoder.encode(text), etag, headersOf(boundPath));
  }

  async checkpoint(slug: string): Promise<{ readonly note: string; readonly etag: string } | undefined> {
    const found = await this.#read(keyOf(slug, 'checkpoint'));
    return found && { note: decoder.decode(found.bytes), etag: found.etag };
  }

  publish(slug: string, note: string, etag: string | undefined): Promise<boolean> {
    return this.#replace(keyOf(slug, 'checkpoint'), encoder.encode(note), etag, headersOf('checkpoint'));
  }

  async *list(slug: string, prefix: string): AsyncIterable<string> {
    const log = `t/${checked(slug, isLogSlug)}/`;
    for await (const key of listKeys(this.#client, this.#bucket, { place, prefix: log + prefix })) {
      const path = key.slice(log.length);
      if (isTilePath(path)) yield path;
    }
  }

  async remove(slug: string, paths: readonly string[]): Promise<void> {
    const Objects = paths.map((path) => ({ Key: keyOf(slug, checked(path, isTilePath)) }));
    for (let at = 0; at < Objects.length; at += keysPerDelete) {
      const Delete = { Objects: Objects.slice(at, at + keysPerDelete), Quiet: true };
      const { Errors = [] } = await reach(place, () =>
        this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete })),
      );
      const [first] = Errors;
      if (first?.Code === 'InternalError' || first?.Code === 'SlowDown') throw new Unavailable(place);
      if (first) throw new Error(`${first.Key} was not removed: ${first.Code} ${first.Message}`);
    }
  }

  putText(slug: string, path: string, text: string): Promise<void> {
    return this.#set(keyOf(slug, path), text, headersOf(path));
  }

  async incarnation(shard?: number): Promise<string | undefined> {
    const found = await this.#read(incarnationKey(shard));
    return found && decoder.decode(found.bytes).trim();
  }

  setIncarnation(incarnation: string, shard?: number): Promise<void> {
    const key = incarnationKey(shard);
    return this.#set(key, `${incarnation}\n`, headersOf(key));
  }

  /** Key of the largest archived size above `after`. */
  async #lastArchived(slug: string, after?: number): Promise<string | undefined> {
    const prefix = `t/${checked(slug, isLogSlug)}/${archiveFolder}`;
    const startAfter = after === undefined ? undefined : keyOf(slug, archivePath(after));
    let last: string | undefined;
    for await (const key of listKeys(this.#client, this.#bucket, { place, prefix, startAfter })) {
      if (isArchived(key.slice(prefix.length - archiveFolder.length))) last = key;
    }
    return last;
  }

  async #putOnce(Key: string, bytes: Uint8Array, headers: Partial<PutObjectCommandInput>): Promise<Put> {
    for (let round = 0; round < roundsMax; round++) {
      if (await this.#write(Key, bytes, { IfNoneMatch: '*' }, headers)) return 'stored';
      const there = await this.#read(Key);
      if (there) return Buffer.compare(there.bytes, bytes) === 0 ? 'same' : 'different';
    }
    throw new Unavailable(place);
  }

  /** Writes if the entity tag still holds; true too when what is there is what was to be written. */
  async #replace(
    Key: string,
    bytes: Uint8Array,
    etag: string | undefined,
    headers: Partial<PutObjectCommandInput>,
  ): Promise<boolean> {
    if (await this.#write(Key, bytes, etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag }, headers))
      return true;
    const there = await this.#read(Key);
    return there !== undefined && Buffer.compare(there.bytes, bytes) === 0;
  }

  /** Writes a text over whatever is there; of two at once the one that comes last stays. */
  async #set(Key: string, text: string, headers: Partial<PutObjectCommandInput>): Promise<void> {
    const bytes = encoder.encode(text);
    for (let round = 0; round < roundsMax; round++) {
      const there = await this.#read(Key);
      if (there && Buffer.compare(there.bytes, bytes) === 0) return;
      if (await this.#replace(Key, bytes, there?.etag, headers)) return;
    }
    throw new Unavailable(place);
  }

  /** False when the condition did not hold. */
  async #write(
    Key: string,
    Body: Uint8Array,
    condition: Condition,
    headers: Partial<PutObjectCommandInput>,
  ): Promise<boolean> {
    const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
    const input = { Bucket: this.#bucket, Key, Body, ChecksumSHA256, ...headers, ...condition };
    for (let round = 1; ; round++) {
      try {
        await this.#client.send(new PutObjectCommand(input));
        return true;
      } catch (error) {
        // 404: If-Match met nothing at all.
        if (statusOf(error) === 412 || nameOf(error) === 'NoSuchKey') return false;
        if (nameOf(error) !== 'ConditionalRequestConflict' || round === roundsMax) {
          return await reach(place, () => Promise.reject(error));
        }
      }
      await this.#pause(pauseMs * round);
    }
  }

  #read(Key: string): Promise<{ readonly bytes: Uint8Array; readonly etag: string } | undefined> {
    return reach(place, async () => {
      try {
        const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
        return { bytes: await answer.Body!.transformToByteArray(), etag: answer.ETag! };
      } catch (error) {
        if (nameOf(error) === 'NoSuchKey') return undefined;
        throw error;
      }
    });
  }
}

const keyOf = (slug: string, path: string): string => `t/${checked(slug, isLogSlug)}/${checked(path, isLogPath)}`;
