/** The three verbs of query as a client sees them, with two tenants. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import { feed } from '#functions/query/feed.http.ts';
import { search } from '#functions/query/search.http.ts';
import { show } from '#functions/query/show.http.ts';
import { onHttp } from '#functions/runtime/http.ts';
import type { HttpVerb } from '#functions/runtime/request.ts';
import { callerA, context, proxyEvent, tenantA, tenantB } from '#test/support/events.ts';
import { readerPorts } from '#test/support/reading.ts';
import { at0, eventOf, World } from './world.ts';

const callerB: Caller = { ...callerA, tenant: tenantB, keyId: 'bbbbbbbbbbbbbbbbbbbb' };

const portsOf = (world: World) => ({
  ...world.ports,
  ...readerPorts(),
  clock: () => 0,
  cursorKey: new Uint8Array([1]),
  hmac: (key: Uint8Array, data: string) => new Uint8Array(createHmac('sha256', key).update(data).digest()),
});
type Ports = ReturnType<typeof portsOf>;

interface Asked {
  readonly query?: string;
  readonly json?: unknown;
  readonly id?: string;
  readonly caller?: Caller;
}

async function ask(verb: HttpVerb<Ports>, world: World, { query = '', json, id, caller = callerA }: Asked = {}) {
  const ports = portsOf(world);
  const multi: Record<string, string[]> = {};
  for (const [name, value] of new URLSearchParams(query)) multi[name] = [...(multi[name] ?? []), value];
  const openers = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, () => port]));
  const answer = await onHttp(verb, openers as never)(
    proxyEvent({
      httpMethod: json === undefined ? 'GET' : 'POST',
      multiValueQueryStringParameters: multi,
      pathParameters: id === undefined ? null : { eventId: id },
      body: json === undefined ? null : JSON.stringify(json),
      authorizer: {
        tenant: caller.tenant,
        keyId: caller.keyId,
        scopes: caller.scopes.join(' '),
        eventsPerSecond: '1',
        ...(caller.project ? { project: caller.project } : {}),
      },
    }),
    context,
  );
  return { status: answer.statusCode, headers: answer.headers ?? {}, text: answer.body, json: JSON.parse(answer.body) };
}
const idsOf = (json: { events: { id: string }[] }) => json.events.map(({ id }) => id);

/** Events 0–9 of tenant A, the even ones critical, and 100–103 of tenant B. */
function twoTenants(): World {
  const world = new World();
  for (let n = 0; n < 10; n += 2) world.addCritical(eventOf(n));
  world.addPart([[eventOf(1), eventOf(3)], [eventOf(5)]]);
  world.addPart([[eventOf(7), eventOf(9)]]);
  world.addCritical(eventOf(100, 100, tenantB), eventOf(102, 102, tenantB));
  world.addPart([[eventOf(101, 101, tenantB), eventOf(103, 103, tenantB)]]);
  return world;
}

describe('search', () => {
  test('pages both tiers with one cursor, by GET and by POST alike', async () => {
    const world = twoTenants();
    const first = await ask(search, world, { query: 'limit=6' });
    expect(first).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(idsOf(first.json)).toEqual([9, 8, 7, 6, 5, 4].map((n) => eventOf(n).id));
    expect(first.json).toMatchObject({ complete: true, sources: { critical: { rows: 5 }, bulk: { parts: 2 } } });
    const rest = { limit: 6, cursor: first.json.next_cursor };
    const second = await ask(search, world, { json: rest });
    expect(idsOf(second.json)).toEqual([3, 2, 1, 0].map((n) => eventOf(n).id));
    expect(second.json.next_cursor).toBeNull();
  });

  test('returns events as they are stored', async () => {
    const { json } = await ask(search, twoTenants(), { query: 'actor=u4&limit=1' });
    expect(json.events).toEqual([eventOf(9)]);
  });

  test('never shows another tenant’s events, nor follows its cursor', async () => {
    const world = twoTenants();
    const theirs = await ask(search, world, { query: 'limit=2', caller: callerB });
    expect(idsOf(theirs.json)).toEqual([103, 102].map((n) => eventOf(n).id));
    for (const query of [
      `cursor=${theirs.json.next_cursor}`,
      'cursor=x',
      `actor=u1&cursor=${theirs.json.next_cursor}`,
    ]) {
      expect((await ask(search, world, { query })).json).toMatchObject({ status: 400, code: 'cursor_invalid' });
    }
  });

  test('refuses a cursor of other filters and filters it does not know', async () => {
    const world = twoTenants();
    const { json } = await ask(search, world, { query: 'limit=2&outcome=success' });
    expect(json.next_cursor).toEqual(expect.any(String));
    const widened = await ask(search, world, { query: `cursor=${json.next_cursor}` });
    expect(widened.json).toMatchObject({ status: 400, code: 'cursor_invalid' });
    expect((await ask(search, world, { query: 'actro=u1' })).json).toMatchObject({
      status: 400,
      code: 'filter_invalid',
      pointer: '/actro',
    });
    expect((await ask(search, world, { json: [] })).json).toMatchObject({ status: 400, code: 'filter_invalid' });
  });

  test('shows a key of one project that project only', async () => {
    const shop = { ...callerA, project: 'shop' };
    const own = await ask(search, twoTenants(), { caller: shop });
    expect(idsOf(own.json)).toEqual([9, 8, 7, 5, 4, 3, 2, 1].map((n) => eventOf(n).id));
    const other = await ask(search, twoTenants(), { caller: shop, query: 'project=other' });
    expect(other.json).toMatchObject({ events: [], next_cursor: null, complete: true });
  });

  test('cuts a page that no answer could carry, and goes on after it', async () => {
    const world = new World();
    const note = 'x'.repeat(200 * 1024);
    for (let n = 0; n < 30; n++) world.addPart([[{ ...eventOf(n), metadata: { note } }]]);
    const first = await ask(search, world, { query: 'limit=30' });
    expect(first.text.length).toBeLessThan(5 * 1024 * 1024);
    const second = await ask(search, world, { query: `limit=30&cursor=${first.json.next_cursor}` });
    expect([...idsOf(first.json), ...idsOf(second.json)]).toEqual(
      Array.from({ length: 30 }, (_, n) => eventOf(29 - n).id),
    );
  });

  test('names a segment that is gone', async () => {
    const world = twoTenants();
    world.lose('s0');
    expect((await ask(search, world)).json).toMatchObject({ complete: false, missing: ['s0'] });
  });

  test('needs events:read', async () => {
    const writer: Caller = { ...callerA, scopes: ['events:write'] };
    for (const verb of [search, show, feed])
      expect((await ask(verb as never, twoTenants(), { caller: writer })).status).toBe(403);
  });
});

describe('show', () => {
  test('finds an event on either tier, whatever the case of its id', async () => {
    for (const n of [4, 5]) {
      const answer = await ask(show, twoTenants(), { id: eventOf(n).id.toUpperCase() });
      expect(answer).toMatchObject({ status: 200, json: eventOf(n) });
    }
  });

  test('404: foreign, missing and malformed ids and other projects answer byte for byte alike', async () => {
    const ids = [eventOf(100).id, eventOf(101).id, eventOf(500).id, 'x', '', "' or 1=1"];
    const answers = await Promise.all(ids.map((id) => ask(show, twoTenants(), { id })));
    answers.push(await ask(show, twoTenants(), { id: eventOf(6).id, caller: { ...callerA, project: 'shop' } }));
    expect(answers[0]!.json).toMatchObject({ status: 404, code: 'not_found' });
    for (const { text, headers } of answers) expect([text, headers]).toEqual([answers[0]!.text, answers[0]!.headers]);
  });

  test('opens the one block that may hold it', async () => {
    const world = twoTenants();
    await ask(show, world, { id: eventOf(5).id });
    expect(world.reads).toEqual([{ key: 's0', blocks: 1 }]);
  });

  test('does not call an event missing whose segment cannot be read', async () => {
    const world = twoTenants();
    world.lose('s0');
    expect((await ask(show, world, { id: eventOf(5).id })).status).toBe(503);
  });
});

describe('what cannot be read', () => {
  const file = (day: string) =>
    `audit-logs/dt=${day}/tenant=${tenantA}/category=system/bulk-01890000-0000-7000-8000-000000000001.jsonl.gz`;

  test('search names archived days and damaged blocks, and says what to do', async () => {
    const world = twoTenants();
    const frozen = world.chunkOf(file('2025-03-01'), [[eventOf(20, -9e6)], [eventOf(21, -9e6)]]);
    const hit = world.chunkOf(file('2025-04-01'), [[eventOf(22, -8e6)]]);
    world.ledger.archived.push(frozen, hit);
    world.freeze(frozen.key);
    world.damage(hit.key, hit.blocks[0]!.offset, undefined);
    const { json } = await ask(search, world);
    expect(json).toMatchObject({
      complete: false,
      next_cursor: null,
      archived: [{ day: '2025-03-01', category: 'system', events: 2 }],
      damaged: [{ file: hit.key, block: 0, bytes: `10-${9 + hit.blocks[0]!.bytes}` }],
      hints: [expect.stringContaining('POST /v1/archive/restores'), expect.stringContaining('operator')],
    });
    expect(json.events).toHaveLength(10);
  });

  test('an event that may be there is not called missing', async () => {
    const world = twoTenants();
    const frozen = world.chunkOf(file('2025-03-01'), [[eventOf(20)]]);
    const hit = world.chunkOf(file('2025-04-01'), [[eventOf(22)]]);
    world.ledger.archived.push(frozen, hit);
    world.freeze(frozen.key);
    world.damage(hit.key, hit.blocks[0]!.offset, undefined);
    expect((await ask(show, world, { id: eventOf(20).id })).json).toMatchObject({
      status: 409,
      code: 'archived',
      archived: [{ day: '2025-03-01', category: 'system' }],
    });
    expect((await ask(show, world, { id: eventOf(22).id })).json).toMatchObject({
      status: 500,
      code: 'stored_damaged',
      damaged: [{ file: hit.key, block: 0 }],
    });
    expect(await ask(show, world, { id: eventOf(23).id })).toMatchObject({ status: 404 });
    // Another tenant learns nothing of it.
    expect(await ask(show, world, { id: eventOf(20).id, caller: callerB })).toMatchObject({ status: 404 });
  });
});

describe('feed', () => {
  /** Follows the cursor until a page is empty. */
  async function follow(world: World, query: string, caller = callerA) {
    const ids: string[] = [];
    let after = '';
    for (let polls = 0; polls < 100; polls++) {
      const { json, headers } = await ask(feed, world, { query: `${query}${after}`, caller });
      expect(headers.link).toContain(`after=${json.next}`);
      ids.push(...idsOf(json));
      if (json.events.length === 0) return { ids, next: json.next as string };
      after = `&after=${json.next}`;
    }
    throw new Error('the feed does not end');
  }

  test('gives every event in the order of commits, for any page size', async () => {
    for (const limit of [1, 2, 3, 100]) {
      const { ids } = await follow(twoTenants(), `limit=${limit}`);
      expect(ids).toEqual([1, 3, 5, 7, 9].map((n) => eventOf(n).id));
    }
  });

  test('keeps its cursor on an empty page, and goes on from there with an event of long ago', async () => {
    const world = twoTenants();
    const { next } = await follow(world, 'limit=2');
    const idle = await ask(feed, world, { query: `after=${next}` });
    expect(idle.json).toEqual({ events: [], next });
    expect(idle.headers.link).toBe(`</v1/events/feed?after=${next}>; rel="next"`);
    const late = eventOf(77, -100_000);
    world.addPart([[late]], 'critical');
    expect((await ask(feed, world, { query: `after=${next}` })).json.events).toEqual([late]);
  });

  test('of a tenant without events has a cursor too', async () => {
    const world = new World();
    const { json } = await ask(feed, world);
    world.addPart([[eventOf(1)]]);
    expect(idsOf((await ask(feed, world, { query: `after=${json.next}` })).json)).toEqual([eventOf(1).id]);
  });

  test('passes more commits than one page of the catalogue holds', async () => {
    const world = new World();
    for (let n = 0; n < 100; n++) world.addPart([[eventOf(n)]]);
    expect((await follow(world, 'limit=90')).ids).toHaveLength(100);
  });

  test('follows no cursor of another tenant or project', async () => {
    const world = twoTenants();
    const { next } = await follow(world, 'limit=2', callerB);
    for (const caller of [callerA, { ...callerB, project: 'shop' }]) {
      const answer = await ask(feed, world, { query: `after=${next}`, caller });
      expect(answer.json).toMatchObject({ status: 400, code: 'cursor_invalid' });
    }
  });

  test('shows a key of one project that project only', async () => {
    const world = new World();
    world.addPart([[0, 1, 6, 7].map((n) => eventOf(n))]);
    expect((await follow(world, 'limit=1', { ...callerA, project: 'shop' })).ids).toEqual(
      [1, 7].map((n) => eventOf(n).id),
    );
  });

  test('names a segment that is gone and goes on', async () => {
    const world = twoTenants();
    world.lose('s0');
    const { json } = await ask(feed, world);
    expect(json.missing).toEqual(['s0']);
    expect(idsOf(json)).toEqual([7, 9].map((n) => eventOf(n).id));
  });

  test('refuses parameters it does not know', async () => {
    for (const query of ['afer=x', 'limit=0', 'limit=1001', 'limit=1&limit=2']) {
      expect((await ask(feed, twoTenants(), { query })).json).toMatchObject({ status: 400, code: 'filter_invalid' });
    }
  });

  test('refuses a cursor from before what it has, and says since when it goes; begun anew it says so too', async () => {
    const world = new World();
    for (let n = 0; n < 4; n++) world.addPart([[eventOf(n)]]);
    const { json: old } = await ask(feed, world, { query: 'limit=1' });
    const { json: young } = await ask(feed, world, { query: 'limit=2' });
    world.ledger.releasedSeq = 2n;
    world.ledger.since = new Date(at0);
    const refused = await ask(feed, world, { query: `after=${old.next}` });
    expect(refused).toMatchObject({ status: 410, json: { code: 'feed_expired', since: '2026-03-01T00:00:00.000Z' } });
    expect(idsOf((await ask(feed, world, { query: `after=${young.next}` })).json)).toEqual([
      eventOf(2).id,
      eventOf(3).id,
    ]);
    const { json } = await ask(feed, world);
    expect(json).toMatchObject({ since: '2026-03-01T00:00:00.000Z' });
    expect(idsOf(json)).toEqual([eventOf(2).id, eventOf(3).id]);
    expect((await ask(feed, world, { query: `after=${json.next}` })).json).not.toHaveProperty('since');
  });

  test('names a damaged block once, and goes on behind it', async () => {
    const world = new World();
    const part = world.addPart([[eventOf(0)], [eventOf(1), eventOf(2)], [eventOf(3)]]);
    world.damage(part.key, part.blocks[1]!.offset, undefined);
    const { json } = await ask(feed, world);
    expect(idsOf(json)).toEqual([eventOf(0).id, eventOf(3).id]);
    expect(json.damaged).toMatchObject([{ file: part.key, block: 1 }]);
    expect((await ask(feed, world, { query: `after=${json.next}` })).json).toEqual({ events: [], next: json.next });
  });
});
