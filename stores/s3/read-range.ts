/** A range of an object, whole or not at all. */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Archived } from '#core/archive/ports.ts';
import { Damaged } from '#core/query/ports.ts';
import { Missing } from '#core/record/ports.ts';
import { nameOf, reach, statusOf } from '../aws/clients.ts';

export interface ObjectRange {
  readonly Bucket: string;
  readonly Key: string;
  /** From 0. */
  readonly offset: number;
  readonly bytes: number;
}

/**
 * The bytes [offset, offset + bytes) of an object. Rejects with `Missing` when it is gone, `Archived` when it must be
 * restored first, `Damaged` when it is shorter, and `Unavailable`.
 */
export async function readRange(
  client: S3Client,
  place: string,
  { Bucket, Key, offset, bytes }: ObjectRange,
): Promise<Uint8Array> {
  const Range = `bytes=${offset}-${offset + bytes - 1}`;
  const body = await reach(place, async () => {
    try {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
      return await answer.Body!.transformToByteArray();
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey' || statusOf(error) === 404) throw new Missing(Key, { cause: error });
      if (nameOf(error) === 'InvalidObjectState') throw new Archived(Key, error);
      if (statusOf(error) === 416) throw new Damaged(Key, `it ends before ${Range}`, error);
      throw error;
    }
  });
  if (body.length !== bytes) throw new Damaged(Key, `${Range} has only ${body.length} bytes`);
  return body;
}
