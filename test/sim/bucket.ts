/**
 * S3 in the simulation: objects with entity tags, versions and conditional writes, behind as much of the SDK's client as
 * the drivers use. The real drivers run on it.
 */
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Scheduler, Worker } from './scheduler.ts';

interface Stored {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

interface Write {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: boolean;
}

/** Conditions that S3 keeps for a key; a run without one of them shows what it is good for. */
export type Conditions = (key: string) => { readonly ifMatch: boolean; readonly ifNoneMatch: boolean };

/** Sees every change, at the moment it happens. */
export interface Watcher {
  wrote(key: string, bytes: Uint8Array): void;
  removed(key: string): void;
}

export class Bucket {
  readonly objects = new Map<string, Stored>();
  /** Everything that was ever written below a key, the newest last: removing adds a marker and takes nothing away. */
  readonly versions = new Map<string, Uint8Array[]>();
  writes = 0;
  readonly #watcher: Watcher;
  readonly #conditions: Conditions;
  #etag = 0;

  constructor(watcher: Watcher, conditions: Conditions = () => ({ ifMatch: true, ifNoneMatch: true })) {
    this.#watcher = watcher;
    this.#conditions = conditions;
  }

  /** Entity tag of what was written; undefined when a condition did not hold. */
  put({ key, bytes, ifMatch, ifNoneMatch }: Write): string | undefined {
    const there = this.objects.get(key);
    const kept = this.#conditions(key);
    if (kept.ifNoneMatch && ifNoneMatch && there) return undefined;
    if (kept.ifMatch && ifMatch !== undefined && there?.etag !== ifMatch) return undefined;
    const etag = `"${++this.#etag}"`;
    this.objects.set(key, { bytes, etag });
    const versions = this.versions.get(key);
    if (versions) versions.push(bytes);
    else this.versions.set(key, [bytes]);
    this.writes++;
    this.#watcher.wrote(key, bytes);
    return etag;
  }

  remove(key: string): void {
    if (this.objects.delete(key)) this.#watcher.removed(key);
  }

  /** Keys below a prefix in the order of their bytes. */
  keys(prefix: string, after = ''): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  }
}

class S3Error extends Error {
  readonly $metadata: { readonly httpStatusCode: number };
  constructor(name: string, httpStatusCode: number) {
    super(name);
    this.name = name;
    this.$metadata = { httpStatusCode };
  }
}

const failures: readonly (() => S3Error)[] = [
  () => new S3Error('InternalError', 500),
  () => new S3Error('SlowDown', 503),
  () => new S3Error('RequestTimeout', 400),
];

/** The client that one worker has. Names in a page are few, so that listings meet writes between their pages. */
export function clientOf(scheduler: Scheduler, worker: Worker, bucket: Bucket, pageKeys = 40): S3Client {
  const failure = () => scheduler.random.pick(failures)();
  const options = { failure };
  const reading = { failure, reads: true };

  const put = async (command: PutObjectCommand) => {
    const { Key, Body, IfMatch, IfNoneMatch } = command.input;
    const write = { key: Key!, bytes: Body as Uint8Array, ifMatch: IfMatch, ifNoneMatch: IfNoneMatch === '*' };
    const effect = () => {
      if (scheduler.random.chance(scheduler.rates.conflict)) {
        scheduler.count('conditional write conflict (409)');
        throw new S3Error('ConditionalRequestConflict', 409);
      }
      const ETag = bucket.put(write);
      if (ETag === undefined) {
        if (write.ifMatch !== undefined && !bucket.objects.has(write.key)) throw new S3Error('NoSuchKey', 404);
        throw new S3Error('PreconditionFailed', 412);
      }
      return { ETag };
    };
    // The answer was lost and the SDK sends the request again, which meets what it did the first time.
    if (scheduler.random.chance(scheduler.rates.resend)) {
      scheduler.count('request sent again by the SDK');
      await scheduler.call(worker, 'S3', effect, options).catch((error: unknown) => {
        if (error instanceof S3Error && error.$metadata.httpStatusCode === 412) throw error;
      });
    }
    return scheduler.call(worker, 'S3', effect, options);
  };

  const get = (command: GetObjectCommand) =>
    scheduler.call(
      worker,
      'S3',
      () => {
        const found = bucket.objects.get(command.input.Key!);
        if (!found) throw new S3Error('NoSuchKey', 404);
        return { ETag: found.etag, Body: { transformToByteArray: async () => found.bytes } };
      },
      reading,
    );

  const list = (command: ListObjectsV2Command) =>
    scheduler.call(
      worker,
      'S3',
      () => {
        const { Prefix = '', StartAfter, ContinuationToken } = command.input;
        const keys = bucket.keys(Prefix, ContinuationToken ?? StartAfter);
        const page = keys.slice(0, pageKeys);
        const Contents = page.map((Key) => ({ Key, Size: bucket.objects.get(Key)!.bytes.length }));
        return { Contents, NextContinuationToken: keys.length > pageKeys ? page.at(-1) : undefined };
      },
      reading,
    );

  const remove = (command: DeleteObjectsCommand) =>
    scheduler.call(
      worker,
      'S3',
      () => {
        for (const { Key } of command.input.Delete?.Objects ?? []) bucket.remove(Key!);
        return {};
      },
      options,
    );

  const send = (command: unknown): Promise<unknown> => {
    if (command instanceof PutObjectCommand) return put(command);
    if (command instanceof GetObjectCommand) return get(command);
    if (command instanceof ListObjectsV2Command) return list(command);
    if (command instanceof DeleteObjectsCommand) return remove(command);
    throw new TypeError(`the simulated S3 does not know ${(command as object).constructor.name}`);
  };
  return { send } as unknown as S3Client;
}
