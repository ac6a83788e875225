/**
 * What a witness must not forget, on S3: `logs/<hash of the origin>/checkpoint`, one object a log, replaced only under
 * the condition that nobody else replaced it first. Beside it `logs.txt`, which an operator writes: the logs it knows.
 */
import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { type KnownLogs, parseKnownLogs } from '#core/proof/witness-logs.ts';
import type { WitnessStore } from '#core/proof/witness-ports.ts';
import { nameOf, reach, statusOf } from '../aws/clients.ts';
import { DocumentCache } from './document-cache.ts';
import { checked } from './names.ts';

const place = 'S3 witness';
const logsKey = 'logs.txt';
/** A log that an operator adds is known within a minute. */
const freshMs = 60_000;

const isHash = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
const keyOf = (hash: string): string => `logs/${checked(hash, isHash)}/checkpoint`;

export interface WitnessStateOptions {
  readonly crypto: ProofCrypto;
  /** Rules that the deployment brings along, in the form of `logs.txt`. */
  readonly logs?: string | undefined;
  /** Hears of rules that cannot be read. */
  readonly onProblem?: (problem: string) => void;
  /** ms since 1970 */
  readonly now?: () => number;
}

export class S3WitnessState implements WitnessStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #known: DocumentCache<KnownLogs>;

  constructor(client: S3Client, bucket: string, { crypto, logs = '', onProblem, now = Date.now }: WitnessStateOptions) {
    this.#client = client;
    this.#bucket = bucket;
    this.#known = new DocumentCache(
      async (key) => {
        const parsed = parseKnownLogs(crypto, `${logs}\n${(await this.#read(key))?.text ?? ''}`);
        for (const problem of parsed.problems) onProblem?.(problem);
        return parsed.logs;
      },
      freshMs,
      now,
    );
  }

  async latest(hash: string): Promise<{ readonly note: string; readonly etag: string } | undefined> {
    const found = await this.#read(keyOf(hash));
    return found && { note: found.text, etag: found.etag };
  }

  async replace(hash: string, note: string, etag: string | undefined): Promise<boolean> {
    const Body = Buffer.from(note);
    const input = {
      Bucket: this.#bucket,
      Key: keyOf(hash),
      Body,
      ContentType: 'text/plain; charset=utf-8',
      ChecksumSHA256: createHash('sha256').update(Body).digest('base64'),
      ...(etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag }),
    };
    const written = await reach(place, async () => {
      try {
        await this.#client.send(new PutObjectCommand(input));
        return true;
      } catch (error) {
        // 404: If-Match met nothing at all.
        if (statusOf(error) === 412 || nameOf(error) === 'NoSuchKey') return false;
        throw error;
      }
    });
    // The SDK tries again when an answer is lost, and then meets what its own first try wrote.
    return written || (await this.latest(hash))?.note === note;
  }

  async logs(): Promise<KnownLogs> {
    return (await this.#known.get(logsKey)) ?? (() => []);
  }

  #read(Key: string): Promise<{ readonly text: string; readonly etag: string } | undefined> {
    return reach(place, async () => {
      try {
        const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
        return { text: await answer.Body!.transformToString(), etag: answer.ETag! };
      } catch (error) {
        if (nameOf(error) === 'NoSuchKey') return undefined;
        throw error;
      }
    });
  }
}
