/**
 * Segments on S3.
 *
 * The body and its `.idx` sidecar are put at once and both are durable before `write` resolves, so before any
 * commit names them. A crash may leave either one alone; such a segment was never committed. `list` therefore
 * shows a segment when either of its two objects is there, and `remove` takes both.
 */
import { createHash } from 'node:crypto';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { Event } from '#core/event/event.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { segmentPrefix } from '#core/record/plan-segment.ts';
import type { Segments } from '#core/record/ports.ts';
import type { Segment, SegmentPlan } from '#core/record/segment.ts';
import { nameOf, reach, statusOf } from '../aws/clients.ts';
import { checked, isSegmentKey } from './names.ts';
import { putOnce } from './put-once.ts';
import { readRange } from './read-range.ts';
import { compress, inflateBlock } from './seekable-gzip.ts';
import { decodeSidecar, encodeSidecar, segmentOf, sidecarKey } from './segment-index.ts';

const place = 'S3 segments';
const hourMs = 3600_000;

/** The driver of the port Segments over a bucket. */
export class S3Segments implements Segments {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async write(plan: SegmentPlan): Promise<Segment> {
    checked(plan.key, isSegmentKey);
    const { bytes, offsets } = await compress(plan.blocks.map((block) => block.text));
    const digest = createHash('sha256').update(bytes).digest();
    const segment = segmentOf(plan, { bytes: bytes.length, sha256: digest.toString('hex'), offsets });
    const sidecar = Buffer.from(encodeSidecar(segment));
    await Promise.all([
      this.#put(plan.key, bytes, digest, 'application/gzip'),
      this.#put(sidecarKey(plan.key), sidecar, createHash('sha256').update(sidecar).digest(), 'application/json'),
    ]);
    return segment;
  }

  async read(key: string, offset: number, bytes: number): Promise<Uint8Array> {
    checked(key, isSegmentKey);
    return readRange(this.#client, place, { Bucket: this.#bucket, Key: key, offset, bytes });
  }

  async load(key: string): Promise<{ readonly segment: Segment; readonly lines: readonly EventLine[] } | undefined> {
    checked(key, isSegmentKey);
    const [bytes, sidecar] = await Promise.all([this.#whole(key), this.#whole(sidecarKey(key))]);
    if (!bytes || !sidecar) return undefined;
    const segment = decodeSidecar(Buffer.from(sidecar).toString());
    if (createHash('sha256').update(bytes).digest('hex') !== segment.sha256) {
      throw new Error(`${key} is not the segment that its index was written for`);
    }
    const lines = segment.parts.flatMap(({ blocks }) =>
      blocks.flatMap((block) => {
        const text = inflateBlock(bytes.subarray(block.offset, block.offset + block.bytes), {
          key,
          offset: block.offset,
        });
        return text
          .slice(0, -1)
          .split('\n')
          .map((line) => ({ event: JSON.parse(line) as Event, line }));
      }),
    );
    return { segment, lines };
  }

  async *list(from: Date, to: Date): AsyncIterable<{ readonly key: string; readonly bytes: number }> {
    const start = Math.floor(from.getTime() / hourMs) * hourMs;
    for (let hour = start; hour < to.getTime(); hour += hourMs) {
      for await (const segment of this.#listHour(segmentPrefix(new Date(hour)))) {
        const time = timeOf(segment.key);
        if (time >= from.getTime() && time < to.getTime()) yield segment;
      }
    }
  }

  async remove(key: string): Promise<void> {
    checked(key, isSegmentKey);
    const gone = (Key: string) => this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key }));
    await reach(place, () => Promise.all([gone(key), gone(sidecarKey(key))]));
  }

  /** One hour's segments by key, which is by time: `<id>.idx` sorts right before `<id>.jsonl.gz`. */
  async *#listHour(Prefix: string): AsyncIterable<{ readonly key: string; readonly bytes: number }> {
    let orphan: string | undefined;
    let ContinuationToken: string | undefined;
    do {
      const input = { Bucket: this.#bucket, Prefix, ContinuationToken };
      const page = await reach(place, () => this.#client.send(new ListObjectsV2Command(input)));
      for (const { Key = '', Size = 0 } of page.Contents ?? []) {
        const key = Key.replace(/\.idx$/, '.jsonl.gz');
        if (!isSegmentKey(key)) continue;
        if (orphan !== undefined && orphan !== key) yield { key: orphan, bytes: 0 };
        orphan = key === Key ? undefined : key;
        if (key === Key) yield { key, bytes: Size };
      }
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    if (orphan !== undefined) yield { key: orphan, bytes: 0 };
  }

  #whole(Key: string): Promise<Uint8Array | undefined> {
    return reach(place, async () => {
      try {
        const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
        return await answer.Body!.transformToByteArray();
      } catch (error) {
        if (nameOf(error) === 'NoSuchKey' || statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  #put(Key: string, Body: Uint8Array, sha256: Buffer, ContentType: string): Promise<void> {
    return putOnce(this.#client, place, { Bucket: this.#bucket, Key, Body, sha256, ContentType });
  }
}

/** The time inside a segment's UUIDv7, ms since 1970. */
const timeOf = (key: string): number => Number.parseInt(key.split('/').at(-1)!.replace('-', '').slice(0, 12), 16);
