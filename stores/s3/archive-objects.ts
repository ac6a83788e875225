/**
 * Archive files on S3.
 *
 * Of a file the object comes first and its sidecar second; of a removal the sidecar goes first. So whatever a crash
 * leaves, each sidecar that is listed has its object, and a rebuild that goes by sidecars never meets one without. An
 * object without a sidecar is in nobody's catalogue: its name stands in archive.doomed from before it was written.
 */
import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  RestoreObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { archiveIndexKey, archiveKey } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { PlannedBlock } from '#core/archive/plan.ts';
import type { ArchiveObjects, StorageClass, StoredState } from '#core/archive/ports.ts';
import { Missing } from '#core/record/ports.ts';
import { nameOf, reach, statusOf } from '../aws/clients.ts';
import {
  addDigests,
  decodeArchiveIndex,
  encodeArchiveIndex,
  type IndexedFile,
  indexOf,
  type NewFile,
  type WrittenBlock,
} from './archive-index.ts';
import { listKeys } from './list-keys.ts';
import { checked, isArchiveKey } from './names.ts';
import { putOnce } from './put-once.ts';
import { readRange } from './read-range.ts';
import { GzipWriter } from './seekable-gzip.ts';

const place = 'S3 archive';
const indexFolder = 'index/';

/** The driver of the port ArchiveObjects over a bucket. */
export class S3ArchiveObjects implements ArchiveObjects {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async write(file: NewFile, blocks: AsyncIterable<PlannedBlock> | Iterable<PlannedBlock>): Promise<IndexedFile> {
    const key = checked(archiveKey(file), isArchiveKey);
    const gzip = new GzipWriter(8);
    const kept: WrittenBlock[] = [];
    const sum = new LinesSum();
    for await (const { text, digests, ...block } of blocks) {
      addDigests(sum, digests);
      kept.push(block);
      await gzip.add(text);
    }
    if (kept.length === 0) throw new RangeError('an archive file has a block at least');
    const Body = Buffer.concat(await gzip.finish());
    const sha256 = createHash('sha256').update(Body).digest();
    const { rawBytes, offsets } = gzip;
    const written = { bytes: Body.length, rawBytes, sha256: sha256.toString('hex'), sum, offsets };
    const indexed = indexOf(file, kept, written);
    const Tagging = `ladder=${encodeURIComponent(file.ladder)}`;
    await this.#put({ Key: key, Body, sha256, ContentType: 'application/gzip', Tagging });
    const index = encodeArchiveIndex(indexed);
    const digest = createHash('sha256').update(index).digest();
    const ContentType = 'application/octet-stream';
    await this.#put({ Key: archiveIndexKey(key), Body: index, sha256: digest, ContentType });
    return indexed;
  }

  async read(key: string, offset: number, bytes: number): Promise<Uint8Array> {
    checked(key, isArchiveKey);
    return readRange(this.#client, place, { Bucket: this.#bucket, Key: key, offset, bytes });
  }

  async index(key: string): Promise<IndexedFile | undefined> {
    checked(key, isArchiveKey);
    const Key = archiveIndexKey(key);
    const bytes = await reach(place, async () => {
      try {
        const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
        return await answer.Body!.transformToByteArray();
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
    });
    return bytes && decodeArchiveIndex(bytes);
  }

  async *list(prefix: string): AsyncIterable<string> {
    const range = { place, prefix: indexFolder + prefix };
    for await (const Key of listKeys(this.#client, this.#bucket, range)) {
      const key = Key.slice(indexFolder.length).replace(/\.idx$/, '.jsonl.gz');
      if (isArchiveKey(key)) yield key;
    }
  }

  async state(key: string): Promise<StoredState | undefined> {
    checked(key, isArchiveKey);
    return reach(place, async () => {
      try {
        const input = { Bucket: this.#bucket, Key: key, ChecksumMode: 'ENABLED' } as const;
        const head = await this.#client.send(new HeadObjectCommand(input));
        const storageClass = (head.StorageClass ?? 'STANDARD') as StorageClass;
        const { ChecksumSHA256: sum } = head;
        const sha256 = sum === undefined ? {} : { sha256: Buffer.from(sum, 'base64').toString('hex') };
        return { bytes: head.ContentLength ?? 0, storageClass, ...sha256, ...restoreOf(head.Restore) };
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
    });
  }

  async restore(key: string, days: number, speed: 'standard' | 'bulk'): Promise<void> {
    checked(key, isArchiveKey);
    const GlacierJobParameters = { Tier: speed === 'bulk' ? 'Bulk' : 'Standard' } as const;
    const input = { Bucket: this.#bucket, Key: key, RestoreRequest: { Days: days, GlacierJobParameters } };
    await reach(place, async () => {
      try {
        await this.#client.send(new RestoreObjectCommand(input));
      } catch (error) {
        if (isGone(error)) throw new Missing(key, { cause: error });
        // Somebody asked already, or it can be read as it is.
        if (
          !['RestoreAlreadyInProgress', 'InvalidObjectState', 'ObjectAlreadyInActiveTierError'].includes(nameOf(error))
        )
          throw error;
      }
    });
  }

  async remove(key: string): Promise<void> {
    checked(key, isArchiveKey);
    for (const Key of [archiveIndexKey(key), key]) {
      await reach(place, () => this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key })));
    }
  }

  #put(object: Omit<Parameters<typeof putOnce>[2], 'Bucket'>): Promise<void> {
    return putOnce(this.#client, place, { Bucket: this.#bucket, ...object });
  }
}

const isGone = (error: unknown): boolean => nameOf(error) === 'NoSuchKey' || statusOf(error) === 404;

/** `ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"` */
function restoreOf(header: string | undefined): Pick<StoredState, 'restore'> {
  if (header === undefined) return {};
  const ongoing = header.includes('ongoing-request="true"');
  const until = /expiry-date="([^"]+)"/.exec(header)?.[1];
  return { restore: { ongoing, ...(until === undefined ? {} : { until: new Date(until) }) } };
}
