/** Questions to the archive, as text that is sealed already: their bucket's lifecycle ends them with their results. */
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Questions } from '#core/query/athena-ports.ts';
import { nameOf, reach } from '../aws/clients.ts';
import { checked, isTenantName } from './names.ts';

const place = 'S3 questions';

export class S3Questions implements Questions {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async put(tenant: string, id: string, sealed: string): Promise<void> {
    const Key = keyOf(tenant, id);
    await reach(place, () =>
      this.#client.send(
        new PutObjectCommand({ Bucket: this.#bucket, Key, Body: sealed, ContentType: 'application/octet-stream' }),
      ),
    );
  }

  async get(tenant: string, id: string): Promise<string | undefined> {
    const Key = keyOf(tenant, id);
    return reach(place, async () => {
      try {
        const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
        return await Body?.transformToString();
      } catch (error) {
        if (nameOf(error) === 'NoSuchKey') return undefined;
        throw error;
      }
    });
  }
}

/** Ids of questions have the shape of tenants' names. */
const keyOf = (tenant: string, id: string): string =>
  `athena/questions/${checked(tenant, isTenantName)}/${checked(id, isTenantName)}`;
