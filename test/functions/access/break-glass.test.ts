/** Break-glass over a real Postgres: who may begin, end and review, what is recorded and announced, and what it shows. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import type { BreakGlassRegistry } from '#core/access/break-glass.ts';
import type { Notice } from '#core/access/notices.ts';
import { breakGlass } from '#functions/access/break-glass.http.ts';
import { createBreakGlassRegistry } from '#stores/postgres/break-glass.ts';
import { httpRequest, tenantA, tenantB } from '#test/support/events.ts';
import { MemoryGrants, testGuard } from '#test/support/guard.ts';
import { MemoryPlace } from '#test/support/memory.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { MemoryRecorder } from '#test/support/reading.ts';

class MemoryNotices extends MemoryPlace {
  readonly sent: Notice[] = [];

  async notify(notice: Notice): Promise<void> {
    this.reach();
    this.sent.push(notice);
  }
}

let db: TestDatabase;
let registry: BreakGlassRegistry;
beforeAll(async () => {
  db = await testDatabase('break_glass');
  registry = createBreakGlassRegistry(db.login('trailkeep_app', 4), contextKey);
});
afterAll(() => db.drop());

const person = (id: string, tenant = tenantA): Caller => ({
  ...{ tenant, kind: 'person', keyId: `person:${id}`, scopes: [], eventsPerSecond: 1 },
  person: { id },
});
const [ann, bob, rita] = [person('ann'), person('bob'), person('rita')];
const start = Date.parse('2026-03-01T12:00:00.000Z');
const reason = 'Patient in the emergency room, unconscious.';

let ports: ReturnType<typeof makePorts>;
let count = 0;
function makePorts() {
  const grants = new MemoryGrants();
  const hold = (user: string, ...permissions: string[]) =>
    grants.byUser.set(
      user,
      permissions.map((permission) => ({ module: 'trailkeep', permission, role: 'r' })),
    );
  hold('ann', 'events:read', 'breakglass:use', 'breakglass:review');
  hold('bob', 'events:read', 'breakglass:use');
  hold('rita', 'breakglass:review');
  hold('mallory', 'events:read');
  return {
    guard: testGuard(grants, registry),
    breakGlass: registry,
    recorder: new MemoryRecorder(),
    notices: new MemoryNotices(),
    newId: () => `01890000-0000-7000-8000-${String(++count).padStart(12, '0')}`,
  };
}
beforeEach(async () => {
  await db.ownerSql`truncate access.break_glass`;
  ports = makePorts();
});

interface Asked {
  readonly json?: unknown;
  readonly minute?: number;
  readonly query?: string;
}
/** Status and body, or the code of the refusal. */
async function ask(caller: Caller, method: string, path: string, { json, minute = 0, query = '' }: Asked = {}) {
  const id = path.split('/')[1];
  const request = httpRequest({
    ...{ method, path: `/v1/break-glass${path}`, caller, query: new URLSearchParams(query), json },
    params: id === undefined ? {} : { breakGlassId: id },
    now: new Date(start + minute * 60_000),
  });
  try {
    const { status, body } = await breakGlass(ports, request);
    // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
    return { status, json: body as any };
  } catch (error) {
    const { fault, name } = error as { fault?: { code: string }; name: string };
    return { status: fault?.code ?? name, json: {} };
  }
}
const begin = (caller: Caller, minutes = 30) => ask(caller, 'POST', '', { json: { reason, minutes, ticket: 'INC-1' } });
const review = (caller: Caller, id: string, minute: number) =>
  ask(caller, 'POST', `/${id}/review`, { json: { verdict: 'justified', comment: 'The ward confirms it.' }, minute });
const sees = async (caller: Caller, minute: number) => {
  const at = { sourceIp: '198.51.100.7', now: new Date(start + minute * 60_000) };
  return (await ports.guard.sight(caller, at)).view('operations', 'phi')?.who;
};
const recorded = () => ports.recorder.recorded.map(({ event }) => event.action);

describe('begun', () => {
  test('it shows everything to its principal until it ends by itself', async () => {
    const { status, json } = await begin(bob);
    expect(status).toBe(201);
    expect(json).toMatchObject({ principal: 'bob', reason, ticket: 'INC-1', lasts: true, review: null });
    expect(json.until).toBe('2026-03-01T12:30:00.000Z');
    expect([await sees(bob, 29), await sees(bob, 30)]).toEqual(['clear', 'masked']);
    expect([await sees(ann, 1), await sees(person('bob', tenantB), 1)]).toEqual(['masked', 'masked']);
  });

  test('it is recorded with its id, and announced without a name or a reason', async () => {
    const { json } = await begin(bob);
    expect(ports.recorder.recorded).toMatchObject([
      {
        tenant: tenantA,
        event: {
          ...{ action: 'break_glass.begin', severity: 'high', actor: { type: 'user', id: 'bob' } },
          ...{ targets: [{ type: 'break_glass', id: json.id }], metadata: { minutes: 30, ticket: 'INC-1' } },
        },
      },
    ]);
    expect(ports.notices.sent).toMatchObject([{ kind: 'break_glass.begin', tenant: tenantA, id: json.id }]);
    expect(JSON.stringify(ports.notices.sent)).not.toMatch(/bob|Patient/);
  });

  test('it is not, when it cannot be recorded or announced', async () => {
    ports.recorder.down = true;
    expect((await begin(bob)).status).toBe('Unavailable');
    ports.recorder.down = false;
    ports.notices.down = true;
    expect((await begin(bob)).status).toBe('Unavailable');
    expect(await sees(bob, 1)).toBe('masked');
    expect((await ask(bob, 'GET', '')).json.break_glass).toEqual([]);
  });

  test('it needs the permission, a reason of ten characters and an end within the hour', async () => {
    expect((await begin(person('mallory'))).status).toBe('forbidden');
    expect((await begin(rita)).status).toBe('forbidden');
    for (const json of [
      { minutes: 5 },
      { reason: 'short', minutes: 5 },
      { reason: ' '.repeat(20), minutes: 5 },
      { reason: 'x'.repeat(1001), minutes: 5 },
      { reason, minutes: 61 },
      { reason, minutes: 0 },
      { reason },
      { reason, minutes: 5, ticket: '<b>' },
    ]) {
      expect((await ask(bob, 'POST', '', { json })).status).toBe('request_invalid');
    }
    expect(recorded()).toEqual([]);
  });
});

describe('ended', () => {
  test('it shows nothing more from then on; ending again is no error and no record', async () => {
    const { json } = await begin(bob);
    expect((await ask(bob, 'POST', `/${json.id}/end`, { minute: 2 })).json).toMatchObject({
      ended_at: '2026-03-01T12:02:00.000Z',
      lasts: false,
    });
    expect(await sees(bob, 3)).toBe('masked');
    expect((await ask(bob, 'POST', `/${json.id}/end`, { minute: 4 })).json.ended_at).toBe('2026-03-01T12:02:00.000Z');
    expect(recorded()).toEqual(['break_glass.begin', 'break_glass.end']);
  });

  test('it is by a reviewer too, and by nobody else', async () => {
    const { json } = await begin(ann);
    expect((await ask(bob, 'POST', `/${json.id}/end`)).status).toBe('not_found');
    expect((await ask(rita, 'POST', `/${json.id}/end`)).json.lasts).toBe(false);
  });
});

describe('reviewed', () => {
  test('it is once, by somebody else, when it is over', async () => {
    const { json } = await begin(ann);
    expect((await review(rita, json.id, 29)).status).toBe('conflict');
    expect((await review(ann, json.id, 31)).status).toBe('forbidden');
    expect((await review(bob, json.id, 31)).status).toBe('forbidden');
    expect((await review(rita, json.id, 31)).json.review).toEqual({
      ...{ by: 'rita', at: '2026-03-01T12:31:00.000Z', verdict: 'justified', comment: 'The ward confirms it.' },
    });
    expect((await review(rita, json.id, 32)).status).toBe('conflict');
    expect(recorded()).toEqual(['break_glass.begin', 'break_glass.review']);
  });

  test('the database itself refuses a review of one’s own, and one while it lasts', async () => {
    const { json } = await begin(ann);
    const by = (user: string, minute: number) =>
      registry.review(tenantA, json.id, {
        ...{ by: user, at: new Date(start + minute * 60_000), verdict: 'justified', comment: 'x' },
      });
    await expect(by('rita', 29)).rejects.toMatchObject({ fault: { code: 'conflict' } });
    await expect(by('ann', 31)).rejects.toThrow();
    expect((await by('rita', 31))?.review?.by).toBe('rita');
  });
});

describe('listed', () => {
  test('newest first, by pages: all of them to reviewers, their own to others', async () => {
    for (const caller of [bob, ann, bob]) await begin(caller);
    const listed = async (caller: Caller, query = '') => {
      const { json } = await ask(caller, 'GET', '', { query, minute: 60 });
      return json.break_glass.map(({ principal }: { principal: string }) => principal);
    };
    expect(await listed(rita)).toEqual(['bob', 'ann', 'bob']);
    expect(await listed(bob)).toEqual(['bob', 'bob']);
    const first = await ask(rita, 'GET', '', { query: 'limit=2' });
    expect(await listed(rita, `after=${first.json.next}`)).toEqual(['bob']);
    await review(rita, first.json.break_glass[1].id, 60);
    expect([await listed(rita, 'review=open'), await listed(rita, 'review=done')]).toEqual([['bob', 'bob'], ['ann']]);
    expect((await ask(rita, 'GET', '', { query: 'review=none' })).status).toBe('request_invalid');
    expect((await ask(rita, 'GET', '', { query: 'x=1' })).status).toBe('request_invalid');
    expect((await ask(person('mallory'), 'GET', '')).status).toBe('forbidden');
  });

  test('a reviewer’s key of one project reviews nothing: emergencies are the whole tenant’s', async () => {
    const { json } = await begin(ann);
    const key: Caller = {
      ...{ tenant: tenantA, kind: 'key', keyId: 'k', eventsPerSecond: 1 },
      scopes: ['breakglass:review'],
    };
    const confined: Caller = { ...key, project: 'shop' };
    expect((await ask(key, 'GET', '')).json.break_glass).toHaveLength(1);
    expect((await ask(confined, 'GET', '')).status).toBe('forbidden');
    expect((await review(confined, json.id, 60)).status).toBe('forbidden');
    expect((await review(key, json.id, 60)).status).toBe(200);
  });

  test('another’s, another tenant’s and no id at all are not there', async () => {
    const { json } = await begin(ann);
    const strangers = [bob, person('rita', tenantB), person('ann', tenantB)];
    for (const caller of strangers) expect((await ask(caller, 'GET', `/${json.id}`)).status).toBe('not_found');
    for (const id of ['x', '01890000-0000-7000-8000-00000000ffff', "' or 1=1"]) {
      expect((await ask(rita, 'GET', `/${id}`)).status).toBe('not_found');
      expect((await review(rita, id, 99)).status).toBe('not_found');
      expect((await ask(rita, 'POST', `/${id}/end`)).status).toBe('not_found');
    }
    expect((await review(person('rita', tenantB), json.id, 99)).status).toBe('not_found');
    expect((await ask(rita, 'DELETE', `/${json.id}`)).status).toBe('method_not_allowed');
  });
});
