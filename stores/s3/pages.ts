/**
 * Answers of sources, between the one who asked outside and the one who loads: NDJSON under gzip, as they came but for
 * what is secret in them. The bucket's lifecycle ends them after thirty days.
 */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Page } from '#core/costs/appdynamics.ts';
import { type Pages, PagesGone } from '#core/costs/fetch-ports.ts';
import { parseJson } from '#core/event/json.ts';
import type { PartMessage } from '#core/jobs/run.ts';
import { nameOf, reach } from '../aws/clients.ts';
import { checked, isTenantName } from './names.ts';

const place = 'S3 imports';
const jsonLimits = { keysMax: 5_000_000, depthMax: 40 };
const rawBytesMax = 512 * 1024 * 1024;

export class S3Pages implements Pages {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async put(question: PartMessage, number: number, pages: readonly Page[]): Promise<string> {
    const { tenant, run, part, asked = 0 } = question;
    const digest = createHash('sha256').update(part).digest('hex').slice(0, 32);
    const name = `${folderOf(tenant, run)}${digest}/${asked}-${String(number).padStart(5, '0')}.jsonl.gz`;
    const lines = pages.map((page) => `${JSON.stringify(page)}\n`).join('');
    const Body = gzipSync(lines, { level: 4 });
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: name, Body, ContentType: 'application/gzip' });
    await reach(place, () => this.#client.send(command));
    return name;
  }

  async read(tenant: string, run: string, names: readonly string[]): Promise<readonly Page[]> {
    const folder = folderOf(tenant, run);
    const pages: Page[] = [];
    for (const name of names) {
      // Names come by a queue: one that leads elsewhere would be read with our rights.
      if (!name.startsWith(folder) || !/^[0-9a-f]{32}\/\d+-\d{5,}\.jsonl\.gz$/.test(name.slice(folder.length))) {
        throw new PagesGone(`there are no pages by the name ${name}`);
      }
      const text = gunzipSync(await this.#get(name), { maxOutputLength: rawBytesMax }).toString('utf8');
      for (const line of text.split('\n')) {
        if (line === '') continue;
        const parsed = parseJson(line, jsonLimits);
        if (!parsed.ok) throw new Error(`a page that we wrote is not JSON: ${parsed.fault.code}`);
        pages.push(parsed.value as unknown as Page);
      }
    }
    return pages;
  }

  async #get(name: string): Promise<Uint8Array> {
    try {
      return await reach(place, async () => {
        const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: name }));
        return answer.Body!.transformToByteArray();
      });
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') throw new PagesGone(`${name} is gone`);
      throw error;
    }
  }
}

const folderOf = (tenant: string, run: string): string =>
  `fetched/${checked(tenant, isTenantName)}/${checked(run, isTenantName)}/`;
