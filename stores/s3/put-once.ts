/** Objects that are put once, under keys that are fresh for each try. */
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Problem } from '#core/event/problem.ts';
import { reach, statusOf } from '../aws/clients.ts';

export interface OnceObject {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body: Uint8Array;
  readonly sha256: Buffer;
  readonly ContentType: string;
  /** As in a query: `ladder=standard`. */
  readonly Tagging?: string;
}

/**
 * Puts an object whose key must be free; S3 checks the digest of what arrived. Rejects with `Problem` `conflict` when
 * another object has the key, and with `Unavailable`.
 */
export async function putOnce(client: S3Client, place: string, { sha256, ...object }: OnceObject): Promise<void> {
  const ChecksumSHA256 = sha256.toString('base64');
  await reach(place, async () => {
    try {
      await client.send(new PutObjectCommand({ ...object, ChecksumSHA256, IfNoneMatch: '*' }));
    } catch (error) {
      if (statusOf(error) !== 412) throw error;
      if (await holds(client, object, ChecksumSHA256)) return;
      throw new Problem('conflict', `The object ${object.Key} exists already.`, { cause: error });
    }
  });
}

/**
 * The SDK tries again when an answer is lost, and the second try then meets the object that the first one put.
 * The key is ours alone and fresh, so the same checksum means that our own bytes are there.
 */
async function holds(client: S3Client, { Bucket, Key }: Pick<OnceObject, 'Bucket' | 'Key'>, sha256: string) {
  const head = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
  return head.ChecksumSHA256 === sha256;
}
