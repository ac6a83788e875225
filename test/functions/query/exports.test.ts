/** Exports of events: what was asked for and may be seen, all of it or nothing. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import type { Problem } from '#core/event/problem.ts';
import { Unavailable } from '#core/record/ports.ts';
import { tenantB } from '#test/support/events.ts';
import { askedAt, exporter, exportWorld, fill, small } from './export-world.ts';
import { eventOf } from './world.ts';

let made: Awaited<ReturnType<typeof exportWorld>>;
const events = Array.from({ length: 730 }, (_, n) => eventOf(n));
const newestFirst = (some: readonly Event[]) => some.toSorted((a, b) => (a.occurred_at < b.occurred_at ? 1 : -1));
beforeAll(async () => {
  made = await exportWorld('event_exports');
  fill(made.world, events);
  made.world.addCritical(eventOf(5000, 3, tenantB));
  made.world.addPart([[eventOf(5001, 4, tenantB)]]);
}, 60_000);
afterAll(() => made.database.drop());
beforeEach(() => {
  made.recorder.recorded.length = 0;
  made.queue.messages.length = 0;
});

const linesOf = async (id: string): Promise<Event[]> =>
  (await made.textOf(id))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event);
const caught = (work: Promise<unknown>): Promise<Problem> =>
  work.then(
    () => Promise.reject(new Error('it was answered')),
    (error: Problem) => error,
  );

describe('an export', () => {
  test('holds every event that matches once, newest first, in parts that follow each other', async () => {
    const { id, state } = await made.ask({ format: 'jsonl' });
    expect(state).toBe('building');
    await made.settle();
    expect(await made.stateOf(id)).toMatchObject({ state: 'ready', events: 730, parts: 4, unread: [] });
    expect(await linesOf(id)).toEqual(newestFirst(events));
    const rows = await made.ports.exports.parts(exporter.tenant, id, 0, 100);
    expect(rows.map(({ part, events: count }) => [part, count])).toEqual([
      [1, 200],
      [2, 200],
      [3, 200],
      [4, 130],
    ]);
    expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe((await made.stateOf(id)).bytes);
  });

  test('holds what its filter finds, and what its key may see', async () => {
    const actions = ['user.login'];
    const { id } = await made.ask({ format: 'jsonl', action: actions, text: 'note 4' });
    const { id: confined } = await made.ask({ format: 'jsonl' }, { ...exporter, project: 'shop' });
    const { id: nothing } = await made.ask({ format: 'jsonl', project: 'other' }, { ...exporter, project: 'shop' });
    await made.settle();
    const wanted = events.filter(
      ({ action, metadata }) => action === 'user.login' && /note 4/i.test(String(metadata?.note)),
    );
    expect(await linesOf(id)).toEqual(newestFirst(wanted));
    expect(await linesOf(confined)).toEqual(newestFirst(events.filter(({ project }) => project === 'shop')));
    expect(await made.stateOf(nothing)).toMatchObject({ state: 'ready', events: 0, parts: 1 });
    expect(await made.textOf(nothing)).toBe('');
  });

  test('does not hold what was accepted after it was asked for', async () => {
    const late = { ...eventOf(6000, 5), received_at: askedAt.toISOString() };
    const before = { ...eventOf(6001, 6), received_at: new Date(askedAt.getTime() - 1).toISOString() };
    const { id } = await made.ask({ format: 'jsonl' });
    made.world.addCritical(late, before);
    await made.settle();
    made.world.ledger.events.delete(`${late.tenant}/${late.id}`);
    made.world.ledger.events.delete(`${before.tenant}/${before.id}`);
    expect(await linesOf(id)).toEqual(newestFirst([...events, before]));
  });

  test('of an empty trail is a table without rows', async () => {
    const ids: string[] = [];
    for (const format of ['jsonl', 'csv', 'parquet']) {
      const { id } = await made.ask({ format, from: '2031-01-01T00:00:00Z' });
      ids.push(id);
    }
    await made.settle();
    for (const id of ids) expect(await made.stateOf(id)).toMatchObject({ state: 'ready', events: 0, parts: 1 });
    expect((await made.textOf(ids[1]!)).split('\r\n')).toEqual([
      expect.stringMatching(/^id,occurred_at,.*,event$/),
      '',
    ]);
    expect(Buffer.from((await made.objectsOf(ids[2]!))[0]!.subarray(0, 4)).toString()).toBe('PAR1');
  });

  test('goes on where its time ended, also where it found nothing yet', async () => {
    const { id } = await made.ask({ format: 'jsonl', text: 'note 7' });
    // A clock that moves a second a look: each step does the least it can.
    const clock = () => (made.world.now += 1000);
    const runs = await made.settle({ ...made.ports, clock }, { ...small, stepMs: 1 });
    expect(runs).toBeGreaterThan(5);
    expect(await linesOf(id)).toEqual(
      newestFirst(events.filter(({ metadata }) => /note 7/i.test(String(metadata?.note)))),
    );
    expect((await made.stateOf(id)).state).toBe('ready');
  });
});

describe('complete or failed', () => {
  const world = async (name: string) => {
    const own = await exportWorld(name);
    const parts = [0, 1, 2].map((at) => own.world.addPart([events.slice(at * 100, at * 100 + 100)]));
    return { ...own, keys: parts.map(({ key }) => key), at: parts.map(({ blocks }) => blocks[0]!.offset) };
  };

  test('a file that is gone or damaged makes it fail, and is named', async () => {
    const own = await world('event_exports_gone');
    own.world.damage(own.keys[1]!, own.at[1]!, undefined);
    const { id: damaged } = await own.ask({ format: 'csv' });
    await own.settle();
    own.world.lose(own.keys[1]!);
    const { id: gone } = await own.ask({ format: 'csv', skip_archived: true });
    await own.settle();
    expect(await own.stateOf(damaged)).toMatchObject({
      ...{ state: 'failed', problem: 'export_incomplete' },
      unread: [{ why: 'damaged', key: own.keys[1], bytes: expect.stringMatching(/^10-\d+$/) }],
    });
    expect(await own.stateOf(gone)).toMatchObject({
      ...{ state: 'failed', problem: 'export_incomplete' },
      unread: [{ why: 'missing', key: own.keys[1] }],
    });
    // What it would have been built with is forgotten.
    expect((await own.stateOf(gone)).plan).toBeUndefined();
    await own.database.drop();
  });

  test('archived days make it fail with their names, or are left out with their names when that was asked', async () => {
    const own = await world('event_exports_archived');
    own.world.freeze(own.keys[1]!);
    const { id: failed } = await own.ask({ format: 'jsonl' });
    const { id: skipped } = await own.ask({ format: 'jsonl', skip_archived: true });
    await own.settle(own.ports, { ...small, pageEvents: 20, partEvents: 50 });
    const unread = [{ why: 'archived', day: '2026-03-01', category: '' }];
    expect(await own.stateOf(failed)).toMatchObject({ state: 'failed', problem: 'export_incomplete', unread });
    expect(await own.stateOf(skipped)).toMatchObject({ state: 'ready', events: 200, unread });
    await own.database.drop();
  });

  test('a message that is faster than its row comes again; one without its row then is dropped', async () => {
    const body = JSON.stringify({ v: 1, tenant: tenantB, id: '01890000-0000-7000-8000-0000000fffff' });
    const message = { messageId: 'm', body, queue: 'q', receiveCount: 1, sentAt: 0 };
    const { buildExport } = await import('#functions/query/build-export.queue.ts');
    expect(await buildExport(made.ports, [message], { now: askedAt }, small)).toEqual(['m']);
    expect(await buildExport(made.ports, [{ ...message, receiveCount: 2 }], { now: askedAt }, small)).toEqual([]);
  });

  test('what nobody can explain fails after five tries, and an outage is waited for', async () => {
    const { id } = await made.ask({ format: 'jsonl' });
    const message = { messageId: 'm', body: made.queue.messages[0]!.body, queue: 'q', receiveCount: 4, sentAt: 0 };
    const { buildExport } = await import('#functions/query/build-export.queue.ts');
    const broken = { ...made.ports, parts: { ...made.parts, put: () => Promise.reject(new Error('no')) } } as never;
    expect(await buildExport(broken, [message], { now: askedAt }, small)).toEqual(['m']);
    const down = { ...made.ports, parts: { put: () => Promise.reject(new Unavailable('S3')) } } as never;
    await expect(buildExport(down, [{ ...message, receiveCount: 9 }], { now: askedAt }, small)).rejects.toThrow(
      Unavailable,
    );
    expect((await made.stateOf(id)).state).toBe('asked');
    expect(await buildExport(broken, [{ ...message, receiveCount: 5 }], { now: askedAt }, small)).toEqual([]);
    expect(await made.stateOf(id)).toMatchObject({ state: 'failed', problem: 'internal' });
  });
});

describe('asking', () => {
  test('is recorded before anything is built, without the values that could be a person', async () => {
    const { id } = await made.ask({ format: 'csv', actor: 'u1', action: 'user.*', text: 'note' });
    expect(made.recorder.recorded.map(({ event }) => event)).toEqual([
      expect.objectContaining({
        action: 'export.requested',
        actor: { type: 'api_key', id: exporter.keyId },
        metadata: { export: id, format: 'csv', filter: { action: ['user.*'], actor: 1, text: '4 characters' } },
      }),
    ]);
    const row = await made.stateOf(id);
    expect(JSON.stringify(row)).not.toContain('"u1"');
    made.recorder.down = true;
    await expect(made.ask({ format: 'csv' })).rejects.toThrow(Unavailable);
    made.recorder.down = false;
    expect(made.queue.messages).toHaveLength(1);
  });

  test.each([
    ['no format', {}, 'request_invalid'],
    ['a format that we do not know', { format: 'xlsx' }, 'request_invalid'],
    ['a limit', { format: 'csv', limit: 5 }, 'request_invalid'],
    ['a cursor', { format: 'csv', cursor: 'x' }, 'request_invalid'],
    ['a filter that we do not know', { format: 'csv', tenant: tenantB }, 'filter_invalid'],
    ['skip_archived that is no boolean', { format: 'csv', skip_archived: 'yes' }, 'request_invalid'],
  ])('with %s is refused', async (_, json, code) => {
    expect((await caught(made.ask(json))).fault.code).toBe(code);
  });

  test('takes the permission to export and the one to read', async () => {
    for (const scopes of [['events:read'], ['events:export'], []] as const) {
      expect((await caught(made.ask({ format: 'csv' }, { ...exporter, scopes }))).fault.code).toBe('forbidden');
    }
    expect(
      (await caught(made.ports.guard.require({ caller: undefined }, 'events:export', { sourceIp: '', now: askedAt })))
        .fault.code,
    ).toBe('unauthenticated');
  });
});
