/** Reports that jobs wrote: `reports/<tenant>/<run>.json`. */
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Reports } from '#core/jobs/ports.ts';
import { reach } from '../aws/clients.ts';

const place = 'S3 reports';

export class S3Reports implements Reports {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async put(tenant: string, run: string, bytes: Uint8Array): Promise<void> {
    const input = { Bucket: this.#bucket, Key: keyOf(tenant, run), Body: bytes, ContentType: 'application/json' };
    await reach(place, () => this.#client.send(new PutObjectCommand(input)));
  }
}

const keyOf = (tenant: string, run: string) => `reports/${tenant}/${run}.json`;
