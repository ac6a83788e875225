/** Objects of exports of events: their bucket's lifecycle ends them after seven days. */
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { contentTypes, type EventPart, type EventParts, type ExportFormat, partName } from '#core/export/ports.ts';
import { nameOf, reach } from '../aws/clients.ts';
import { checked, isTenantName } from './names.ts';

const place = 'S3 exports';
const isPart = (name: string): boolean => /^[0-9a-f-]{36}\/[0-9a-f-]{36}-[1-9]\d{0,5}$/.test(name);

export class S3EventParts implements EventParts {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async put(tenant: string, id: string, format: ExportFormat, part: EventPart, bytes: Uint8Array): Promise<void> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: pathOf(tenant, id, part),
      Body: bytes,
      ContentType: contentTypes[format],
      // S3 refuses what is not what we hashed.
      ChecksumSHA256: Buffer.from(part.sha256, 'hex').toString('base64'),
    });
    await reach(place, () => this.#client.send(command));
  }

  async get(
    tenant: string,
    id: string,
    part: EventPart,
    { offset, bytes }: { readonly offset: number; readonly bytes: number },
  ): Promise<Uint8Array | undefined> {
    const Range = `bytes=${offset}-${offset + bytes - 1}`;
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: pathOf(tenant, id, part), Range });
    try {
      return await reach(place, async () => (await this.#client.send(command)).Body?.transformToByteArray());
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined;
      throw error;
    }
  }

  async link(tenant: string, id: string, format: ExportFormat, part: EventPart, seconds: number): Promise<string> {
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: pathOf(tenant, id, part),
      ResponseContentDisposition: `attachment; filename="${partName(id, format, part.part)}"`,
    });
    // Signed here: nothing is called, but the credentials may have to be fetched.
    return reach(place, () => getSignedUrl(this.#client, command, { expiresIn: seconds }));
  }
}

const pathOf = (tenant: string, id: string, { run, part }: EventPart): string =>
  `exports/${checked(tenant, isTenantName)}/${checked(`${id}/${run}-${part}`, isPart)}`;
