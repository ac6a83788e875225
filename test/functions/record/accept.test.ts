import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import type { TenantPolicy } from '#core/access/access.ts';
import { batchEventsMax, eventBytesMax, requestBytesMax, type Tier } from '#core/event/event.ts';
import { type Fault, Problem } from '#core/event/problem.ts';
import { Limiter } from '#core/record/limiter.ts';
import { type Claim, Unavailable } from '#core/record/ports.ts';
import { type AcceptPorts, accept } from '#functions/record/accept.http.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { callerA, httpRequest, tenantA, tenantB } from '#test/support/events.ts';

const policy: TenantPolicy = {
  v: 1,
  tenant: tenantA,
  name: 'A',
  catalogue: [],
  tiers: {},
  schemaMode: 'refuse',
  schemas: [],
};
const login = { action: 'user.login', actor: { type: 'user', id: 'u1' } };
const view = { action: 'document.view', actor: { type: 'user', id: 'u1' } };

let sent: { tier: Tier; body: string; group: string }[];
let claimed: Map<string, Claim>;
let ports: AcceptPorts;
let down = false;

beforeEach(() => {
  sent = [];
  claimed = new Map();
  down = false;
  const outlet = (tier: Tier) => ({
    send: async (messages: readonly { body: string; group: string }[]) => {
      if (down) throw new Unavailable('sqs');
      sent.push(...messages.map((message) => ({ tier, ...message })));
    },
  });
  ports = {
    control: { tenant: async () => policy },
    claims: {
      claim: async (tenant, key, claim) => {
        const name = `${tenant}/${key}`;
        const held = claimed.get(name) ?? claim;
        claimed.set(name, held);
        return held;
      },
    },
    outlets: { critical: outlet('critical'), bulk: outlet('bulk') },
    limiter: new Limiter(),
  };
});

const send = (overrides: Parameters<typeof httpRequest>[0]) => accept(ports, httpRequest(overrides));
const refused = async (overrides: Partial<HttpRequest> & { json?: unknown }): Promise<Problem> => {
  try {
    await send(overrides);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('it was accepted');
};
const stored = () =>
  sent.flatMap(({ body }) => {
    const opened = openEnvelope(body);
    return opened.ok ? opened.value.lines.map(({ event }) => event) : [];
  });

describe('202', () => {
  test('one event: its id, its tier, and one message of its tenant', async () => {
    const answer = await send({ json: login });
    expect(answer).toMatchObject({ status: 202, body: { tier: 'critical', received_at: '2026-03-01T12:00:00.000Z' } });
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ tier: 'critical', group: tenantA });
    expect(stored()[0]).toMatchObject({
      id: (answer.body as { id: string }).id,
      tenant: tenantA,
      action: 'user.login',
    });
  });

  test('a mixed batch: one message for each tier, however many events', async () => {
    const answer = await send({ json: Array.from({ length: 100 }, (_, i) => (i % 2 ? login : view)) });
    expect(answer.body).toMatchObject({ accepted: 100, refused: 0 });
    expect(sent.map(({ tier }) => tier).sort()).toEqual(['bulk', 'critical']);
    expect(new Set(stored().map(({ id }) => id)).size).toBe(100);
  });

  test('a bad item is refused alone, with its code', async () => {
    const answer = await send({ json: [login, { action: 'x' }, view] });
    const { items } = answer.body as { items: ({ index: number; status: string } & Partial<Fault>)[] };
    expect(items.map(({ status }) => status)).toEqual(['accepted', 'refused', 'accepted']);
    expect(items[1]).toMatchObject({ index: 1, code: 'event_invalid' });
    expect(stored()).toHaveLength(2);
  });

  test('NDJSON: a line that is not JSON is refused alone', async () => {
    const body = Buffer.from(`${JSON.stringify(login)}\n{oops\n\n${JSON.stringify(view)}\n`);
    const answer = await send({ body, headers: { 'content-type': 'application/x-ndjson' } });
    expect(answer.body).toMatchObject({ accepted: 2, refused: 1 });
    expect((answer.body as { items: unknown[] }).items[1]).toMatchObject({ code: 'json_invalid' });
  });

  test('gzip', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    expect(await send({ body: gzipSync(JSON.stringify(login)), headers })).toMatchObject({ status: 202 });
  });

  test('CloudEvents, structured and batched', async () => {
    const ce = { specversion: '1.0', id: 'e-1', source: '/billing', type: 'user.login', data: { actor: login.actor } };
    const one = await send({ json: ce, headers: { 'content-type': 'application/cloudevents+json' } });
    expect(one).toMatchObject({ status: 202, body: { tier: 'critical' } });
    const many = await send({ json: [ce, ce], headers: { 'content-type': 'application/cloudevents-batch+json' } });
    expect(many.body).toMatchObject({ accepted: 2 });
    expect(stored()[0]).toMatchObject({ external_id: 'e-1', action: 'user.login' });
  });

  test("the tenant is the key's, whatever the body says", async () => {
    const answer = await send({ json: [{ ...login, tenant: tenantB }, login] });
    expect(answer.body).toMatchObject({ accepted: 1, refused: 1 });
    expect(stored().map(({ tenant }) => tenant)).toEqual([tenantA]);
  });

  test('a key bound to a project stamps it', async () => {
    await send({ json: { ...login, project: 'other' }, caller: { ...callerA, project: 'p1' } });
    expect(stored()[0]).toMatchObject({ project: 'p1' });
  });
});

describe('a repeat with an Idempotency-Key', () => {
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'batch-1' };

  test('gets the same receipt, and the same bytes are queued again', async () => {
    const first = await send({ json: [login, view], headers });
    const firstEvents = stored();
    sent = [];
    const second = await send({ json: [login, view], headers, now: new Date('2026-03-01T13:00:00Z') });
    expect(second).toEqual(first);
    expect(stored()).toEqual(firstEvents);
  });

  test('after SQS was down promises what the first try would have', async () => {
    down = true;
    await expect(send({ json: login, headers })).rejects.toThrow(Unavailable);
    down = false;
    const answer = await send({ json: login, headers });
    expect(await send({ json: login, headers })).toEqual(answer);
    expect(new Set(stored().map(({ id }) => id)).size).toBe(1);
  });

  test('and another body is a conflict, and nothing is queued', async () => {
    await send({ json: login, headers });
    sent = [];
    expect((await refused({ json: view, headers })).fault.code).toBe('idempotency_conflict');
    expect(sent).toEqual([]);
  });

  test('does not claim the key for a batch that was refused', async () => {
    await refused({ json: [{}], headers });
    expect(claimed.size).toBe(0);
    expect((await send({ json: [login], headers })).status).toBe(202);
  });

  test('is apart for each tenant', async () => {
    await send({ json: login, headers });
    expect((await send({ json: view, headers, caller: { ...callerA, tenant: tenantB } })).status).toBe(202);
  });

  for (const key of ['', ' ', 'a b', 'ü', 'x'.repeat(256)]) {
    test(`is refused when the key is ${JSON.stringify(key.slice(0, 8))}`, async () => {
      const fault = (await refused({ json: login, headers: { ...headers, 'idempotency-key': key } })).fault;
      expect(fault.code).toBe('idempotency_key_invalid');
    });
  }
});

describe('refused, and nothing is queued', () => {
  const cases: [string, Partial<HttpRequest> & { json?: unknown }, string][] = [
    ['no body', { body: undefined }, 'body_missing'],
    ['a syntax error in an array', { body: Buffer.from('[{},') }, 'json_invalid'],
    ['an empty array', { json: [] }, 'batch_empty'],
    ['1,001 events', { json: Array(batchEventsMax + 1).fill(login) }, 'batch_too_large'],
    ['bytes that are not UTF-8', { body: Buffer.from([0x22, 0xff]) }, 'utf8_invalid'],
    ['an unknown type', { json: login, headers: { 'content-type': 'text/csv' } }, 'media_type_unsupported'],
    ['an unknown encoding', { json: login, headers: { 'content-encoding': 'br' } }, 'encoding_unsupported'],
    ['no gzip', { json: login, headers: { 'content-encoding': 'gzip' } }, 'gzip_invalid'],
    ['a bomb', { body: gzipSync(' '.repeat(200_000_000)), headers: { 'content-encoding': 'gzip' } }, 'body_too_large'],
    ['one bad event', { json: { action: 'x' } }, 'event_invalid'],
    ['only bad events', { json: [{ action: 'x' }, 1] }, 'batch_refused'],
  ];
  for (const [name, request, code] of cases) {
    test(`${name}: ${code}`, async () => {
      expect((await refused(request)).fault.code).toBe(code);
      expect(sent).toEqual([]);
    });
  }

  test('without the scope', async () => {
    const caller = { ...callerA, scopes: ['events:read' as const] };
    expect((await refused({ json: login, caller })).fault.code).toBe('forbidden');
  });

  test('above the rate: 429 with the seconds to wait', async () => {
    const caller = { ...callerA, eventsPerSecond: 1 };
    await send({ json: Array(20).fill(login), caller });
    const problem = await refused({ json: login, caller });
    expect(problem).toMatchObject({ status: 429, retryAfterSeconds: 11 });
  });
});

describe('limits are exact to the byte', () => {
  const eventOf = (bytes: number) => {
    const bare = JSON.stringify({ ...login, metadata: { pad: '' } });
    return JSON.stringify({ ...login, metadata: { pad: 'x'.repeat(bytes - bare.length) } });
  };

  test('an event of 262,144 bytes passes, one more is refused', async () => {
    expect((await send({ body: Buffer.from(eventOf(eventBytesMax)) })).status).toBe(202);
    expect((await refused({ body: Buffer.from(eventOf(eventBytesMax + 1)) })).fault.code).toBe('event_too_large');
  });

  test('a body of 4,400,000 bytes passes, one more is refused', async () => {
    const padded = (bytes: number) => Buffer.from(JSON.stringify([login]).padEnd(bytes));
    expect((await send({ body: padded(requestBytesMax) })).status).toBe(202);
    expect((await refused({ body: padded(requestBytesMax + 1) })).fault.code).toBe('body_too_large');
  });

  test('1,000 events pass', async () => {
    expect((await send({ json: Array(batchEventsMax).fill(view) })).body).toMatchObject({ accepted: 1000 });
  });
});
