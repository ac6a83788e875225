/** Files that people put into a source's inbox: `inbox/<tenant>/<source>/<name>` of the bucket of imports. */
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { FileChanged, type Inbox, type InboxFile } from '#core/costs/fetch-ports.ts';
import { isFileName } from '#core/costs/source.ts';
import { nameOf, reach, statusOf } from '../aws/clients.ts';
import { checked, isTenantName } from './names.ts';

const place = 'S3 imports';
/** So much is read at once: a stream that is open for minutes breaks, and one that nobody reads is cut. */
const rangeBytes = 8 * 1024 * 1024;

export class S3Inbox implements Inbox {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #signer: S3Client;

  /**
   * `signer` signs addresses and calls nothing. It must not add checksums by itself (`WHEN_REQUIRED`): they would be those
   * of no content, and S3 would refuse every file.
   */
  constructor(client: S3Client, bucket: string, signer = client) {
    this.#client = client;
    this.#bucket = bucket;
    this.#signer = signer;
  }

  async list(tenant: string, source: string): Promise<readonly InboxFile[]> {
    const folder = folderOf(tenant, source);
    const files: InboxFile[] = [];
    for (let ContinuationToken: string | undefined; ; ) {
      const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: folder, ContinuationToken });
      const answer = await reach(place, () => this.#client.send(command));
      for (const { Key = '', Size = 0, ETag = '', LastModified } of answer.Contents ?? []) {
        const name = Key.slice(folder.length);
        if (isFileName(name) && LastModified) files.push({ name, bytes: Size, version: ETag, at: LastModified });
      }
      ContinuationToken = answer.NextContinuationToken;
      if (ContinuationToken === undefined) return files;
    }
  }

  async *read(
    tenant: string,
    source: string,
    { name, bytes, version }: InboxFile,
    from = 0,
    to = bytes,
  ): AsyncIterable<Uint8Array> {
    const Key = keyOf(tenant, source, name);
    for (let at = from; at < to; at += rangeBytes) {
      const Range = `bytes=${at}-${Math.min(at + rangeBytes, to) - 1}`;
      const command = new GetObjectCommand({ Bucket: this.#bucket, Key, Range, IfMatch: version });
      yield await reach(place, async () => {
        try {
          return await (await this.#client.send(command)).Body!.transformToByteArray();
        } catch (error) {
          if (statusOf(error) === 412 || nameOf(error) === 'NoSuchKey') throw new FileChanged(`${name} was changed`);
          throw error;
        }
      });
    }
  }

  offer(tenant: string, source: string, name: string, seconds: number): Promise<string> {
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: keyOf(tenant, source, name) });
    // Signed here: nothing is called, but the credentials may have to be fetched.
    return reach(place, () => getSignedUrl(this.#signer, command, { expiresIn: seconds }));
  }
}

const folderOf = (tenant: string, source: string): string =>
  `inbox/${checked(tenant, isTenantName)}/${checked(source, isTenantName)}/`;
const keyOf = (tenant: string, source: string, name: string): string =>
  `${folderOf(tenant, source)}${checked(name, isFileName)}`;
