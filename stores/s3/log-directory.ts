/** Which logs the evidence bucket holds: the folders below `t/`. Needs no database. */
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { LogDirectory } from '#core/proof/witness-ports.ts';
import { reach } from '../aws/clients.ts';
import { isLogSlug } from './log-names.ts';

const folder = 't/';

export class S3LogDirectory implements LogDirectory {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** A thousand logs a request, whatever they hold. */
  async *slugs(): AsyncIterable<string> {
    let ContinuationToken: string | undefined;
    do {
      const input = { Bucket: this.#bucket, Prefix: folder, Delimiter: '/', ContinuationToken };
      const page = await reach('S3 logs', () => this.#client.send(new ListObjectsV2Command(input)));
      for (const { Prefix = '' } of page.CommonPrefixes ?? []) {
        const slug = Prefix.slice(folder.length, -1);
        if (isLogSlug(slug)) yield slug;
      }
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
  }
}
