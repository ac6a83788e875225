/**
 * Requests in which something belongs to another tenant: the id in the path, a value of the query, a member of the
 * body, the cursor, the idempotency key, the headers, half of the API key. Drawn from a seed, so that a request can be
 * drawn again with the names of a tenant that does not exist.
 */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readableViewNames } from '#core/costs/view-rows.ts';
import type { Route } from '#local/gateway/routes.ts';
import { type Member, type Names, tokenOf } from './tenants.ts';
import type { Call, World } from './world.ts';

export interface Confusion {
  readonly call: Call;
  /** What is confused in it, for the count. */
  readonly kinds: readonly string[];
}

/** Whose names a request takes: a tenant's, or a ghost's. */
export interface Stranger {
  readonly names: Names;
  readonly authorization: string;
  readonly person: string;
  /** What the attacker's own issuer says of this tenant's people. */
  readonly vouched: string;
}

/** Draws of a seed: mulberry32. */
export function drawsOf(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    pick: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!,
    chance: (share: number) => next() < share,
  };
}
type Draws = ReturnType<typeof drawsOf>;

/** One request of `own` on a route, confused with what belongs to `stranger`. */
export function confusionOf(route: Route, own: Member, stranger: Stranger, seed: number): Confusion {
  const draws = drawsOf(seed);
  const { names } = stranger;
  const kinds: string[] = [];
  const path = pathOf(route.resourcePath, own, names, draws, kinds);
  const query = queryOf(route.resourcePath, own, names, draws, kinds);
  const hasBody = route.method !== 'GET' && route.method !== 'DELETE';
  const body = hasBody ? bodyOf(route, own, names, draws) : undefined;
  if (body !== undefined) kinds.push('body');
  const headers = headersOf(own, stranger, draws);
  kinds.push(...Object.keys(headers));
  let authorization = draws.pick([own.authorization, own.authorization, own.person, own.person, own.readOnly]);
  if (kinds.length === 0 || draws.chance(0.08)) {
    const kind = draws.pick(['key', 'token', 'issuer'] as const);
    authorization = {
      key: () => mixedKey(own.authorization, stranger.authorization, draws),
      token: () => mixedToken(own, stranger, draws),
      issuer: () => stranger.vouched,
    }[kind]();
    kinds.push(kind);
  }
  const call = { method: route.method, path: path + query, authorization, headers };
  return { call: body === undefined ? call : { ...call, body }, kinds };
}

/** Ids as they stand in paths, of every kind: an id of the wrong kind is a stranger too. */
const idsOf = (names: Names): readonly string[] => [
  ...names.events,
  ...names.keys,
  ...names.projects,
  ...names.actions,
  ...names.roles,
  ...names.modules,
  ...names.assignments,
  ...names.breakGlasses,
  ...names.requests,
  ...names.holds,
  ...names.restores,
  ...names.queries,
  ...names.overrides,
  ...names.jobs,
  ...names.sources,
  ...names.logs,
  ...names.exports,
  ...names.people,
  names.tenant,
];

function idsFor(parameter: string, names: Names): readonly string[] {
  if (parameter === 'eventId') return names.events;
  if (parameter === 'keyId') return names.keys;
  if (parameter === 'projectId') return names.projects;
  if (parameter === 'action') return names.actions;
  if (parameter === 'roleId') return names.roles;
  if (parameter === 'module') return names.modules;
  if (parameter === 'permission') return ['pay'];
  if (parameter === 'assignmentId') return names.assignments;
  if (parameter === 'breakGlassId') return names.breakGlasses;
  if (parameter === 'requestId') return names.requests;
  if (parameter === 'holdId') return names.holds;
  if (parameter === 'restoreId') return names.restores;
  if (parameter === 'queryId') return names.queries;
  if (parameter === 'overrideId') return names.overrides;
  if (parameter === 'jobId') return names.jobs;
  if (parameter === 'sourceId') return names.sources;
  if (parameter === 'view') return readableViewNames;
  if (parameter === 'slug') return names.logs;
  if (parameter === 'path+') return ['checkpoint', 'keys.txt', 'tile/0/000.p/9', 'tile/entries/000.p/9', ...names.logs];
  if (parameter === 'exportId') return names.exports;
  if (parameter === 'tenantId') return [names.tenant];
  return idsOf(names);
}

function pathOf(template: string, own: Member, names: Names, draws: Draws, kinds: string[]): string {
  return template.replace(/\{([^}]+)\}/g, (_, parameter: string) => {
    const id = draws.pick(draws.chance(0.8) ? idsFor(parameter, names) : idsOf(names));
    const mine = draws.pick(idsFor(parameter, own.names));
    kinds.push('path');
    return draws.pick([
      encodeURIComponent,
      encodeURIComponent,
      encodeURIComponent,
      (text: string) => [...text].map((one) => `%${one.charCodeAt(0).toString(16)}`).join(''),
      (text: string) => encodeURIComponent(text.toUpperCase()),
      (text: string) => encodeURIComponent(`${text} `),
      (text: string) => encodeURIComponent(`../${text}`),
      (text: string) => encodeURIComponent(`${mine}/../${text}`),
      (text: string) => encodeURIComponent(`${mine},${text}`),
      (text: string) => encodeURIComponent(`${text}\0`),
      (text: string) => encodeURIComponent(`${text}' or '1'='1`),
    ])(id);
  });
}

/** A cursor as it was handed to the other, and what a thief would make of it. */
function cursorOf(theirs: readonly string[], own: readonly string[], draws: Draws): string {
  const cursor = draws.pick(theirs);
  const read = (text: string) => Buffer.from(text, 'base64url').toString();
  const [payload] = read(cursor).split(/\.(?=[^.]*$)/);
  const mac = read(draws.pick(own)).split('.').at(-1);
  return draws.pick([
    cursor,
    cursor,
    cursor.slice(0, -4),
    `${cursor}AA`,
    Buffer.from(`${payload}.${mac}`).toString('base64url'),
    Buffer.from(`${payload}`).toString('base64url'),
    Buffer.from(`${payload}.`).toString('base64url'),
  ]);
}

function queryOf(path: string, own: Member, names: Names, draws: Draws, kinds: string[]): string {
  const filters: Record<string, readonly string[]> = {
    tenant: [names.tenant],
    tenant_id: [names.tenant],
    actor: names.people,
    actor_email: names.emails,
    subject: names.people,
    target: names.words,
    ip: names.ips,
    project: names.projects,
    operation_id: names.words,
    external_id: names.words,
    text: names.words,
    user: names.people,
  };
  const query = new URLSearchParams();
  const add = (name: string, value: string) => {
    query.append(name, value);
    kinds.push(name === 'cursor' || name === 'after' ? 'cursor' : 'query');
  };
  if (path === '/v1/events') {
    if (draws.chance(0.4)) add('cursor', cursorOf(names.searchCursors, own.names.searchCursors, draws));
    else {
      const name = draws.pick(Object.keys(filters));
      add(name, draws.pick(filters[name]!));
    }
    if (draws.chance(0.3)) query.append('limit', draws.pick(['1', '5']));
  } else if (path === '/v1/events/feed') {
    add('after', cursorOf([...names.feedCursors, ...names.searchCursors], own.names.feedCursors, draws));
  } else if (path === '/v1/permissions/effective') {
    add('user', draws.pick(names.people));
    add('module', draws.pick([...names.modules, 'trailkeep']));
  } else if (path === '/v1/assignments' && draws.chance(0.6)) {
    const name = draws.pick(['user', 'role']);
    add(name, draws.pick(name === 'user' ? names.people : names.roles));
  } else if (draws.chance(0.5)) {
    const name = draws.pick(['tenant', 'tenant_id', 'after', 'user', 'subject', 'project', 'cursor']);
    add(name, draws.pick(filters[name] ?? idsOf(names)));
  }
  return query.size === 0 ? '' : `?${query}`;
}

function bodyOf(route: Route, own: Member, names: Names, draws: Draws): string {
  const { method, resourcePath: path } = route;
  const person = draws.pick(names.people);
  const tenant = names.tenant;
  const event = { action: 'user.login', actor: { type: 'user', id: person } };
  const any = () => draws.pick(idsOf(names));
  const choices: Record<string, readonly unknown[]> = {
    'POST /v1/events': [
      { ...event, tenant },
      { ...event, tenant_id: tenant },
      { ...event, id: draws.pick(names.events) },
      [
        { ...event, id: draws.pick(names.events) },
        { ...event, project: draws.pick(names.projects) },
      ],
      { ...event, producer: { key: draws.pick(names.keys) } },
      { specversion: '1.0', id: draws.pick(names.events), source: tenant, type: 'user.login', data: event },
    ],
    'POST /v1/events/search': [
      { cursor: cursorOf(names.searchCursors, own.names.searchCursors, draws) },
      { cursor: cursorOf(names.searchCursors, own.names.searchCursors, draws), limit: 1 },
      { actor: person },
      { actor_email: draws.pick(names.emails) },
      { text: draws.pick(names.words) },
      { tenant },
      { ip: draws.pick(names.ips), project: draws.pick(names.projects) },
    ],
    'POST /v1/keys': [
      { name: 'k', scopes: ['events:read'], project: names.projects[1] },
      { name: 'k', scopes: ['events:read'], project: names.projects[1], environment: 'live' },
      { name: 'k', scopes: ['events:read'], tenant },
      { name: 'k', scopes: ['admin'] },
    ],
    'POST /v1/projects': [{ id: names.projects[0] }, { id: names.projects[0], tenant }, { id: any(), name: 'mine' }],
    'POST /v1/projects/{projectId}/environments': [{ id: 'live' }, { id: 'live', tenant }],
    'PUT /v1/roles/{roleId}': [{ name: 'mine' }, { name: 'mine', parents: [names.roles[1]] }, { name: 'mine', tenant }],
    'PUT /v1/permissions/{module}/{permission}': [{}, { tenant }],
    'POST /v1/permissions/check': [
      { user: person, permission: 'pay', module: names.modules[0] },
      { user: person, permission: 'events:read', module: 'trailkeep' },
      { checks: [{ user: person, permission: 'pay', module: names.modules[0] }] },
    ],
    // The second role: the first may be one's own by now.
    'POST /v1/assignments': [
      { user: person, role: names.roles[1] },
      { user: person, role: names.roles[1], tenant },
      { user: person, role: names.assignments[0] },
    ],
    'POST /v1/break-glass': [
      { reason: `for ${tenant}`, minutes: 1 },
      { reason: 'an emergency', minutes: 1, tenant },
    ],
    'POST /v1/break-glass/{breakGlassId}/review': [{ verdict: 'justified', comment: 'Looks right.' }],
    'POST /v1/privacy/requests': [
      { type: 'access', subject: person },
      { type: 'erasure', subject: person, tenant },
      { type: 'restriction', subject: person },
    ],
    'POST /v1/privacy/requests/{requestId}/verify': [{ method: 'in_person' }],
    'POST /v1/privacy/requests/{requestId}/refuse': [{ reason: 'no' }],
    'POST /v1/privacy/requests/{requestId}/extend': [{ reason: 'many' }],
    'POST /v1/holds': [{ matter: 'mine', custodian: 'me', scope: { all: true }, tenant }],
    'PUT /v1/retention': [{ classes: {}, tenant }],
    'POST /v1/retention/approve': [{ version: 1 }, { version: 1, tenant }],
    'POST /v1/archive/restores': [{ ...whole, speed: 'bulk', days: 1, tenant }],
    'POST /v1/queries': [
      { tenant },
      { actor: person, subject: person },
      { ...whole, project: draws.pick(names.projects) },
    ],
    'POST /v1/jobs': [
      { name: any(), kind: 'verify', timing: { every: 'day', time: '03:00' }, tenant },
      { name: `${tenant} nightly`, kind: 'verify', timing: { every: 'day', time: '03:00' } },
      { id: draws.pick(names.jobs), name: 'mine', kind: 'verify', timing: { every: 'day', time: '03:00' } },
    ],
    'POST /v1/sources': [
      { kind: 'focus', name: any(), tenant },
      { kind: 'h-code', name: `${tenant} mine`, settings: { names: [{ like: '*', h_code: any() }] } },
      { id: draws.pick(names.sources), kind: 'focus', name: 'mine' },
    ],
    'PUT /v1/sources/{sourceId}': [{ settings: {} }, { secret: any() }, { settings: {}, tenant }],
    'POST /v1/sources/{sourceId}/files': [{ name: 'a.csv' }, { name: `../${tenant}/a.csv` }, { name: 'a.csv', tenant }],
    'POST /v1/prices': [{ package: any(), from_day: '2026-01-01', currency: 'EUR', amount: '1', tenant }],
    'POST /v1/overrides': [
      { kind: 'mapping', application: 1, from: '2026-01-01', set: { sector: `${tenant} sector` }, reason: 'mine' },
      { kind: 'cost', month: '2026-01', amount: '1', currency: 'EUR', set: { h_code: any() }, reason: 'mine' },
      { kind: 'mapping', application: 1, from: '2026-01-01', set: { sector: null }, reason: 'mine', tenant },
    ],
    'POST /v1/overrides/{overrideId}/approve': [{}, { note: 'fine' }, { tenant }],
    'POST /v1/costs/statement/approve': [{ month: '2026-01', sha256: '0'.repeat(64), tenant }],
    'POST /v1/log/range-proof': [
      { ...whole, tenant },
      { ...whole, log: names.logs[0] },
      { from: whole.from, to: draws.pick(names.events) },
    ],
    'POST /v1/exports': [
      { format: 'jsonl', actor: person },
      { format: 'csv', project: draws.pick(names.projects) },
      { format: 'csv', text: draws.pick(names.words) },
      { format: 'parquet', tenant },
      { format: 'jsonl', cursor: cursorOf(names.searchCursors, own.names.searchCursors, draws) },
    ],
    'POST /v1/exports/auditor': [
      { ids: names.events },
      { ids: [draws.pick(names.events), ...names.exports] },
      { ids: [draws.pick(names.events)], tenant },
      { ...whole, tenant },
    ],
    'PUT /v1/policy': [
      { catalogue: [{ action: `${draws.pick(names.actions)}`, tier: 'bulk' }], tiers: {}, schema_mode: 'flag' },
      { catalogue: [], tiers: {}, schema_mode: 'flag', tenant },
    ],
    'PUT /v1/schemas/{action}': [{ type: 'object' }, { $ref: `https://trailkeep.dev/${tenant}` }],
  };
  const generic: readonly unknown[] = [
    { id: any(), tenant },
    { tenant, tenant_id: tenant, user: person, principal: person, module: 'trailkeep', permission: 'events:read' },
    { name: any(), project: draws.pick(names.projects) },
    { type: 'access', subject: person },
    { role: any(), principal: person },
    [{ id: any(), user: person }],
    {},
  ];
  return JSON.stringify(draws.pick(choices[`${method} ${path}`] ?? generic));
}

function headersOf(own: Member, { names, authorization }: Stranger, draws: Draws): Record<string, string> {
  const one: Record<string, string> = {
    'idempotency-key': draws.pick(names.idempotencyKeys),
    'trailkeep-purpose': draws.pick(['billing', 'support', 'break_glass', `for-${names.projects[0]}`]),
    'trailkeep-ticket': draws.pick(names.events),
    'x-tenant': names.tenant,
    'x-trailkeep-tenant': names.tenant,
    'x-tenant-id': names.tenant,
    'x-api-key': authorization.slice('Bearer '.length),
    'x-forwarded-for': draws.pick(names.ips),
    'x-original-url': `/v1/events/${names.events[0]}`,
    'x-amzn-request-context': JSON.stringify({ authorizer: { tenant: names.tenant, keyId: own.names.keys[0] } }),
    cookie: `tenant=${names.tenant}`,
  };
  if (!draws.chance(0.4)) return {};
  const wanted = [draws.pick(Object.keys(one)), draws.pick(Object.keys(one))];
  return Object.fromEntries(wanted.map((name) => [name, one[name]!]));
}

/** `Bearer tk_<id>_<secret>` of two keys, mixed: none of these is anybody's. */
function mixedKey(own: string, theirs: string, draws: Draws): string {
  const [[, ownId, ownSecret], [, id, secret]] = [own, theirs].map((one) => /tk_([^_]+)_(.+)$/.exec(one)!) as [
    RegExpExecArray,
    RegExpExecArray,
  ];
  return draws.pick([
    `Bearer tk_${id}_${ownSecret}`,
    `Bearer tk_${ownId}_${secret}`,
    theirs.slice(0, -1),
    `${theirs}A`,
    `Bearer tk_${id}_`,
    `Bearer tk_${id}_${secret!.toUpperCase()}`,
    `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    `${own}, ${theirs}`,
    `Bearer ${id}`,
  ]);
}

const whole = { from: '2020-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z' };
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A key that no issuer has. */
const forger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** Tokens that say they are the other's and are not signed for that. */
function mixedToken(own: Member, { person, names }: Stranger, draws: Draws): string {
  const [mine, theirs] = [own.person, person].map((one) => one.slice('Bearer '.length).split('.')) as [
    [string, string, string],
    [string, string, string],
  ];
  const header = JSON.parse(Buffer.from(mine[0], 'base64url').toString()) as object;
  const claims = JSON.parse(Buffer.from(mine[1], 'base64url').toString()) as object;
  const moved = part({ ...claims, tenant: names.tenant });
  const forged = (head: object, signature: (text: string) => string) => {
    const text = `${part(head)}.${theirs[1]}`;
    return `${text}.${signature(text)}`;
  };
  const token = draws.pick([
    () => `${mine[0]}.${moved}.${mine[2]}`,
    () => `${mine[0]}.${theirs[1]}.${mine[2]}`,
    () => `${mine[0]}.${mine[1]}.${theirs[2]}`,
    () => `${theirs[0]}.${theirs[1]}.`,
    () => `${theirs[0]}.${theirs[1]}.${theirs[2].slice(0, -4)}`,
    () => `${part({ alg: 'none' })}.${theirs[1]}.`,
    () => forged({ alg: 'none', typ: 'at+jwt' }, () => 'AA'),
    () =>
      forged({ ...header, alg: 'HS256' }, (text) => createHmac('sha256', 'trailkeep').update(text).digest('base64url')),
    () =>
      forged(header, (text) =>
        sign('sha256', Buffer.from(text), { key: forger, dsaEncoding: 'ieee-p1363' }).toString('base64url'),
      ),
    () => forged({ ...header, jwk: forger.export({ format: 'jwk' }) }, () => theirs[2]),
  ])();
  return `Bearer ${token}`;
}

/** A tenant as an attacker with an issuer of its own meets it. */
export async function strangerOf(
  world: World,
  { names, authorization, person }: Omit<Stranger, 'vouched'>,
): Promise<Stranger> {
  return { names, authorization, person, vouched: await tokenOf(world.issuers.own, names.people[0]!, names.tenant) };
}

/** A tenant of the same shape that nobody is: every name another one of the same length. */
export async function ghostOf(world: World, { names, authorization }: Stranger): Promise<Stranger> {
  const draws = drawsOf(7);
  const word = (text: string) =>
    [...text].map((one) => (/[a-z]/.test(one) ? draws.pick([...'bcdfghjkmnpqrtvwxyz']) : one)).join('');
  // The time in an id stays: what comes of it goes by the time.
  const id = (text: string) =>
    text.slice(0, 15) +
    text.slice(15).replace(/[0-9a-f]/g, (one, at) => (at === 4 ? one : draws.pick([...'0123456789abcdef'])));
  const list = (texts: readonly string[], make = word) => texts.map(make);
  const ghost = {
    names: {
      tenant: id(names.tenant),
      events: list(names.events, id),
      keys: list(names.keys),
      projects: list(names.projects),
      actions: list(names.actions),
      roles: list(names.roles),
      modules: list(names.modules),
      assignments: list(names.assignments, id),
      breakGlasses: list(names.breakGlasses, id),
      requests: list(names.requests, id),
      holds: list(names.holds, id),
      restores: list(names.restores, id),
      queries: list(names.queries, id),
      overrides: list(names.overrides, id),
      jobs: list(names.jobs, id),
      sources: list(names.sources, id),
      logs: list(names.logs),
      exports: list(names.exports, id),
      people: list(names.people),
      emails: list(names.emails),
      ips: list(names.ips, (ip) => ip.replace('198.51.', '203.0.')),
      words: list(names.words),
      idempotencyKeys: list(names.idempotencyKeys),
      searchCursors: list(names.searchCursors, (one) => flip(one)),
      feedCursors: list(names.feedCursors, (one) => flip(one)),
    },
    authorization: `Bearer tk_${word('abcdefghijklmnopqrst')}_${authorization.split('_').at(-1)}`,
  };
  const person = await tokenOf(world.issuers.shared, ghost.names.people[0]!, ghost.names.tenant);
  return strangerOf(world, { ...ghost, person });
}

/** A cursor whose signature nobody made. */
const flip = (cursor: string) => {
  const text = Buffer.from(cursor, 'base64url').toString();
  return Buffer.from(text.slice(0, -1) + (text.endsWith('0') ? '1' : '0')).toString('base64url');
};
