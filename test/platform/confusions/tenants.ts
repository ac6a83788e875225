/** Two tenants with one of everything, and every text that belongs to one of them alone. */
import { localAudience, localTenantClaim } from '#local/issuer.ts';
import type { Answer, Call, World } from './world.ts';

/** Names of a tenant's things, by kind. A stranger that knows them all must get nowhere with them. */
export interface Names {
  readonly tenant: string;
  readonly events: readonly string[];
  readonly keys: readonly string[];
  readonly projects: readonly string[];
  readonly actions: readonly string[];
  readonly roles: readonly string[];
  readonly modules: readonly string[];
  readonly assignments: readonly string[];
  readonly breakGlasses: readonly string[];
  readonly requests: readonly string[];
  readonly holds: readonly string[];
  readonly restores: readonly string[];
  readonly queries: readonly string[];
  readonly overrides: readonly string[];
  readonly jobs: readonly string[];
  readonly sources: readonly string[];
  /** Slugs. */
  readonly logs: readonly string[];
  readonly exports: readonly string[];
  readonly people: readonly string[];
  readonly emails: readonly string[];
  readonly ips: readonly string[];
  readonly words: readonly string[];
  readonly idempotencyKeys: readonly string[];
  readonly searchCursors: readonly string[];
  readonly feedCursors: readonly string[];
}

export interface Member {
  readonly names: Names;
  /** `Bearer tk_…` with every scope, and with one that reads only. */
  readonly authorization: string;
  readonly readOnly: string;
  /** `Bearer <JWT>` of a person who administers the tenant. */
  readonly person: string;
  /** Texts that stand in this tenant's answers and in nobody else's. */
  readonly texts: ReadonlySet<string>;
  /** What its own lists show it. */
  readonly shown: ReadonlySet<string>;
}

export async function makeTenants(world: World): Promise<readonly [Member, Member]> {
  const admin = `Bearer ${world.adminKey}`;
  const a = await makeTenant(world, admin, 'quokka');
  const b = await makeTenant(world, admin, 'narwhal');
  // Only now: what the authorizer once read of an issuer it keeps for a minute.
  for (const { person } of [a, b]) {
    const { status } = await world.call({ method: 'GET', path: '/v1/keys', authorization: person });
    if (status !== 200) throw new Error(`a tenant's administrator is answered ${status}`);
  }
  await world.drain();
  for (const { names } of [a, b]) await world.seal(names.tenant);
  // Built or not: what an export has come to must not change under the eyes of the test.
  await world.db.ownerSql`update proof.export set state = 'failed', problem = 'proof_pending', ended_at = now()`;
  await world.db
    .ownerSql`update archive.export set state = 'failed', problem = 'internal', ended_at = now(), plan = null`;
  const [aSeen, bSeen] = [await readAll(world, a), await readAll(world, b)];
  // Reading the trail is in the trail too.
  await world.drain();
  const member = (one: Made, mine: Seen, others: Seen): Member => ({
    ...one,
    names: { ...one.names, logs: mine.logs, searchCursors: mine.searchCursors, feedCursors: mine.feedCursors },
    shown: mine.texts,
    texts: new Set(
      [...one.secrets, ...mine.texts, ...mine.searchCursors, ...mine.feedCursors].filter(
        (text) => !others.texts.has(text),
      ),
    ),
  });
  return [member(a, aSeen, bSeen), member(b, bSeen, aSeen)];
}

type Made = Pick<Member, 'authorization' | 'readOnly' | 'person'> & {
  readonly names: Omit<Names, 'logs' | 'searchCursors' | 'feedCursors'>;
  readonly secrets: readonly string[];
};

async function makeTenant(world: World, admin: string, tag: string): Promise<Made> {
  const ask = async (
    status: number,
    method: string,
    path: string,
    authorization: string,
    json?: unknown,
    more = {},
  ) => {
    const body = json === undefined ? {} : { body: JSON.stringify(json) };
    const answer = await world.call({ method, path, authorization, headers: more, ...body });
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  };
  const { id: tenant } = await ask(201, 'POST', '/v1/tenants', admin, { name: `${tag} holdings` });
  const first = await ask(201, 'POST', `/v1/tenants/${tenant}/keys`, admin, {
    name: `${tag} first key`,
    events_per_second: 100_000,
  });
  const all = `Bearer ${first.key}`;
  const reader = await ask(201, 'POST', '/v1/keys', all, { name: `${tag} reader`, scopes: ['events:read'] });
  const spare = await ask(201, 'POST', '/v1/keys', all, { name: `${tag} spare`, scopes: ['events:read'] });
  const { queue_url: intake } = await ask(201, 'POST', `/v1/tenants/${tenant}/intake`, admin);
  const projects = [`${tag}-shop`, `${tag}-bank`];
  for (const id of projects) {
    await ask(201, 'POST', '/v1/projects', all, { id, name: `${id} by ${tag}` });
    await ask(201, 'POST', `/v1/projects/${id}/environments`, all, { id: `${tag}-live`, name: `${tag} in earnest` });
  }
  const actions = [`${tag}.approve`, `${tag}.refund`];
  for (const action of actions) {
    await ask(201, 'PUT', `/v1/schemas/${action}`, all, { type: 'object', description: `how ${tag} does ${action}` });
  }
  await ask(200, 'PUT', '/v1/policy', all, {
    catalogue: [{ action: `${tag}.*`, tier: 'critical' }],
    tiers: {},
    schema_mode: 'flag',
  });
  const roles = [`${tag}-clerk`, `${tag}-chief`];
  for (const id of roles) await ask(201, 'PUT', `/v1/roles/${id}`, all, { name: `${tag} calls it ${id}` });
  const modules = [`${tag}-app`];
  for (const id of modules) await ask(201, 'PUT', `/v1/permissions/${id}/pay`, all, { description: `${tag} pays` });
  const administrator = `${tag}-administrator`;
  const given = [
    await ask(201, 'POST', '/v1/assignments', all, { user: `${tag}-person-1`, role: roles[0] }),
    await ask(201, 'POST', '/v1/assignments', all, { user: administrator, role: 'trailkeep:admin' }),
  ];
  const broken = await ask(201, 'POST', '/v1/break-glass', all, { reason: `${tag} has an emergency`, minutes: 60 });
  const requests = [
    await ask(201, 'POST', '/v1/privacy/requests', all, { type: 'access', subject: `${tag}-person-1` }),
    await ask(201, 'POST', '/v1/privacy/requests', all, { type: 'erasure', subject: `${tag}-person-2` }),
  ];
  const held = await ask(201, 'POST', '/v1/holds', all, {
    matter: `${tag} v. everybody`,
    custodian: `${tag} counsel`,
    scope: { all: true },
  });
  const period = { from: '2020-01-01T00:00:00Z', to: '2020-02-01T00:00:00Z' };
  const restored = await ask(201, 'POST', '/v1/archive/restores', all, { ...period, speed: 'bulk', days: 1 });
  const query = await ask(202, 'POST', '/v1/queries', all, { subject: `${tag}-person-1` });
  const job = await ask(201, 'POST', '/v1/jobs', all, {
    ...{ name: `${tag} nightly`, kind: 'verify', timing: { every: 'day', time: '03:00' } },
  });
  const application = await world.costs(tenant, `${tag} shop`);
  const override = await ask(201, 'POST', '/v1/overrides', all, {
    ...{ kind: 'mapping', application, from: '2026-01-01', set: { sector: null }, reason: `${tag} moved` },
  });
  await ask(201, 'POST', `/v1/tenants/${tenant}/issuers`, admin, {
    name: `${tag} people`,
    issuer: world.issuers.shared,
    audience: [localAudience],
    tenant_claim: localTenantClaim,
  });
  const person = await tokenOf(world.issuers.shared, administrator, tenant);
  const source = await ask(201, 'POST', '/v1/sources', all, { kind: 'focus', name: `${tag} bills` });
  const exported = await ask(202, 'POST', '/v1/exports/auditor', all, { ids: [tenant] });
  const files = await ask(202, 'POST', '/v1/exports', all, { format: 'jsonl', actor: `${tag}-person-1` });
  const people = [1, 2, 3].map((n) => `${tag}-person-${n}`);
  const ips = [1, 2, 3].map((n) => `198.51.${tag.length}.${n}`);
  const event = (n: number) => ({
    action: ['role.assign', 'document.view', 'user.login', actions[0]!][n % 4],
    actor: { type: 'user', id: people[n % 3], name: `${tag} named ${n}`, email: `${people[n % 3]}@example.org` },
    targets: [{ type: 'document', id: `${tag}-document-${n}`, name: `${tag} title ${n}` }],
    context: { ip: ips[n % 3], user_agent: `${tag}-agent/${n}`, service: `${tag}-service` },
    changes: [{ path: '/colour', before: `${tag} before ${n}`, after: `${tag} after ${n}` }],
    metadata: { note: `${tag} note ${n}` },
    subject: people[(n + 1) % 3],
    operation_id: `${tag}-operation`,
    external_id: `${tag}-external-${n}`,
    project: projects[0],
  });
  const idempotencyKeys = [`${tag}-once`, `${tag}-twice`];
  const sent = await Promise.all(
    idempotencyKeys.map((one, at) =>
      ask(
        202,
        'POST',
        '/v1/events',
        all,
        Array.from({ length: 6 }, (_, n) => event(at * 6 + n)),
        {
          'idempotency-key': one,
        },
      ),
    ),
  );
  return {
    authorization: all,
    readOnly: `Bearer ${reader.key}`,
    person,
    names: {
      tenant,
      events: sent.flatMap(({ items }: { items: { id: string }[] }) => items.map(({ id }) => id)),
      keys: [first.key_id, reader.key_id, spare.key_id],
      projects,
      actions,
      roles,
      modules,
      assignments: given.map(({ id }: { id: string }) => id),
      breakGlasses: [broken.id],
      requests: requests.map(({ id }: { id: string }) => id),
      holds: [held.id],
      restores: [restored.id],
      queries: [query.id],
      overrides: [override.id],
      jobs: [job.id],
      sources: [source.id],
      exports: [exported.id, files.id],
      people,
      emails: people.map((one) => `${one}@example.org`),
      ips,
      words: [`${tag} note 1`, `${tag} title 2`, `${tag}-document-3`, `${tag}-operation`, `${tag}-external-1`],
      idempotencyKeys,
    },
    secrets: [tenant, first.key, reader.key, spare.key, intake],
  };
}

/** What an issuer of this machine says for whoever asks it. */
export async function tokenOf(issuer: string, user: string, tenant: string): Promise<string> {
  const body = new URLSearchParams({ user, tenant, mfa: '1' });
  const answer = await fetch(`${issuer}/token`, { method: 'POST', body });
  return `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
}

interface Seen {
  readonly texts: ReadonlySet<string>;
  readonly logs: readonly string[];
  readonly searchCursors: readonly string[];
  readonly feedCursors: readonly string[];
}

/** Everything that a tenant's own lists show it, and the cursors it is handed. */
export async function readAll(
  world: World,
  { authorization, names }: Pick<Made, 'authorization' | 'names'>,
): Promise<Seen> {
  const texts = new Set<string>();
  const get = async (path: string): Promise<Answer> => {
    const call: Call = { method: 'GET', path, authorization };
    const answer = await world.call(call);
    if (answer.status === 200 && answer.text.startsWith('{')) collect(answer.json, texts);
    return answer;
  };
  const lists = world.routes.filter(
    ({ method, resourcePath, authorizer }) => method === 'GET' && authorizer && !resourcePath.includes('{'),
  );
  for (const { resourcePath } of lists) await get(resourcePath);
  for (const id of names.events) await get(`/v1/events/${id}`);
  for (const id of names.events.slice(0, 3)) await get(`/v1/events/${id}/proof`);
  for (const id of names.exports) await get(`/v1/exports/${id}`);
  const log = (await get('/v1/log')).json as { readonly path: string };
  await get(`${log.path}keys.txt`);
  for (const id of names.keys) await get(`/v1/keys/${id}`);
  for (const id of names.projects) await get(`/v1/projects/${id}/environments`);
  for (const action of names.actions) await get(`/v1/schemas/${action}`);
  const cursor = async (path: string, name: string) => String((await get(path)).json[name]);
  const searches = ['/v1/events?limit=1', '/v1/events?limit=5', `/v1/events?limit=1&actor=${names.people[0]}`];
  const feeds = ['/v1/events/feed?limit=1', '/v1/events/feed'];
  return {
    texts,
    logs: [log.path.slice(3, -1)],
    searchCursors: await Promise.all(searches.map((path) => cursor(path, 'next_cursor'))),
    feedCursors: await Promise.all(feeds.map((path) => cursor(path, 'next'))),
  };
}

/** Texts that could betray whose they are: no short words, no times, and no cursors, which move on. */
function collect(value: unknown, into: Set<string>): void {
  if (typeof value === 'string') {
    if (value.length >= 8 && !/^\d{4}-\d\d-\d\dT/.test(value)) into.add(value);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, one] of Object.entries(value)) if (!/^next(_cursor)?$/.test(name)) collect(one, into);
  }
}
