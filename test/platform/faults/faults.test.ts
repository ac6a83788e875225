/**
 * 20,000 events through more than 200 faults: writers killed with SIGKILL at every point that matters, Postgres
 * stopped and started, S3 and SQS answering 500 and 503, slowly, or after the effect. Nothing with a receipt is
 * lost, and nobody sees an event twice.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tier } from '#core/event/event.ts';
import { decodeLeaves } from '#core/proof/leaf-codec.ts';
import { Limiter } from '#core/record/limiter.ts';
import { Unavailable } from '#core/record/ports.ts';
import { feed } from '#functions/query/feed.http.ts';
import { search } from '#functions/query/search.http.ts';
import { accept } from '#functions/record/accept.http.ts';
import { sweep } from '#functions/record/sweep.schedule.ts';
import * as open from '#functions/runtime/open.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { type LocalPostgres, startPostgres } from '#local/postgres.ts';
import { putContextKey } from '#stores/postgres/migrate.ts';
import { httpRequest, tenantA, tenantB } from '#test/support/events.ts';
import { prepareTemplate, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

const events = 20_000;
const batchSize = 100;
const kills = 60;
const postgresStops = 3;
/** Calls of S3, SQS and SNS that fail, are slow or lose their answer, at least. */
const callFaults = 150;
const seed = 20_261_121;

/** mulberry32: the same schedule of faults in every run. */
let state = seed;
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let folder: string;
let cloud: Cloud;
let postgres: LocalPostgres;
let database: TestDatabase;
const writers = new Map<Tier, ChildProcess>();
let stopping = false;
let killed = 0;
let stopped = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-faults-'));
  // Durable: without synchronous commits a killed Postgres forgets what it said was committed.
  postgres = await startPostgres({ folder: join(folder, 'postgres'), durable: true });
  await prepareTemplate(postgres);
  database = await testDatabase('faults', postgres);
  cloud = await startCloud({ folder: join(folder, 'cloud') });
  for (const bucket of ['control', 'segments', 'archive']) cloud.s3.createBucket(bucket, { versioning: true });
  const queues = Object.fromEntries(
    ['critical', 'bulk', 'dead'].map((name) => [name, cloud.sqs.createQueue(name, { VisibilityTimeout: '3' })]),
  );
  Object.assign(process.env, cloud.env, database.env, {
    CONTROL_BUCKET: 'control',
    SEGMENTS_BUCKET: 'segments',
    ARCHIVE_BUCKET: 'archive',
    CRITICAL_QUEUE_URL: queues.critical,
    BULK_QUEUE_URL: queues.bulk,
    DEAD_LETTER_QUEUE_URL: queues.dead,
    ANNOUNCE_TOPIC_ARN: cloud.sns.createTopic('announce'),
    TENANT_KEYS_KEY_ARN: cloud.kms.createKey('tenant keys'),
    ROOT_SECRET_PARAMETER: '/trailkeep/test/root-secret',
    STAGE: 'test',
  });
  await open.openRootSecret().createIfAbsent(Buffer.alloc(32, 1));
  await putContextKey(database.ownerSql, await open.openContextKey());
});

afterAll(async () => {
  stopping = true;
  for (const writer of writers.values()) writer.kill('SIGKILL');
  await cloud?.close();
  await postgres?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const crashPoints = [
  'before-segment',
  'after-segment',
  'during-commit',
  'after-commit',
  'before-delete',
  'after-delete',
];

/** A writer that dies at a point of the schedule and is replaced, until the kills are used up. */
function startWriter(tier: Tier): void {
  const crash = killed < kills ? `${pick(crashPoints)}:${1 + Math.floor(random() * 2)}` : 'never:0';
  const writer = fork(new URL('./writer-process.ts', import.meta.url).pathname, {
    env: { ...process.env, TIER: tier, CRASH_AT: crash, POWERTOOLS_LOG_LEVEL: 'SILENT' },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  writers.set(tier, writer);
  writer.on('exit', (_code, signal) => {
    if (stopping) return;
    if (signal === 'SIGKILL') killed++;
    startWriter(tier);
  });
}

/** Faults of S3, SQS and SNS, a few at a time, for as long as events flow. */
async function injectFaults(until: () => boolean): Promise<void> {
  while (!until()) {
    const service = pick(['s3', 'sqs', 'sns'] as const);
    const fault = pick([
      { status: 500 as const },
      { status: 503 as const },
      { status: 503 as const, afterEffect: true },
      { delayMs: 300 },
    ]);
    cloud.faults.add({ service, times: 1 + Math.floor(random() * 2), ...fault });
    await sleep(300);
  }
  cloud.faults.clear();
}

async function stopPostgresNowAndThen(): Promise<void> {
  while (stopped < postgresStops) {
    await sleep(3_000);
    stopped++;
    if (stopped % 2) await postgres.kill();
    else await postgres.stop();
    await sleep(500);
    postgres = await startPostgres({ folder: join(folder, 'postgres'), durable: true, port: postgres.port });
  }
}

/** Sends a batch as a client does: the same key and body until there is a receipt. */
async function send(ports: Parameters<typeof accept>[0], tenant: string, batch: number): Promise<string[]> {
  const json = Array.from({ length: batchSize }, (_, n) => ({
    action: n % 3 === 0 ? 'user.login' : 'document.view',
    actor: { type: 'user', id: `u${n % 17}` },
    external_id: `${batch}-${n}`,
  }));
  for (;;) {
    try {
      const answer = await accept(
        ports,
        httpRequest({
          json,
          headers: { 'content-type': 'application/json', 'idempotency-key': `batch-${batch}` },
          caller: {
            tenant,
            kind: 'key' as const,
            keyId: 'aaaaaaaaaaaaaaaaaaaa',
            scopes: ['events:write'],
            eventsPerSecond: 1e6,
          },
          now: new Date(),
        }),
      );
      return (answer.body as { items: { id: string }[] }).items.map(({ id }) => id);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      await sleep(50);
    }
  }
}

test(`${events} events, ${kills} kills, ${postgresStops} stops of Postgres, ${callFaults} failing calls`, async () => {
  const acceptPorts = {
    control: open.openControl(),
    claims: open.openClaims(),
    outlets: open.openOutlets(),
    limiter: new Limiter(),
  };
  startWriter('critical');
  startWriter('bulk');
  let sent = false;
  const chaos = Promise.all([injectFaults(() => sent), stopPostgresNowAndThen()]);

  const promised = new Map<string, Set<string>>([
    [tenantA, new Set()],
    [tenantB, new Set()],
  ]);
  for (let batch = 0; batch < events / batchSize; batch++) {
    const tenant = batch % 4 === 0 ? tenantB : tenantA;
    for (const id of await send(acceptPorts, tenant, batch)) promised.get(tenant)!.add(id);
    // A client that never saw the answer sends the batch again.
    if (batch % 10 === 0) await send(acceptPorts, tenant, batch);
    // Slow enough that the kills fall between batches and not after them.
    await sleep(100);
  }
  // Until every fault has happened, clients go on repeating what they sent: the same keys, so nothing is new.
  for (let again = 0; killed < kills || cloud.faults.injected < callFaults; again++) {
    await send(acceptPorts, again % 4 === 0 ? tenantB : tenantA, again % (events / batchSize));
    await sleep(50);
  }
  sent = true;
  await chaos;
  while (['critical', 'bulk'].some((name) => cloud.sqs.depth(name) > 0)) await sleep(100);
  stopping = true;
  for (const writer of writers.values()) writer.kill('SIGKILL');

  const ports = {
    critical: await open.openCritical(),
    catalogue: await open.openCatalogue(),
    blocks: open.openBlocks(),
    clock: () => Date.now(),
    cursorKey: await open.openCursorKey(),
    hmac: open.openHmac(),
    guard: await open.openGuard(),
    subjectKeys: await open.openSubjectKeys(),
    cipher: open.openCipher(),
    recorder: open.openRecorder(),
  };
  let seenTwice = 0;
  let lost = 0;
  let lostInFeed = 0;
  let wrongLeaves = 0;
  for (const [tenant, ids] of promised) {
    const caller = { tenant, kind: 'key' as const, keyId: 'k', scopes: ['events:read' as const], eventsPerSecond: 1 };
    const seen = new Map<string, number>();
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = new URLSearchParams({ limit: '1000', ...(cursor ? { cursor } : {}) });
      const answer = await search(ports, httpRequest({ method: 'GET', query, caller, now: new Date() }));
      const page = bodyOf(answer.body);
      for (const { id } of page.events) seen.set(id, (seen.get(id) ?? 0) + 1);
      cursor = page.next_cursor ?? null;
    }
    const fed = new Set<string>();
    for (let after = ''; ; ) {
      const query = new URLSearchParams({ limit: '1000', ...(after ? { after } : {}) });
      const page = bodyOf((await feed(ports, httpRequest({ method: 'GET', query, caller, now: new Date() }))).body);
      if (page.events.length === 0) break;
      for (const { id } of page.events) fed.add(id);
      after = page.next!;
    }
    seenTwice += [...seen.values()].filter((times) => times > 1).length;
    lost += [...ids].filter((id) => !seen.has(id)).length;
    lostInFeed += [...ids].filter((id) => !fed.has(id)).length;
    expect(seen.size).toBe(ids.size);
    const leaves = await leavesOf(tenant);
    const inLog = new Set(leaves);
    wrongLeaves += leaves.length - inLog.size + [...ids].filter((id) => !inLog.has(id)).length;
  }
  const swept = await sweep(
    {
      ledger: await open.openLedger(),
      segments: open.openSegments(),
      announcer: open.openAnnouncer(),
      newId: open.openNewId(),
    },
    { now: new Date(Date.now() + 20 * 60_000) },
  );
  const faults = killed + stopped + cloud.faults.injected;
  console.log(
    `${events} events, ${faults} faults (${killed} SIGKILL, ${stopped} stops of Postgres, ${cloud.faults.injected} failing or slow calls): ` +
      `${lost} lost, ${seenTwice} seen twice, ${lostInFeed} missing in the feed, ${wrongLeaves} leaves missing or twice; ${swept.removed} orphaned segments swept, ${swept.announced} announced late`,
  );
  expect({ lost, seenTwice, lostInFeed, wrongLeaves }).toEqual({
    lost: 0,
    seenTwice: 0,
    lostInFeed: 0,
    wrongLeaves: 0,
  });
  expect(faults).toBeGreaterThanOrEqual(kills + postgresStops + callFaults);
  expect(cloud.sqs.depth('dead')).toBe(0);
}, 300_000);

/** Event ids of a tenant's leaves, in the order of the log; the indexes must run without a gap. */
async function leavesOf(tenant: string): Promise<string[]> {
  const rows =
    await database.ownerSql`select first_leaf::int, leaves from proof.outbox where tenant_id = ${tenant} order by first_leaf`;
  const ids: string[] = [];
  for (const row of rows) {
    expect(row.first_leaf).toBe(ids.length);
    ids.push(...decodeLeaves(row.leaves).map(({ id }) => id));
  }
  return ids;
}

interface Page {
  readonly events: readonly { readonly id: string }[];
  readonly next_cursor?: string | null;
  readonly next?: string;
}
const bodyOf = (body: unknown): Page => (typeof body === 'string' ? JSON.parse(body) : body) as Page;
