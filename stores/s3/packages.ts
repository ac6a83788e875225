/** Packages for data subjects, as text that is sealed already: their bucket's lifecycle ends them after 30 days. */
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Packages } from '#core/privacy/request-ports.ts';
import { nameOf, reach } from '../aws/clients.ts';
import { checked, isTenantName } from './names.ts';

const place = 'S3 packages';
const isPart = (name: string): boolean => /^[0-9a-f-]{36}\/[0-9a-f-]{36}-\d{1,4}$/.test(name);

export class S3Packages implements Packages {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async put(tenant: string, request: string, part: string, sealed: string): Promise<void> {
    const Key = pathOf(tenant, request, part);
    await reach(place, () =>
      this.#client.send(
        new PutObjectCommand({ Bucket: this.#bucket, Key, Body: sealed, ContentType: 'application/octet-stream' }),
      ),
    );
  }

  async get(tenant: string, request: string, part: string): Promise<string | undefined> {
    const Key = pathOf(tenant, request, part);
    try {
      const answer = await reach(place, () => this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key })));
      return await answer.Body?.transformToString();
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined;
      throw error;
    }
  }
}

const pathOf = (tenant: string, request: string, part: string): string =>
  `privacy/${checked(tenant, isTenantName)}/${checked(`${request}/${part}`, isPart)}`;
