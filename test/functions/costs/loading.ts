/** A run of kind `etl` from its plan to its last part, on a real database and real buckets, without a clock or queues. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { FetchOrder } from '#core/costs/fetch-ports.ts';
import type { LineageEvent } from '#core/costs/lineage.ts';
import type { Source, SourceKind } from '#core/costs/source.ts';
import type { JsonObject } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { noRows, type Outcome, type RowCounts, RunFault, type Task } from '#core/jobs/run.ts';
import { Unavailable } from '#core/record/ports.ts';
import { fetchSource } from '#functions/costs/fetch.queue.ts';
import { type LoadPorts, load } from '#functions/costs/load.queue.ts';
import { startCloud } from '#local/cloud/cloud.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { createAppDynamics } from '#stores/http/appdynamics.ts';
import { createOutside } from '#stores/http/outside.ts';
import { createServiceNow } from '#stores/http/servicenow.ts';
import { createLoads } from '#stores/postgres/loads.ts';
import { createPrices, createSources } from '#stores/postgres/sources.ts';
import { S3Inbox } from '#stores/s3/inbox.ts';
import { S3Pages } from '#stores/s3/pages.ts';
import { testDatabase } from '../../support/postgres.ts';

const bucket = 'imports';
const now = new Date('2026-11-21T01:00:00Z');

export interface Ran {
  readonly rows: RowCounts;
  readonly result: JsonObject;
  /** Parts that failed, by name. */
  readonly faults: Readonly<Record<string, string>>;
  readonly parts: number;
}

export async function openLoading(name: string) {
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-loading-'));
  const [db, cloud] = await Promise.all([testDatabase(name), startCloud({ folder })]);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'local' };
  const s3 = new S3Client({
    ...clientSettings,
    endpoint: cloud.url,
    region: 'eu-west-1',
    credentials,
    forcePathStyle: true,
  });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const loader = db.login('trailkeep_loader', 4);
  const app = db.login('trailkeep_app', 2);
  const secrets = new Map<string, string>();
  const lineage: LineageEvent[] = [];
  const pages = new S3Pages(s3, bucket);
  const inbox = new S3Inbox(s3, bucket);
  const sources = createSources(app, db.contextKey);
  const orders: FetchOrder[] = [];
  const ports: Omit<LoadPorts, 'runs' | 'onward' | 'trace'> = {
    clock: () => now,
    sources: createSources(loader, db.contextKey),
    prices: createPrices(loader, db.contextKey),
    loads: createLoads(loader, db.contextKey),
    lineage: { keep: async (event) => void lineage.push(event) },
    pages,
    inbox,
    fetches: {
      send: async (messages) => void orders.push(...messages.map(({ body }) => JSON.parse(body) as FetchOrder)),
    },
  };
  const outside = createOutside({ plaintextHosts: ['127.0.0.1'] });
  const time = { clock: Date.now, workMs: 5_000 };
  const connectors = { appdynamics: createAppDynamics(outside, time), servicenow: createServiceNow(outside, time) };
  const newId = () => uuidv7(now.getTime(), randomBytes(10));

  async function answerTo(order: FetchOrder): Promise<JsonObject> {
    const sent: string[] = [];
    const message = { messageId: 'm', body: JSON.stringify(order), queue: 'fetch', receiveCount: 1, sentAt: 0 };
    await fetchSource(
      {
        secrets: { get: async (_, id) => secrets.get(id) },
        connectors,
        pages,
        answers: { send: async (messages) => void sent.push(...messages.map(({ body }) => body)) },
      },
      [message],
      { now },
    );
    return (JSON.parse(sent[0]!) as { answer: JsonObject }).answer;
  }

  /** `over` stands in for ports, to break them. Parts are done in order unless it is said otherwise. */
  async function run(
    tenant: string,
    config: JsonObject = {},
    over: Partial<typeof ports> = {},
    at = now,
    order: (parts: readonly string[]) => readonly string[] = (parts) => parts,
  ): Promise<Ran> {
    const own = { ...ports, ...over } as LoadPorts;
    const id = newId();
    let rows = noRows;
    let result: JsonObject = {};
    const faults: Record<string, string> = {};
    const task = (part: string): Task => ({
      ...{
        tenant,
        run: id,
        job: newId(),
        jobName: 'nightly',
        createdBy: 'ann',
        kind: 'etl',
        part,
        attempt: 1,
        lease: 1,
        scheduledFor: at,
        config,
      },
      until: new Date(now.getTime() + 60_000),
    });
    const doPart = async (part: string): Promise<readonly string[]> => {
      let outcome: Outcome | undefined;
      for (let tries = 0; !outcome; tries += 1) {
        try {
          outcome = await load(own, task(part));
          if (outcome.is === 'away')
            outcome = await load(own, { ...task(part), answer: await answerTo(orders.pop()!) });
        } catch (error) {
          // The queue brings the message again.
          if (error instanceof Unavailable && tries < 500) {
            outcome = undefined;
            continue;
          }
          if (!(error instanceof RunFault)) throw error;
          faults[part] = error.code;
          return [];
        }
      }
      if (outcome.is !== 'done') throw new Error(`${part} is ${outcome.is}`);
      const more = outcome.rows ?? noRows;
      rows = {
        read: rows.read + more.read,
        written: rows.written + more.written,
        rejected: rows.rejected + more.rejected,
      };
      result = { ...result, ...outcome.result };
      return outcome.parts ?? [];
    };
    const parts = order(await doPart('plan'));
    for (const part of parts) await doPart(part);
    return { rows, result, faults, parts: parts.length };
  }

  return {
    db,
    s3,
    ports,
    sources,
    prices: createPrices(app, db.contextKey),
    lineage,
    run,
    newTenant: newId,
    async addSource(tenant: string, kind: SourceKind, settings: JsonObject, secret?: string): Promise<Source> {
      const id = newId();
      const created = { createdBy: 'ann', createdAt: now, changedAt: now };
      const source: Source = { tenant, id, kind, name: `${kind}-${id.slice(-4)}`, settings, ...created };
      await sources.create(source);
      if (secret !== undefined) secrets.set(id, secret);
      return source;
    },
    async put(source: Source, file: string, Body: string | Uint8Array): Promise<void> {
      const Key = `inbox/${source.tenant}/${source.id}/${file}`;
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
    },
    async close(): Promise<void> {
      await Promise.all([db.drop(), cloud.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
export type Loading = Awaited<ReturnType<typeof openLoading>>;
