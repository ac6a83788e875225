/**
 * Permission checks: from Postgres each time, and through the cache; as fast as they go, and at the pace of people.
 * A check through the cache may not go by anything older than two seconds, which costs one small question a second for
 * each user who is active: the slower a user, the less a cache can save.
 */
import { randomBytes } from 'node:crypto';
import { VersionedPermissionCache } from '#core/access/permission-cache.ts';
import type { PermissionMeter } from '#core/access/permission-ports.ts';
import type { PermissionSource } from '#core/access/roles.ts';
import { random } from '#local/random.ts';
import { createPermissionSource } from '#stores/postgres/permission-source.ts';
import { createRoleRegistry } from '#stores/postgres/roles.ts';
import { createPermissionStore } from '#stores/valkey/permission-store.ts';
import { startValkey, valkeyCommand } from '#test/support/valkey.ts';
import { contextKey, newId, startPlace } from './place.ts';
import { tenantId } from './prepared.ts';
import { type Line, percentile, report } from './report.ts';

const full = process.argv.includes('--full');
const secondsEach = full ? 15 : 4;
const users = Array.from({ length: full ? 2_000 : 400 }, (_, index) => `user-${index}`);
const roles = 40;
const module = 'billing';
const tenant = tenantId(0);
const draw = random(11);

const place = await startPlace();
const valkey = valkeyCommand ? await startValkey() : undefined;
if (!valkey) console.log('no valkey-server or redis-server in PATH: measured without');

const registry = createRoleRegistry(place.login(4), contextKey);
for (let n = 0; n < roles; n++) {
  const grants = Array.from({ length: 10 }, (_, index) => ({ module, permission: `thing-${n}.do-${index}` }));
  const inherits = n > 0 ? [`role-${Math.floor(n / 2)}`] : [];
  await registry.putRole(tenant, { id: `role-${n}`, name: `Role ${n}`, inherits, grants }, new Date());
}
for (const user of users) {
  for (let n = 0; n < 3; n++) {
    const createdAt = new Date();
    const role = `role-${Math.floor(draw() * roles)}`;
    await registry.assign(tenant, { id: newId(createdAt), user, role, grantedBy: 'bench', createdAt });
  }
}
await place.ownerSql`vacuum analyze`;

let queries = 0;
const plain = createPermissionSource(place.login(4), contextKey);
const source: PermissionSource = {
  ...plain,
  load(...args) {
    queries++;
    return plain.load(...args);
  },
  versions(...args) {
    queries++;
    return plain.versions(...args);
  },
};
const silent: PermissionMeter = { answered() {}, storeFailed() {}, denied() {} };
const sealKey = randomBytes(32);
const openCache = (layers: 'memory' | 'both') =>
  new VersionedPermissionCache({
    source,
    ...(layers === 'both' && valkey
      ? { store: createPermissionStore(valkey.connect(), { sealKey, edition: 'bench', timeoutMs: 5_000 }) }
      : {}),
    clock: () => performance.now(),
    wall: Date.now,
    jitter: Math.random,
    meter: silent,
  });

type Check = (user: string) => Promise<unknown>;
/** Few users ask often and many seldom. */
const anyUser = () => users[Math.floor(users.length * draw() ** 3)]!;

/** Four callers, each asking again as soon as it has its answer. Checks a second, and questions for 1,000 checks. */
async function flatOut(check: Check): Promise<{ rate: number; questions: number }> {
  for (const user of users) await check(user);
  queries = 0;
  let checks = 0;
  const start = performance.now();
  const end = start + secondsEach * 1_000;
  const caller = async () => {
    while (performance.now() < end) {
      await check(anyUser());
      // A cache answers without letting anyone else run.
      if (++checks % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all([caller(), caller(), caller(), caller()]);
  return { rate: (checks / (performance.now() - start)) * 1_000, questions: (queries / checks) * 1_000 };
}

/** Each of 50 users asks so many times a second, of any of the instances. Questions for 1,000 checks. */
async function paced(perSecond: number, instances: readonly VersionedPermissionCache[]): Promise<number> {
  const some = users.slice(0, 50);
  const checks: Promise<unknown>[] = [];
  const ask = () => {
    const cache = instances[Math.floor(draw() * instances.length)]!;
    checks.push(cache.getUserPermissions(tenant, some[Math.floor(draw() * some.length)]!, module));
  };
  const start = performance.now();
  queries = 0;
  while (performance.now() - start < secondsEach * 1_000) {
    const due = ((performance.now() - start) / 1_000) * perSecond * some.length;
    while (checks.length < due) ask();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(checks);
  return (queries / checks.length) * 1_000;
}

/** Milliseconds of one check after the other, none of which this instance's memory can answer. */
async function latency(check: (n: number) => Promise<unknown>): Promise<readonly number[]> {
  const took: number[] = [];
  for (let n = -50; n < (full ? 2_000 : 400); n++) {
    const start = performance.now();
    await check(n + 50);
    if (n >= 0) took.push(performance.now() - start);
  }
  return took;
}

const database = await flatOut((user) => source.load(tenant, user, module));
const against = { name: 'Postgres each time', figure: database.rate };
const lines: Line[] = [];
const questions: Line[] = [];
const atMost = 'ratio ≤ 0.1';
const asked = (path: string, figure: number, goal?: string) =>
  questions.push({
    path,
    figure,
    unit: 'queries',
    against: { name: 'Postgres each time', figure: 1_000 },
    ...(goal ? { goal } : {}),
  });

for (const layers of valkey ? (['both', 'memory'] as const) : (['memory'] as const)) {
  const name = layers === 'both' ? 'memory and Valkey' : 'memory alone';
  const cache = openCache(layers);
  const got = await flatOut((user) => cache.getUserPermissions(tenant, user, module));
  lines.push({ path: name, figure: got.rate, unit: 'checks/s', against, goal: 'ratio ≥ 10' });
  asked(`${name}, flat out`, got.questions, atMost);
  const instances = [openCache(layers), openCache(layers), openCache(layers)];
  for (const perSecond of [50, 10, 1]) {
    const path = `${name}, 3 instances, ${perSecond} checks a second and user`;
    asked(path, await paced(perSecond, instances), perSecond === 50 ? atMost : undefined);
  }
}

const fromDatabase = await latency((n) => source.load(tenant, users[n % users.length]!, module));
const took = [
  `Postgres p50 ${percentile(fromDatabase, 50).toFixed(2)} ms, p95 ${percentile(fromDatabase, 95).toFixed(2)} ms`,
];
if (valkey) {
  const store = createPermissionStore(valkey.connect(), { sealKey, edition: 'bench', timeoutMs: 5_000 });
  const loaded = await Promise.all(users.map((user) => plain.load(tenant, user, module)));
  for (const one of loaded) await store.putPermissions(one, 60_000);
  const fromValkey = await latency(async (n) => {
    const { user, version } = loaded[n % users.length]!;
    await store.lookUp(tenant, user);
    if (!(await store.getPermissions(tenant, user, module, version))) throw new Error('not there');
  });
  took.push(`Valkey p50 ${percentile(fromValkey, 50).toFixed(2)} ms, p95 ${percentile(fromValkey, 95).toFixed(2)} ms`);
}
await valkey?.stop();
await place.close();

report(`Permission checks, ${users.length} users with 3 of ${roles} roles, 4 callers`, lines);
report('Questions to Postgres for 1,000 checks', questions);
console.log(`\nOne check that memory cannot answer: ${took.join('; ')}.`);
