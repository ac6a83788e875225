/** Exports for auditors, in parts: their bucket's lifecycle ends them after seven days. */
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ExportParts } from '#core/proof/export-ports.ts';
import { nameOf, reach } from '../aws/clients.ts';
import { checked, isTenantName } from './names.ts';

const place = 'S3 exports';
const isPart = (name: string): boolean => /^[0-9a-f-]{36}\/[0-9a-f-]{36}-[1-9]\d{0,4}$/.test(name);

export class S3ExportParts implements ExportParts {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async put(tenant: string, id: string, run: string, part: number, bytes: Uint8Array): Promise<void> {
    const Key = pathOf(tenant, id, run, part);
    await reach(place, () =>
      this.#client.send(
        new PutObjectCommand({ Bucket: this.#bucket, Key, Body: bytes, ContentType: 'application/octet-stream' }),
      ),
    );
  }

  async get(tenant: string, id: string, run: string, part: number): Promise<Uint8Array | undefined> {
    const Key = pathOf(tenant, id, run, part);
    try {
      return await reach(place, async () => {
        const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
        return answer.Body?.transformToByteArray();
      });
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined;
      throw error;
    }
  }
}

const pathOf = (tenant: string, id: string, run: string, part: number): string =>
  `exports/${checked(tenant, isTenantName)}/${checked(`${id}/${run}-${part}`, isPart)}`;
