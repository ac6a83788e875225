/**
 * Ten thousand requests in which something belongs to another tenant, on every route. None is answered with a byte of
 * the other's, each is answered like one that names nobody, each refusal leaves a trace, and the other's rows stay as
 * they are.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Route } from '#local/gateway/routes.ts';
import { localAudience } from '#local/issuer.ts';
import { type Confusion, confusionOf, ghostOf, type Stranger, strangerOf } from './confusions/requests.ts';
import { type Member, makeTenants, readAll } from './confusions/tenants.ts';
import { type Answer, type Call, startWorld, type World } from './confusions/world.ts';

const requests = 10_000;
/** Routes that read files for their answers get fewer. */
const shares: Readonly<Record<string, number>> = { '/v1/events/feed': 0.3 };

/** Nouns that name each other's things. */
const together: readonly (readonly string[])[] = [
  ['projects', 'keys'],
  ['schemas', 'policy'],
  ['roles', 'assignments', 'permissions', 'break-glass'],
  ['privacy', 'holds'],
];

let world: World;
let a: Member;
let b: Member;
let stranger: Stranger;
let ghost: Stranger;
beforeAll(async () => {
  world = await startWorld();
  [a, b] = await makeTenants(world);
  stranger = await strangerOf(world, b);
  ghost = await ghostOf(world, stranger);
  // An issuer that vouches for A's people, and says what A wants it to say.
  const own = { name: 'own', issuer: world.issuers.own, audience: [localAudience], subject_prefix: 'own:' };
  const registered = await world.call({
    method: 'POST',
    path: `/v1/tenants/${a.names.tenant}/issuers`,
    authorization: `Bearer ${world.adminKey}`,
    body: JSON.stringify(own),
  });
  expect(registered.status).toBe(201);
}, 300_000);
afterAll(() => world?.end());

interface Tally {
  readonly kinds: Map<string, number>;
  readonly outcomes: Map<string, number>;
  readonly leaks: string[];
  readonly untraced: string[];
  readonly unlike: string[];
  sent: number;
  compared: number;
  traced: number;
}

const add = (map: Map<string, number>, name: string) => map.set(name, (map.get(name) ?? 0) + 1);
const shown = (map: Map<string, number>) => [...map].map(([name, count]) => `${name} ${count}`).join(', ');

test('every operation of the API description is among them', () => {
  const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
    paths: Record<string, Record<string, { security?: unknown[] }>>;
  };
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, { security }]) => !security)
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  const asked = world.routes
    .filter(({ authorizer }) => authorizer)
    .map((one) => `${one.method} ${one.resourcePath.replace('+}', '}')}`);
  expect(described.filter((route) => !asked.includes(route))).toEqual([]);
});

test('no confusion of tenants shows anything, and each looks like nothing', async () => {
  const routes = world.routes.filter(({ authorizer }) => authorizer);
  expect(routes.length).toBeGreaterThan(30);
  const tally: Tally = {
    kinds: new Map(),
    outcomes: new Map(),
    leaks: [],
    untraced: [],
    unlike: [],
    sent: 0,
    compared: 0,
    traced: 0,
  };
  const before = await rowsOf(b);
  // Requests that find what others made come one after the other, so that the ghost finds what the stranger found.
  const nouns = Map.groupBy(routes, ({ resourcePath }) => {
    const noun = resourcePath.split('/')[2]!;
    return together.find((group) => group.includes(noun))?.[0] ?? noun;
  });
  const weight = routes.reduce((sum, route) => sum + (shares[route.resourcePath] ?? 1), 0);
  const each = Math.ceil(requests / weight) + 1;
  const adopted = new Set<string>();
  await Promise.all([...nouns.values()].map((group) => attack(group, each, adopted, tally)));
  console.log(
    `${tally.sent} confusions on ${routes.length} routes (${shown(tally.kinds)}): ${tally.leaks.length} foreign bytes; ` +
      `${shown(tally.outcomes)}; ${tally.compared} compared with a tenant that does not exist, ` +
      `${tally.unlike.length} unlike; ${tally.traced} refusals traced, ${tally.untraced.length} not`,
  );
  expect(tally.leaks).toEqual([]);
  expect(tally.unlike).toEqual([]);
  expect(tally.untraced).toEqual([]);
  expect(tally.sent).toBeGreaterThanOrEqual(requests);
  await world.drain();
  expect(await rowsOf(b)).toEqual(before);
  const after = await readAll(world, b);
  expect([...b.shown].filter((text) => !after.texts.has(text))).toEqual([]);
}, 600_000);

/** Requests of A with what is B's, on the routes of one noun. */
async function attack(routes: readonly Route[], each: number, adopted: Set<string>, tally: Tally) {
  const compared = new Set<string>();
  for (let n = 0; n < each; n++) {
    for (const route of routes) {
      if (n >= each * (shares[route.resourcePath] ?? 1)) continue;
      const seed = n * 1009 + route.resourcePath.length * 31 + route.method.length;
      const draw = (whose: Stranger) => confusionOf(route, a, whose, seed);
      const confusion = draw(stranger);
      const name = `${route.method} ${route.resourcePath}`;
      // What a tenant calls a thing of its own is its own from then on.
      if (route.method !== 'GET') for (const text of said(confusion.call)) adopted.add(text);
      const answer = await world.call(confusion.call);
      judge(name, confusion, answer, adopted, tally);
      // One of a sort is compared; but what A made of B's name it makes of the ghost's too, or their ways would part.
      const sort = `${name} ${answer.status} ${confusion.kinds.join()} ${n % 2}`;
      const made = route.method !== 'GET' && answer.status < 400;
      if (!made && compared.has(sort)) continue;
      compared.add(sort);
      tally.compared++;
      const nothing = await world.call(draw(ghost).call);
      if (likeness(answer) !== likeness(nothing)) {
        tally.unlike.push(
          `${shownCall(name, confusion.call)}: ${answer.text.slice(0, 300)} ≠ ${nothing.text.slice(0, 300)}`,
        );
      }
    }
  }
}

/** B's texts that a request says itself. */
function said({ path, body = '', headers = {}, authorization = '' }: Call): Set<string> {
  const parts = [
    path,
    decoded(path),
    decoded(path.replaceAll('+', ' ')),
    body,
    authorization,
    ...Object.values(headers),
  ];
  const text = parts.join('\n');
  return new Set([...b.texts].filter((one) => text.includes(one)));
}

function judge(name: string, { call, kinds }: Confusion, answer: Answer, adopted: Set<string>, tally: Tally) {
  tally.sent++;
  for (const kind of new Set(kinds)) add(tally.kinds, kind);
  const problem = answer.status >= 400 ? (answer.json as { code: string; detail: string }) : undefined;
  add(tally.outcomes, `${answer.status}${problem ? ` ${problem.code}` : ''}`);
  // Half a key and a forged token are nobody's; whom the attacker's issuer vouches for is one of the attacker's own.
  const isNobody = kinds.includes('key') || kinds.includes('token');
  const isElse = kinds.includes('issuer') && answer.status < 300 && !answer.text.includes(a.names.tenant);
  if ((isNobody && answer.status !== 401) || isElse) tally.leaks.push(`${shownCall(name, call)}: let in`);
  if (answer.status >= 500) tally.leaks.push(`${shownCall(name, call)}: ${answer.status}`);
  const own = said(call);
  // Its token names the person that the attacker's issuer vouches for.
  if (kinds.includes('issuer')) own.add(b.names.people[0]!);
  for (const text of b.texts) {
    if (!own.has(text) && !adopted.has(text) && answer.text.includes(text)) {
      tally.leaks.push(`${shownCall(name, call)}: ${text}`);
    }
  }
  if (!problem || !['unauthenticated', 'forbidden', 'not_found', 'cursor_invalid'].includes(problem.code)) return;
  if (world.refused.get(answer.requestId) === problem.code) tally.traced++;
  else tally.untraced.push(`${shownCall(name, call)}: ${answer.status} ${problem.code}`);
}

const shownCall = (name: string, { path, body = '' }: Call) => `${name} ${path.slice(0, 200)} ${body.slice(0, 200)}`;

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** An answer without what differs from request to request: its id, and what names that were asked for. */
function likeness({ status, text }: Answer): string {
  if (status < 400) return String(status);
  const { code, detail } = JSON.parse(text) as { code: string; detail: string };
  return `${status} ${code} ${detail.length}`;
}

/** A digest of each table's rows of a tenant. */
async function rowsOf({ names }: Member): Promise<Record<string, string>> {
  const sql = world.db.ownerSql;
  const tables = await sql`select format('%I.%I', n.nspname, c.relname) as name from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition order by 1`;
  const digests: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await sql.unsafe(
      `select count(*) || ' ' || coalesce(md5(string_agg(t::text, '' order by t::text)), '') as digest
        from (select * from ${name}) t where tenant_id = '${names.tenant}'`,
    );
    digests[String(name)] = String(row!.digest);
  }
  return digests;
}
