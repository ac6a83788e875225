/**
 * Seal: leaves a second from the outbox to the published checkpoint, with what it takes of S3 and KMS, against an
 * in-memory place for S3 in the same run; and the time from an event's commit to its being provable.
 */
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { sealLog } from '#functions/proof/seal.ts';
import type { SealLogPorts } from '#functions/proof/seal-ports.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { KmsSigner } from '#stores/kms/signer.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLogLedger } from '#stores/postgres/logs.ts';
import { S3LogStore } from '#stores/s3/log-store.ts';
import { batchOf, made, uuid7 } from '#test/stores/postgres/made.ts';
import { MemoryLogStore } from '#test/support/memory-log.ts';
import { contextKey, startPlace } from './place.ts';
import { type Line, median, percentile, report } from './report.ts';

const full = process.argv.includes('--full');
const rounds = full ? 5 : 3;
const leaves = full ? 1_000_000 : 60_000;
/** Events of one segment. */
const each = 2_000;
const journeys = full ? 1_000 : 150;
/** US East, 2026: PUT and LIST, GET, and signatures of asymmetric keys. */
const prices = { put: 5e-6, get: 4e-7, sign: 1.5e-5 };

const place = await startPlace();
const ledger = createLedger(place.login(2), contextKey);
const counts = { put: 0, get: 0, list: 0, delete: 0, sign: 0 };
const s3 = new S3Client(clientSettings);
s3.middlewareStack.add(
  (next, context) => (args) => {
    const name = String(context.commandName);
    if (name.startsWith('Put')) counts.put++;
    else if (name.startsWith('Get')) counts.get++;
    else if (name.startsWith('List')) counts.list++;
    else counts.delete++;
    return next(args);
  },
  { step: 'initialize' },
);
await s3.send(new CreateBucketCommand({ Bucket: 'evidence' }));
const keys = new KMSClient(clientSettings);
const key = await keys.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' }));
const kms = new KmsSigner(keys, key.KeyMetadata!.Arn!);
let slugs = 0;
const ports: SealLogPorts = {
  ledger: createLogLedger(place.login(2, 'trailkeep_sealer'), contextKey),
  logs: new S3LogStore(s3, 'evidence'),
  signer: {
    publicKey: () => kms.publicKey(),
    sign: (message) => {
      counts.sign++;
      return kms.sign(message);
    },
  },
  crypto: nodeProofCrypto,
  anchors: { ask: async () => {} },
  recorder: { record: async () => {} },
  host: 'evidence.example.org',
  witnessKeys: [],
  newSlug: () => (++slugs).toString(2).replaceAll('0', 'a').replaceAll('1', 'b').padStart(26, 'c'),
  clock: () => new Date(),
};

async function commit(tenant: string, count: number, tier: 'critical' | 'bulk' = 'bulk'): Promise<void> {
  for (let left = count; left > 0; left -= each) {
    const lines = Array.from({ length: Math.min(each, left) }, () => made({ tenant, id: uuid7(Date.now()) }));
    await ledger.commit(...batchOf(lines, tier));
  }
}

/** Leaves a second of one tenant's backlog. */
async function backlog(count: number, logs: SealLogPorts['logs']): Promise<number> {
  const tenant = uuid7(Date.now());
  await commit(tenant, count);
  const start = performance.now();
  const outcome = await sealLog({ ...ports, logs }, tenant, new Date());
  const seconds = (performance.now() - start) / 1000;
  if (outcome.published !== count) throw new Error(`only ${outcome.published} leaves of ${count} are published`);
  return count / seconds;
}

/** Requests of a million leaves when each checkpoint covers so many. */
async function requests(seal: number, seals: number): Promise<typeof counts> {
  const tenant = uuid7(Date.now());
  await commit(tenant, 1);
  await sealLog(ports, tenant, new Date());
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] = 0;
  for (let n = 0; n < seals; n++) {
    await commit(tenant, seal);
    await sealLog(ports, tenant, new Date());
  }
  const scale = 1_000_000 / (seal * seals);
  return Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, n * scale])) as typeof counts;
}

/** ms from the start of the commit of one critical event to its checkpoint's being published, in a log of some size. */
async function provable(): Promise<number[]> {
  const tenant = uuid7(Date.now());
  await commit(tenant, 10_000);
  await sealLog(ports, tenant, new Date());
  const waits: number[] = [];
  for (let n = 0; n < journeys; n++) {
    const start = performance.now();
    await commit(tenant, 1, 'critical');
    await sealLog(ports, tenant, new Date());
    waits.push(performance.now() - start);
  }
  return waits;
}

const figures: { ours: number[]; memory: number[] } = { ours: [], memory: [] };
// The first round warms up and is not counted.
for (let round = 0; round <= rounds; round++) {
  const count = round === 0 ? 20_000 : leaves;
  const memory = await backlog(count, new MemoryLogStore());
  const ours = await backlog(count, ports.logs);
  if (round === 0) continue;
  figures.memory.push(memory);
  figures.ours.push(ours);
}
const waits = await provable();
const lines: Line[] = [
  {
    path: `seal a backlog of ${leaves.toLocaleString('en-GB')}`,
    figure: median(figures.ours),
    unit: 'leaves/s',
    against: { name: 'S3 in memory', figure: median(figures.memory) },
    goal: '≥ 3,000 leaves/s',
  },
  { path: 'commit → provable, one critical event, p50', figure: percentile(waits, 50), unit: 'ms' },
  {
    path: 'commit → provable, one critical event, p99',
    figure: percentile(waits, 99),
    unit: 'ms',
    goal: '< 60,000 ms',
  },
];
for (const [seal, seals] of [
  [20_000, full ? 10 : 3],
  [1_000, full ? 100 : 20],
] as const) {
  const { put, get, list, delete: deletes, sign } = await requests(seal, seals);
  const dollars = (put + list) * prices.put + get * prices.get + sign * prices.sign;
  const path = `a million leaves, ${seal.toLocaleString('en-GB')} a checkpoint`;
  lines.push(
    { path: `${path}: PUT`, figure: put, unit: 'requests' },
    { path: `${path}: GET`, figure: get, unit: 'requests' },
    { path: `${path}: LIST`, figure: list, unit: 'requests' },
    { path: `${path}: DELETE (free)`, figure: deletes, unit: 'requests' },
    { path: `${path}: signatures`, figure: sign, unit: 'requests' },
    { path: `${path}: S3 and KMS`, figure: dollars, unit: 'US$', goal: '≤ 0.10' },
  );
}
report('Seal: from the outbox to what auditors see', lines);
s3.destroy();
await place.close();
