/**
 * The simulated database answers as Postgres does: the same random calls to both, and every answer compared. What the
 * simulation shows of the modules is worth as much as this.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Problem } from '#core/event/problem.ts';
import type { RebuildPlan } from '#core/proof/ports.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLogRecovery } from '#stores/postgres/log-recovery.ts';
import { createLogLedger } from '#stores/postgres/logs.ts';
import { batchOf, made, uuid7 } from '#test/stores/postgres/made.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { Database } from './database.ts';
import { ImmediateLedger } from './ledger.ts';
import { ImmediateLogs } from './logs.ts';
import { Random } from './random.ts';
import { ImmediateRecovery } from './recovery.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase('model');
});
afterAll(() => db.drop());

const calls = 700;
const minute = 60_000;
const digests = Array.from({ length: 12 }, (_, n) => n.toString(16).padStart(2, '0').repeat(32));
const edge = Uint8Array.of(1, 2, 3);

/** What two answers have in common: no times, sets and maps in order, bytes in hex. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Date) return 'date';
  if (value instanceof Problem) return `problem ${value.fault.code}`;
  if (value instanceof Set || value instanceof Map) return [...value].map(plain).sort();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).filter(([name, member]) => member !== undefined && name !== 'time');
  return Object.fromEntries(members.sort().map(([name, member]) => [name, plain(member)]));
}

const answered = async (call: () => unknown): Promise<unknown> => {
  try {
    return plain(await call());
  } catch (error) {
    if (error instanceof Problem) return plain(error);
    throw error;
  }
};

test.each([1, 2, 3])('in %i random orders of calls', { timeout: 120_000 }, async (seed) => {
  const random = new Random(seed);
  const app = db.login('trailkeep_app', 2);
  const real = {
    ledger: createLedger(app, contextKey),
    logs: createLogLedger(db.login('trailkeep_sealer', 2), contextKey),
    recovery: createLogRecovery(db.login('trailkeep_recovery', 2), contextKey),
  };
  await db.ownerSql`truncate record.event, record.segment, record.segment_part, record.tenant_counter, record.message,
    proof.outbox, proof.log, proof.checkpoint cascade`;
  const incarnation = '01890000-0000-4000-8000-000000000001';
  await real.recovery.renewIncarnation(incarnation, uuid7(Date.now()));
  const database = new Database(incarnation, () => Date.now());
  const model = {
    ledger: new ImmediateLedger(database),
    logs: new ImmediateLogs(database),
    recovery: new ImmediateRecovery(database),
  };
  const tenants = [uuid7(Date.now()), uuid7(Date.now())];
  const lines = Array.from({ length: 60 }, (_, n) => made({ tenant: tenants[n % 2]! }));
  const some = () => random.shuffled(lines).slice(0, random.between(1, 4));
  const batch = () => batchOf(some(), random.pick(['critical', 'bulk'] as const), [random.pick(digests)]);
  const batches = [batch()];
  const said = new Map<string, number>();

  /** One call to both; what it answered is counted, so that a test of refusals alone does not pass for one of all. */
  const both = async <P extends 'ledger' | 'logs' | 'recovery'>(
    port: P,
    name: keyof (typeof real)[P] & string,
    ...args: unknown[]
  ) => {
    type Port = Record<string, (...args: unknown[]) => unknown>;
    const ask = (one: unknown) => answered(() => (one as Port)[name]!(...args));
    const [own, other] = [await ask(model[port]), await ask(real[port])];
    expect(own, `${port}.${name}(${JSON.stringify(plain(args)).slice(0, 200)})`).toEqual(other);
    const kind = `${name} ${typeof other === 'boolean' || typeof other === 'string' ? other : typeof other}`;
    said.set(kind, (said.get(kind) ?? 0) + 1);
    return other;
  };

  for (let n = 0; n < calls; n++) {
    const tenant = random.pick(tenants);
    const log = model.logs.find(tenant);
    const root = () => Buffer.alloc(32, random.pick(['a', 'b']));
    const size = (log?.size ?? 0) + random.between(0, 6);
    const epoch = (log?.epoch ?? 0) + (random.chance(0.15) ? 1 : 0);
    const expected = {
      size: (log?.size ?? 0) + (random.chance(0.1) ? 1 : 0),
      root: random.chance(0.9) && log ? log.root : root(),
      epoch,
      incarnation: random.chance(0.95) ? database.incarnation : '01890000-0000-4000-8000-0000000000ff',
    };
    const turns: (() => Promise<unknown>)[] = [
      async () => {
        const one = random.chance(0.8) ? batch() : random.pick(batches);
        batches.push(one);
        return both('ledger', 'commit', ...one);
      },
      () => {
        const [segment, own, leaves] = random.chance(0.6) ? batch() : random.pick(batches);
        return both('ledger', 'adopt', segment, own, leaves, segment.parts.length + random.below(2));
      },
      () =>
        both(
          'ledger',
          'known',
          some().map(({ event }) => event),
          random.shuffled(digests).slice(0, 3),
        ),
      () =>
        both(
          'ledger',
          'catalogued',
          random
            .shuffled(batches)
            .slice(0, 5)
            .map(([{ key }]) => key),
        ),
      () => both('logs', 'find', tenant),
      () => both('logs', 'create', tenant, { slug: slugOf(tenants.indexOf(tenant)), origin: `h/t/${tenant}` }),
      () =>
        both('logs', 'outbox', tenant, random.chance(0.7) ? (log?.size ?? 0) : random.below(9), random.between(1, 9)),
      () => both('logs', 'advance', tenant, expected, { size, root: root(), edge }),
      () => both('logs', 'claimCheckpoint', tenant, expected),
      () => both('logs', 'claimedRoot', tenant, random.chance(0.5) ? (log?.size ?? 0) : size),
      () => both('logs', 'keepNote', tenant, log?.size ?? 0, `note ${random.below(3)}\n\n`),
      () => both('logs', 'archived', tenant, random.chance(0.8) ? (log?.size ?? 0) : size, expected),
      () => both('logs', 'published', tenant, random.chance(0.8) ? (log?.archivedSize ?? 0) : size, expected),
      () => (random.chance(0.3) ? both('logs', 'freeze', tenant, 'rollback', epoch) : Promise.resolve()),
      () => both('logs', 'pending', random.chance(0.5) ? tenants : [tenant]),
      () => both('logs', 'states', tenants),
      () => both('recovery', 'partsFrom', tenant, random.below(9)),
      () => both('recovery', 'begin', tenant, epoch, 15 * minute),
      () => both('recovery', 'end', tenant, epoch),
      () =>
        random.chance(0.3)
          ? both('recovery', 'unfreeze', tenant, epoch, random.chance(0.5) ? { size, root: root() } : undefined)
          : Promise.resolve(),
      () =>
        log?.state === 'frozen'
          ? both('recovery', 'rebuild', tenant, epoch, planOf(tenant))
          : both('recovery', 'rebuild', tenant, epoch, { ...planOf(tenant), found: [] }),
    ];
    await random.pick(turns)();
  }

  /** A plan that fits what the database has, or once in a while does not. */
  function planOf(tenant: string): RebuildPlan {
    const log = model.logs.find(tenant);
    const parts = model.recovery.partsFrom(tenant, 0);
    const agrees = parts.filter(({ firstLeaf, events }) => firstLeaf + events <= (log?.size ?? 0));
    const agreed = agrees.length === 0 ? 0 : agrees.at(-1)!.firstLeaf + agrees.at(-1)!.events;
    const above = parts.filter(({ firstLeaf }) => firstLeaf >= agreed).map(({ seq }) => seq);
    const kept = random.chance(0.7) ? above : above.slice(1);
    const dropped = kept.filter(() => random.chance(0.3));
    const foundPart = (firstLeaf: number) => {
      const own = Array.from({ length: random.between(1, 3) }, () => made({ tenant }));
      const [segment, ordered, leaves] = batchOf(own, random.pick(['critical', 'bulk'] as const), [
        random.pick(digests),
      ]);
      const entries = leaves.map((leaf) => ({ ...leaf, time: 5 }));
      return { part: { segment, lines: ordered, entries, firstLeaf }, leaves };
    };
    const found: RebuildPlan['found'][number][] = [];
    let size = agreed;
    for (let count = random.below(3); count > 0; count--) {
      const { part } = foundPart(size);
      found.push(part);
      size += part.lines.length;
    }
    const rewritten = random.chance(0.3) ? [foundPart(0)] : [];
    const last = random.chance(0.8);
    const archived = Math.max(log?.archivedSize ?? 0, Math.min(size, random.below(size + 1)));
    return {
      size: Math.max(size, log?.archivedSize ?? 0),
      root: Buffer.alloc(32, 'r'),
      edge,
      last,
      archived,
      ...(last && random.chance(0.5) ? { note: 'note\n\n' } : {}),
      time: 5,
      agreed,
      found,
      moved: kept.filter((seq) => !dropped.includes(seq)),
      dropped,
      rewritten: rewritten.map(({ part: { segment, lines: own }, leaves }) => ({ segment, lines: own, leaves })),
    };
  }

  // Both sides of every decision were met.
  for (const kind of ['advance', 'archived', 'published', 'begin'].flatMap((name) => [
    `${name} true`,
    `${name} false`,
  ])) {
    expect(said.get(kind) ?? 0, kind).toBeGreaterThan(0);
  }
  for (const kind of ['rebuild done', 'rebuild not_frozen', 'rebuild parts_changed', 'commit problem conflict']) {
    expect(said.get(kind) ?? 0, kind).toBeGreaterThan(0);
  }
});

const slugOf = (n: number) => 'ab'[n]!.repeat(26);
