import { afterEach, describe, expect, test } from 'vitest';
import { TrailkeepError } from '#client/error.ts';
import { createTrailkeep, type TrailkeepOptions } from '#client/trailkeep.ts';
import type { EventInput } from '#core/event/event.ts';
import { answer, eventsOf, problem, type Rule, type StandIn, standIn } from './stand-in.ts';

const event: EventInput = { action: 'user.login', actor: { type: 'user', id: 'u1' } };
const open: StandIn[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

/** A client of a stand-in, and the waits that it asked for. */
async function start(rule?: Rule, options: Partial<TrailkeepOptions> = {}) {
  const api = await standIn(rule);
  open.push(api);
  const waits: number[] = [];
  const sleep = async (ms: number) => void waits.push(ms);
  const trail = createTrailkeep({ url: api.url, apiKey: 'tk_key_secret', sleep, ...options });
  return { api, trail, waits };
}

const failure = async (promise: Promise<unknown>): Promise<TrailkeepError> => {
  const error = await promise.then(
    () => new Error('It did not fail.'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TrailkeepError);
  return error as TrailkeepError;
};

describe('one event', () => {
  test('resolves to its receipt and sends the key', async () => {
    const { api, trail } = await start();
    expect(await trail.send(event)).toEqual({ id: 'id-0', tier: 'bulk', received_at: '2026-03-01T00:00:00.000Z' });
    expect(api.taken[0]!.headers.authorization).toBe('Bearer tk_key_secret');
    expect(JSON.parse(api.taken[0]!.body)).toEqual(event);
  });

  test('503, then accepted: the second try has the same key and body', async () => {
    const { api, trail } = await start((_, response, number) => number === 1 && problem(response, 503, 'unavailable'));
    await trail.send(event);
    const [first, second] = api.taken;
    expect(api.taken).toHaveLength(2);
    expect(first!.headers['idempotency-key']).toMatch(/^[\x21-\x7e]{1,255}$/);
    expect(second!.headers['idempotency-key']).toBe(first!.headers['idempotency-key']);
    expect(second!.body).toBe(first!.body);
  });

  test('two events have two keys', async () => {
    const { api, trail } = await start();
    await trail.send(event);
    await trail.send(event);
    expect(new Set(api.taken.map(({ headers }) => headers['idempotency-key'])).size).toBe(2);
  });

  test('Retry-After is waited for, with a random part on top', async () => {
    const rule: Rule = (_, response, number) =>
      number === 1 && problem(response, 429, 'rate_limited', { 'retry-after': '7' });
    const { trail, waits } = await start(rule);
    await trail.send(event);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThanOrEqual(7000);
    expect(waits[0]).toBeLessThanOrEqual(7200);
  });

  test('who asks to wait for an hour is told to the caller', async () => {
    const { trail, waits } = await start((_, response) =>
      problem(response, 503, 'unavailable', { 'retry-after': '3600' }),
    );
    expect((await failure(trail.send(event))).retryAfterSeconds).toBe(3600);
    expect(waits).toEqual([]);
  });

  test('waits grow and are random between nothing and their bound', async () => {
    const { api, trail, waits } = await start((_, response) => problem(response, 503, 'unavailable'));
    expect(await failure(trail.send(event))).toMatchObject({ status: 503, code: 'unavailable' });
    expect(api.taken).toHaveLength(6);
    for (const [index, ms] of waits.entries()) expect(ms).toBeLessThanOrEqual(200 * 2 ** index);
  });

  test('a connection that is cut in the middle is tried again with the same key', async () => {
    const { api, trail } = await start((_, response, number) => {
      if (number === 1) response.destroy();
      if (number !== 2) return;
      // Headers came, the body did not: no receipt.
      response.writeHead(202, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"id":');
      setImmediate(() => response.destroy());
    });
    expect((await trail.send(event)).id).toBe('id-0');
    expect(api.taken).toHaveLength(3);
    expect(new Set(api.taken.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });

  test('a server that is too slow times out and is tried again with the same key and body', async () => {
    const never: Rule = (_, _response, number) => number === 1 && new Promise(() => {});
    const { api, trail } = await start(never, { timeoutMs: 100 });
    await trail.send(event);
    const [first, second] = api.taken;
    expect(second!.headers['idempotency-key']).toBe(first!.headers['idempotency-key']);
    expect(second!.body).toBe(first!.body);
  });

  test('a server that is always too slow is a timeout', async () => {
    const { trail } = await start(() => new Promise(() => {}), { timeoutMs: 50, retries: 1 });
    expect(await failure(trail.send(event))).toMatchObject({ status: 0, code: 'timeout', temporary: true });
  });

  test('nobody there is a network error', async () => {
    const { api, trail, waits } = await start();
    await api.close();
    expect(await failure(trail.send(event))).toMatchObject({ status: 0, code: 'network' });
    expect(waits).toHaveLength(5);
  });

  test.each([400, 401, 403, 404, 409, 413, 422])('%i is not tried again', async (status) => {
    const { api, trail } = await start((_, response) =>
      problem(response, status, 'some_code', {}, { pointer: '/actor' }),
    );
    expect(await failure(trail.send(event))).toMatchObject({
      status,
      code: 'some_code',
      detail: 'It is some_code.',
      requestId: 'request-1',
      pointer: '/actor',
      temporary: false,
    });
    expect(api.taken).toHaveLength(1);
  });

  test('an answer that is no problem+json, from something in between', async () => {
    const rule: Rule = (_, response) => response.writeHead(403, { 'content-type': 'text/html' }).end('<html>');
    const { trail } = await start(rule);
    expect(await failure(trail.send(event))).toMatchObject({ status: 403, code: 'http_403' });
  });

  test('a page that is no JSON is no receipt, and neither is a redirect', async () => {
    const page = await start((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'));
    expect(await failure(page.trail.send(event))).toMatchObject({ code: 'answer_invalid' });
    const moved = await start((_, response) => response.writeHead(302, { location: '/elsewhere' }).end());
    expect(await failure(moved.trail.send(event))).toMatchObject({ status: 302 });
    expect(moved.api.taken).toHaveLength(1);
  });
});

describe('many events', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => ({ ...event, external_id: `e${index}` }));

  test('2 500 leave in three requests and make one receipt', async () => {
    const { api, trail } = await start();
    const receipt = await trail.sendMany(many(2500), { idempotencyKey: 'import-7' });
    expect(api.taken.map((one) => eventsOf(one).length)).toEqual([1000, 1000, 500]);
    expect(api.taken.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'import-7',
      'import-7-1',
      'import-7-2',
    ]);
    expect(api.taken[0]!.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-type': 'application/x-ndjson' });
    expect(receipt).toMatchObject({ accepted: 2500, refused: 0 });
    expect(receipt.items.map(({ index }) => index)).toEqual(many(2500).map((_, index) => index));
    expect(api.events().map(({ external_id }) => external_id)).toEqual(
      many(2500).map(({ external_id }) => external_id),
    );
  });

  test('when a later part fails, the error tells what went in', async () => {
    const { trail } = await start(
      (_, response, number) => number === 2 && problem(response, 409, 'idempotency_conflict'),
    );
    const error = await failure(trail.sendMany(many(1500)));
    expect(error).toMatchObject({ status: 409, code: 'idempotency_conflict', requestId: 'request-1' });
    expect(error.receipt).toMatchObject({ accepted: 1000, refused: 0 });
  });

  test('all refused is a receipt that says why', async () => {
    const items = [{ index: 0, status: 'refused', code: 'event_invalid', detail: 'No.', pointer: '/actor' }];
    const { trail } = await start((_, response) => problem(response, 422, 'batch_refused', {}, { items }));
    expect(await trail.sendMany([event])).toEqual({ accepted: 0, refused: 1, items });
    expect(await trail.sendLines(`${JSON.stringify(event)}\n`)).toEqual({ accepted: 0, refused: 1, items });
  });

  test('none is no request', async () => {
    const { api, trail } = await start();
    expect(await trail.sendMany([])).toEqual({ accepted: 0, refused: 0, items: [] });
    expect(api.taken).toEqual([]);
  });
});

describe('what is no event', () => {
  test('a key is not made twice: POST without an Idempotency-Key is not repeated after 503, but after 429', async () => {
    const { api, trail } = await start((_, response) => problem(response, 503, 'unavailable'));
    await failure(trail.keys.create({ name: 'a', scopes: ['events:write'] }));
    expect(api.taken).toHaveLength(1);
    api.rule = (_, response, number) =>
      number === 2 ? problem(response, 429, 'rate_limited') : answer(response, 201, { key: 'tk' });
    expect(await trail.keys.create({ name: 'a', scopes: [] })).toEqual({ key: 'tk' });
    expect(api.taken).toHaveLength(3);
  });

  test('each call has its method and path', async () => {
    const { api, trail } = await start((_, response) => answer(response, 200, {}));
    await trail.keys.list({ limit: 5 });
    await trail.keys.revoke('a/b');
    await trail.keys.rotate('k', { overlap_seconds: 0 });
    await trail.tenants.rename('t', { name: 'n' });
    await trail.tenants.createKey('t', { name: 'n' });
    await trail.tenants.listKeys('t');
    await trail.tenants.openIntake('t');
    await trail.tenants.intake('t');
    await trail.projects.create({ id: 'p' });
    await trail.projects.createEnvironment('p', { id: 'e' });
    await trail.policy.put({ catalogue: [] }, 3);
    await trail.schemas.put('user.login', { type: 'object' });
    await trail.schemas.remove('user.login');
    await trail.deadLetters.show('q');
    await trail.deadLetters.redrive('q', { limit: 1 });
    await trail.whoami();
    await trail.health();
    expect(api.taken.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v1/keys?limit=5',
      'DELETE /v1/keys/a%2Fb',
      'POST /v1/keys/k/rotate',
      'PATCH /v1/tenants/t',
      'POST /v1/tenants/t/keys',
      'GET /v1/tenants/t/keys',
      'POST /v1/tenants/t/intake',
      'GET /v1/tenants/t/intake',
      'POST /v1/projects',
      'POST /v1/projects/p/environments',
      'PUT /v1/policy',
      'PUT /v1/schemas/user.login',
      'DELETE /v1/schemas/user.login',
      'GET /v1/dead-letters/q',
      'POST /v1/dead-letters/q/redrive',
      'GET /v1/whoami',
      'GET /v1/health',
    ]);
    expect(api.taken.find(({ path }) => path === '/v1/policy')!.headers['if-match']).toBe('"3"');
  });

  test('a change of one version is not repeated: the first may have come through', async () => {
    const { api, trail } = await start((_, response) => problem(response, 503, 'unavailable'));
    await failure(trail.policy.put({}, 3));
    expect(api.taken).toHaveLength(1);
  });

  test('search follows next_cursor, also through empty pages that are not complete', async () => {
    const pages = [
      { events: [{ id: 'a' }, { id: 'b' }], next_cursor: 'one', complete: true },
      { events: [], next_cursor: 'two', complete: false },
      { events: [{ id: 'c' }], next_cursor: null, complete: true },
    ];
    const { api, trail } = await start((_, response, number) =>
      number === 2 ? problem(response, 503, 'unavailable') : answer(response, 200, pages[Math.max(0, number - 2)]!),
    );
    const ids: string[] = [];
    for await (const { id } of trail.search({ action: 'user.*', from: new Date(0) })) ids.push(id);
    expect(ids).toEqual(['a', 'b', 'c']);
    expect(api.taken.map(({ body }) => JSON.parse(body))).toEqual([
      { action: 'user.*', from: '1970-01-01T00:00:00.000Z' },
      { action: 'user.*', from: '1970-01-01T00:00:00.000Z', cursor: 'one' },
      { action: 'user.*', from: '1970-01-01T00:00:00.000Z', cursor: 'one' },
      { action: 'user.*', from: '1970-01-01T00:00:00.000Z', cursor: 'two' },
    ]);
  });

  test('search never passes over a segment that cannot be read in silence', async () => {
    const page = { events: [{ id: 'a' }], next_cursor: null, complete: true, missing: ['segments/v1/x'] };
    const { trail } = await start((_, response) => answer(response, 200, page));
    expect(await failure(Array.fromAsync(trail.search({})))).toMatchObject({ code: 'segments_missing' });
    expect((await trail.page({})).missing).toEqual(['segments/v1/x']);
  });

  test('search never passes over archived days or damaged blocks in silence', async () => {
    const damaged = [{ file: 'audit-logs/x', block: 3, bytes: '10-20' }];
    const archived = [{ day: '2020-03-01', category: 'system', events: 3, bytes: 100 }];
    let page: object = { events: [{ id: 'a' }], next_cursor: null, complete: false, archived };
    const { trail } = await start((_, response) => answer(response, 200, page));
    expect(await failure(Array.fromAsync(trail.search({})))).toMatchObject({ code: 'events_archived' });
    expect((await trail.page({})).archived).toEqual(archived);
    page = { ...page, damaged };
    expect(await failure(Array.fromAsync(trail.search({})))).toMatchObject({ code: 'blocks_damaged' });
  });

  test('feed goes on after its place', async () => {
    const { api, trail } = await start((_, response) => answer(response, 200, { events: [], next: 'n+/=' }));
    const { next } = await trail.feed(undefined, 10);
    await trail.feed(next, 10);
    expect(api.taken.map(({ path }) => path)).toEqual([
      '/v1/events/feed?limit=10',
      '/v1/events/feed?after=n%2B%2F%3D&limit=10',
    ]);
  });
});
