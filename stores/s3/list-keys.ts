/** Names in a bucket, page by page. */
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { reach } from '../aws/clients.ts';

/** Keys below a prefix in the order of their bytes, those behind `startAfter` only. Rejects with `Unavailable`. */
export async function* listKeys(
  client: S3Client,
  Bucket: string,
  range: { readonly place: string; readonly prefix: string; readonly startAfter?: string | undefined },
): AsyncIterable<string> {
  let ContinuationToken: string | undefined;
  do {
    const input = { Bucket, Prefix: range.prefix, StartAfter: range.startAfter, ContinuationToken };
    const page = await reach(range.place, () => client.send(new ListObjectsV2Command(input)));
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
}
