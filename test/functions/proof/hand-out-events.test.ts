/** Exports of events as their asker sees them: state, addresses, bytes; and nothing for anybody else. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import type { Problem } from '#core/event/problem.ts';
import { exports } from '#functions/proof/exports.http.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { createExports } from '#stores/postgres/exports.ts';
import { askedAt, exporter, exportWorld, fill, small } from '#test/functions/query/export-world.ts';
import { eventOf } from '#test/functions/query/world.ts';
import { tenantB } from '#test/support/events.ts';
import { contextKey } from '#test/support/postgres.ts';

let made: Awaited<ReturnType<typeof exportWorld>>;
let ports: Parameters<typeof exports>[0];
let id: string;
const later = new Date(askedAt.getTime() + 60_000);
beforeAll(async () => {
  made = await exportWorld('hand_out_events');
  fill(
    made.world,
    Array.from({ length: 700 }, (_, n) => eventOf(n)),
  );
  const none = async () => Promise.reject(new Error('nobody asks for this here'));
  ports = {
    ...made.ports,
    leaves: { status: none },
    exports: createExports(made.database.login('trailkeep_app'), contextKey),
    exportParts: { get: none },
    eventExports: made.ports.exports,
    eventParts: made.parts,
  };
  ({ id } = await made.ask({ format: 'jsonl' }));
  await made.settle(made.ports, { ...small, pageEvents: 5, partEvents: 5 });
}, 60_000);
afterAll(() => made.database.drop());
beforeEach(() => {
  made.recorder.recorded.length = 0;
});

const get = (of: string, rest = '', caller: Caller | undefined = exporter, more: Partial<HttpRequest> = {}) => {
  const url = new URL(`/v1/exports/${of}${rest}`, 'http://x');
  return exports(
    ports,
    made.requestOf({}, caller, {
      method: 'GET',
      path: url.pathname,
      params: { exportId: of },
      query: url.searchParams,
      now: later,
      ...more,
    }),
  );
};
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'answered',
    (error: Problem) => error.fault.code,
  );
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
const bodyOf = async (work: Promise<{ readonly body?: unknown }>): Promise<any> => (await work).body;
const recorded = (): Record<string, unknown>[] =>
  made.recorder.recorded.map(({ event }) => ({ action: event.action, ...event.metadata }));

describe('its asker', () => {
  test('sees how far it is, and no address before it is ready', async () => {
    const asked = await made.ask({ format: 'csv', action: 'user.*' });
    made.recorder.recorded.length = 0;
    expect(await bodyOf(get(asked.id))).toEqual({
      ...{ id: asked.id, kind: 'events', state: 'building', format: 'csv', filter: { action: ['user.*'] } },
      ...{ asked_at: askedAt.toISOString(), parts: 0, events: 0, bytes: 0 },
    });
    expect(await codeOf(get(asked.id, '/content'))).toBe('export_pending');
    expect(recorded()).toEqual([]);
    await made.settle();
  });

  test('gets the addresses of all parts, a hundred at a time, each time recorded before', async () => {
    const first = await bodyOf(get(id));
    expect(first).toMatchObject({ state: 'ready', parts: 140, events: 700, next_after: 100 });
    const second = await bodyOf(get(id, '?after=100'));
    expect(second.next_after).toBeUndefined();
    const files = [...first.files, ...second.files];
    expect(files.map(({ part }) => part)).toEqual(Array.from({ length: 140 }, (_, at) => at + 1));
    expect(files[0]).toEqual({
      ...{ part: 1, name: `events-${id}-00001.jsonl.gz`, events: 5 },
      ...{ bytes: expect.any(Number), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      url: expect.stringMatching(/\?for=900$/),
      url_expires_at: new Date(later.getTime() + 900_000).toISOString(),
    });
    expect(files.reduce((sum, { events }) => sum + events, 0)).toBe(700);
    expect(files.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(first.bytes);
    expect(recorded()).toEqual([
      { action: 'export.downloaded', export: id, format: 'jsonl', parts: 100, after: 0, events: 500, by: 'link' },
      { action: 'export.downloaded', export: id, format: 'jsonl', parts: 40, after: 100, events: 200, by: 'link' },
    ]);
    made.recorder.down = true;
    await expect(get(id)).rejects.toThrow('MemoryRecorder');
    made.recorder.down = false;
  });

  test('gets the bytes of a part from any place on, recorded too', async () => {
    const [object] = await made.objectsOf(id);
    const answer = await get(id, '/content');
    expect(Buffer.from(answer.body as Uint8Array)).toEqual(Buffer.from(object!));
    expect(answer.headers).toMatchObject({ 'content-type': 'application/gzip' });
    const rest = await bodyOf(get(id, '/content?part=1&offset=10'));
    expect(Buffer.from(rest)).toEqual(Buffer.from(object!.subarray(10)));
    expect(recorded().map(({ action, part, offset }) => [action, part, offset])).toEqual([
      ['export.downloaded', 1, 0],
      ['export.downloaded', 1, 10],
    ]);
  });

  test.each([
    ['/content?part=0', 'not_found'],
    ['/content?part=141', 'not_found'],
    ['/content?part=1&offset=99999999', 'not_found'],
    ['/content?part=-1', 'request_invalid'],
    ['/content?part=x', 'request_invalid'],
    ['/content?offset=1e3', 'request_invalid'],
    ['?after=x', 'request_invalid'],
  ])('%s is %s', async (rest, code) => {
    expect(await codeOf(get(id, rest))).toBe(code);
    expect(recorded()).toEqual([]);
  });

  test('is told when nobody builds it any more, and why one failed', async () => {
    const { id: stuck } = await made.ask({ format: 'csv' });
    made.queue.messages.length = 0;
    const dayLater = { now: new Date(askedAt.getTime() + 86_400_001) };
    expect(await bodyOf(get(stuck, '', exporter, dayLater))).toMatchObject({ state: 'failed', problem: 'internal' });
    // From then on, for everybody; and what it would have been built with is forgotten.
    expect(await bodyOf(get(stuck))).toMatchObject({ state: 'failed', problem: 'internal' });
    expect((await made.stateOf(stuck)).plan).toBeUndefined();
    const { id: broken } = await made.ask({ format: 'csv' });
    made.queue.messages.length = 0;
    const unread = [{ why: 'archived', day: '2026-03-01', category: 'system' }] as const;
    await made.ports.exports.fail(exporter.tenant, broken, 'export_incomplete', unread);
    expect(await bodyOf(get(broken))).toMatchObject({ state: 'failed', problem: 'export_incomplete', unread });
    expect(await codeOf(get(broken, '/content'))).toBe('export_incomplete');
  });
});

describe('nobody else', () => {
  const others: readonly (readonly [string, Caller])[] = [
    ['another key of the tenant', { ...exporter, keyId: 'cccccccccccccccccccc' }],
    ['another tenant', { ...exporter, tenant: tenantB }],
  ];
  test.each(others)('%s finds nothing, as if it were not there', async (_, caller) => {
    for (const rest of ['', '/content', '/content?part=1']) {
      const [foreign, missing] = await Promise.all(
        [id, '01890000-0000-7000-8000-00000000ffff', 'nothing'].map((one) =>
          get(one, rest, caller).catch((error: Problem) => error.fault),
        ),
      );
      expect(foreign).toEqual(missing);
      expect(foreign).toMatchObject({ code: 'not_found' });
    }
    expect(recorded()).toEqual([]);
  });

  test('its asker needs the permission still', async () => {
    for (const scopes of [['events:read'], ['events:read', 'exports:create']] as const) {
      const code = await codeOf(get(id, '', { ...exporter, scopes }));
      expect(code).toBe(scopes.length === 1 ? 'forbidden' : 'not_found');
    }
  });
});
