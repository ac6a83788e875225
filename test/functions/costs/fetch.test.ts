/** The function that signs in at tenants' places: what it answers with, and what it never lets out. */
import { expect, test } from 'vitest';
import type { Page } from '#core/costs/appdynamics.ts';
import { type Connector, type FetchOrder, SourceFault } from '#core/costs/fetch-ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type FetchPorts, fetchSource } from '#functions/costs/fetch.queue.ts';
import { missingDays } from '#functions/costs/plan-load.ts';

const id = '019f0000-0000-7000-8000-000000000001';
const order: FetchOrder = {
  ...{ v: 1, source: id, kind: 'appdynamics', stream: 'inventory', settings: { url: 'https://acme.example' } },
  question: { v: 1, tenant: id, run: id, part: `${id}/inventory`, asked: 3 },
};
const now = new Date('2026-11-21T01:00:00Z');
const messageOf = (body: string) => ({ messageId: 'm1', body, queue: 'fetch', receiveCount: 1, sentAt: 0 });

function portsWith(connector: Connector, secret: string | undefined = 'hush') {
  const kept: Page[][] = [];
  const sent: string[] = [];
  const ports: FetchPorts = {
    secrets: { get: async () => secret },
    connectors: { appdynamics: connector, servicenow: connector },
    pages: { put: async (_, number, pages) => `${kept.push([...pages])} ${number}` },
    answers: { send: async (messages) => void sent.push(...messages.map(({ body }) => body)) },
  };
  const answer = () => JSON.parse(sent[0]!) as { asked: number; answer: Record<string, unknown> };
  return { ports, kept, sent, answer };
}
const answering = (pages: readonly Page[]): Connector => ({
  async *fetch() {
    yield* pages;
  },
});
const failing = (error: Error): Connector => ({
  // biome-ignore lint/correctness/useYield: it fails before its first page
  async *fetch() {
    throw error;
  },
});

test('pages are objects before they are named, without secrets, and the question comes back', async () => {
  const body = [{ id: 1, name: 'Shop', accountGuid: 'guid' }];
  const { ports, kept, answer } = portsWith(answering([{ what: 'applications', body }]));
  expect(await fetchSource(ports, [messageOf(JSON.stringify(order))], { now })).toEqual([]);
  expect(kept).toEqual([[{ what: 'applications', body: [{ id: 1, name: 'Shop', accountGuid: '(redacted)' }] }]]);
  expect(answer()).toMatchObject({ asked: 3, answer: { objects: ['1 0'], asked_at: now.toISOString() } });
});

test('what a source does wrong is an answer too', async () => {
  const notBefore = new Date('2026-11-21T02:00:00Z');
  const fault = new SourceFault('source_busy', 'The source asks us to wait (429).', { again: true, notBefore });
  const { ports, answer } = portsWith(failing(fault));
  expect(await fetchSource(ports, [messageOf(JSON.stringify(order))], { now })).toEqual([]);
  expect(answer().answer).toEqual({
    fault: {
      ...{ code: 'source_busy', message: 'The source asks us to wait (429).', again: true },
      not_before: '2026-11-21T02:00:00.000Z',
    },
  });
});

test('without a secret nobody is asked', async () => {
  const { ports, answer } = portsWith(failing(new Error('it was asked')), '');
  const none: FetchPorts = { ...ports, secrets: { get: async () => undefined } };
  await fetchSource(none, [messageOf(JSON.stringify(order))], { now });
  expect(answer().answer).toMatchObject({ fault: { code: 'secret_missing', again: false } });
});

test('our own places fail the message, and a stranger’s order fails alone', async () => {
  const { ports, sent } = portsWith(answering([{ what: 'applications', body: [] }]));
  const down: FetchPorts = {
    ...ports,
    pages: { put: async () => Promise.reject(new Unavailable('s3', new Error('down'))) },
  };
  await expect(fetchSource(down, [messageOf(JSON.stringify(order))], { now })).rejects.toThrow(Unavailable);
  const strange = { ...order, kind: 'focus' };
  expect(await fetchSource(ports, [messageOf(JSON.stringify(strange))], { now })).toEqual(['m1']);
  expect(sent).toEqual([]);
});

test.each([
  [
    'the first time from where the settings say',
    { from_day: '2026-11-15', late_days: 2 },
    [],
    undefined,
    ['2026-11-15..2026-11-20'],
  ],
  ['what is new and what is late', { late_days: 2 }, ['2026-11-15..2026-11-19'], undefined, ['2026-11-19..2026-11-20']],
  [
    'holes',
    { late_days: 0 },
    ['2026-11-10..2026-11-12', '2026-11-15..2026-11-20'],
    undefined,
    ['2026-11-13..2026-11-14'],
  ],
  ['nothing', { late_days: 0 }, ['2026-11-10..2026-11-20'], undefined, []],
  [
    'what is asked for again, but no day that is not over',
    { late_days: 0 },
    ['2026-11-10..2026-11-20'],
    { from: '2026-11-12', to: '2026-12-31' },
    ['2026-11-12..2026-11-20'],
  ],
  [
    'a month at a time',
    { from_day: '2026-09-01', late_days: 0 },
    [],
    undefined,
    ['2026-09-01..2026-10-01', '2026-10-02..2026-11-01', '2026-11-02..2026-11-20'],
  ],
])('a run asks for %s', (_, settings, ranges, reload, windows) => {
  const there = new Set(ranges.flatMap((one) => daysOf(one)));
  const found = missingDays(now, settings, there, reload);
  expect(found.map(({ from, to }) => `${from}..${to}`)).toEqual(windows);
});

function daysOf(range: string): string[] {
  const [from, to] = range.split('..').map((day) => Date.parse(day)) as [number, number];
  return Array.from({ length: (to - from) / 86_400_000 + 1 }, (_, day) =>
    new Date(from + day * 86_400_000).toISOString().slice(0, 10),
  );
}
