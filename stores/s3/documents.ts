/** Small JSON documents in a bucket. */
import { GetObjectCommand, PutObjectCommand, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { nameOf } from '../aws/clients.ts';

/**
 * The document, or undefined when there is none. The role needs `s3:ListBucket`: without it S3 answers 403 for a
 * missing object, which is an error here, because a missing permission must not look like a missing key.
 */
export async function getJson<T>(client: S3Client, Bucket: string, Key: string): Promise<T | undefined> {
  try {
    const answer = await client.send(new GetObjectCommand({ Bucket, Key }));
    return JSON.parse(await answer.Body!.transformToString()) as T;
  } catch (error) {
    if (nameOf(error) === 'NoSuchKey') return undefined;
    throw error;
  }
}

export async function putJson(
  client: S3Client,
  Bucket: string,
  Key: string,
  document: object,
  only: Pick<PutObjectCommandInput, 'IfNoneMatch'> = {},
): Promise<void> {
  const Body = JSON.stringify(document);
  await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'application/json', ...only }));
}
