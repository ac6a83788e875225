/** Exports of events in Postgres: what each method promises, with two tenants. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventExports, EventPart, ExportStep } from '#core/export/ports.ts';
import { createEventExports } from '#stores/postgres/event-exports.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB } from './made.ts';

let db: TestDatabase;
let exports: EventExports;
let ids = 0;
beforeAll(async () => {
  db = await testDatabase('event_exports_store');
  exports = createEventExports(db.login('trailkeep_app'), contextKey);
});
afterAll(() => db.drop());

const newId = () => `01890000-0000-7000-8000-${(++ids).toString(16).padStart(12, '0')}`;
const askedAt = new Date('2026-03-01T00:00:00.000Z');
async function opened(tenant = tenantA): Promise<string> {
  const id = newId();
  await exports.open({
    ...{ tenant, id, format: 'csv', asked: { filter: { actor: 1 } }, askedBy: 'k', askedAt, plan: 'sealed' },
  });
  return id;
}
const part = (number: number, events = 3): EventPart => ({
  ...{ part: number, run: newId(), events, bytes: 10 * number, sha256: `${number}`.padStart(64, '0') },
});
const at = (time: number) => ({ time, id: `id_${time}` });
const step = (after: number | undefined, next: number | undefined, more: Partial<ExportStep> = {}): ExportStep => ({
  ...{
    after: after === undefined ? undefined : at(after),
    next: next === undefined ? undefined : at(next),
    unread: [],
  },
  ...more,
});

test('is what was asked for, until it ends', async () => {
  const id = await opened();
  expect(await exports.get(tenantA, id)).toEqual({
    ...{ tenant: tenantA, id, format: 'csv', asked: { filter: { actor: 1 } }, askedBy: 'k', askedAt, plan: 'sealed' },
    ...{ state: 'asked', parts: 0, events: 0, bytes: 0, unread: [], advancedAt: askedAt },
  });
  const archived = { why: 'archived', day: '2026-03-01', category: 'system' } as const;
  const first = part(1);
  expect(await exports.advance(tenantA, id, step(undefined, -5, { part: first, unread: [archived] }))).toBe(true);
  expect(await exports.get(tenantA, id)).toMatchObject({
    ...{ state: 'asked', parts: 1, events: 3, bytes: 10, position: at(-5), plan: 'sealed', unread: [archived] },
  });
  const second = part(2, 4);
  expect(await exports.advance(tenantA, id, step(-5, undefined, { part: second }))).toBe(true);
  const ended = (await exports.get(tenantA, id))!;
  expect(ended).toMatchObject({ state: 'ready', parts: 2, events: 7, bytes: 30, unread: [archived] });
  expect([ended.plan, ended.position, ended.problem]).toEqual([undefined, undefined, undefined]);
  expect(ended.endedAt).toBeInstanceOf(Date);
  expect(await exports.parts(tenantA, id, 0, 10)).toEqual([first, second]);
  expect(await exports.parts(tenantA, id, 1, 10)).toEqual([second]);
  expect(await exports.parts(tenantA, id, 0, 1)).toEqual([first]);
});

test('a step that somebody else took is void, with a part or without one', async () => {
  const id = await opened();
  expect(await exports.advance(tenantA, id, step(undefined, 9))).toBe(true);
  for (const stale of [step(undefined, 9), step(undefined, 9, { part: part(1) }), step(9, 8, { part: part(2) })]) {
    expect(await exports.advance(tenantA, id, stale)).toBe(false);
  }
  expect(await exports.get(tenantA, id)).toMatchObject({ parts: 0, events: 0, position: at(9) });
  expect(await exports.parts(tenantA, id, 0, 10)).toEqual([]);
  const both = await Promise.all([1, 2].map(() => exports.advance(tenantA, id, step(9, 8, { part: part(1) }))));
  expect(both.sort()).toEqual([false, true]);
  expect(await exports.get(tenantA, id)).toMatchObject({ parts: 1, events: 3, position: at(8) });
});

test('what has ended goes nowhere', async () => {
  const id = await opened();
  const missing = { why: 'missing', key: 'segments/x' } as const;
  expect(await exports.fail(tenantA, id, 'export_incomplete', [missing])).toBe(true);
  expect(await exports.fail(tenantA, id, 'internal', [])).toBe(false);
  expect(await exports.advance(tenantA, id, step(undefined, undefined))).toBe(false);
  const failed = await exports.get(tenantA, id);
  expect(failed).toMatchObject({ state: 'failed', problem: 'export_incomplete', unread: [missing] });
  expect(failed!.plan).toBeUndefined();
});

test('a foreign export is not there, and neither is one whose id is none', async () => {
  const id = await opened(tenantB);
  for (const one of [id, newId(), 'x', '']) {
    expect(await exports.get(tenantA, one)).toBeUndefined();
    expect(await exports.parts(tenantA, one, 0, 10)).toEqual([]);
  }
  expect(await exports.advance(tenantA, id, step(undefined, undefined))).toBe(false);
  expect(await exports.fail(tenantA, id, 'internal', [])).toBe(false);
  expect((await exports.get(tenantB, id))!.state).toBe('asked');
});
