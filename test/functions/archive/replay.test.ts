/** A replay, step by step: what it restores, what it cannot read, and rows that are not what the archive has. */
import { expect, test } from 'vitest';
import type { ReplayLedger, ReplayPosition } from '#core/archive/rebuild-ports.ts';
import { Damaged } from '#core/query/ports.ts';
import { replay } from '#functions/archive/replay.ts';
import { tenantA } from '#test/support/events.ts';
import { eventAt, lineOf } from '#test/support/lines.ts';

const range = { from: '00000000-0000-7000-8000-000000000000', to: 'ffffffff-ffff-7fff-bfff-ffffffffffff' };
const bounds = { tenant: tenantA, tier: 'critical' as const, minTime: 0, maxTime: 0, minId: '', maxId: '' };
const block = { tenant: tenantA, offset: 0, bytes: 1, events: 2, minTime: 0, maxTime: 0, filter: new Uint8Array() };

/** Ten parts of two events each; rows by id. */
function world() {
  const rows = new Map<string, string>();
  const damaged = new Set<string>();
  const parts = Array.from({ length: 10 }, (_, n) => ({
    part: { ...bounds, key: `part-${n}`, events: 2, blocks: [block] },
    position: { seq: BigInt(n + 1) } as ReplayPosition,
    text: [2 * n, 2 * n + 1].map((at) => `${lineOf(eventAt(at)).line}\n`).join(''),
  }));
  let now = 0;
  const ledger: ReplayLedger = {
    hotFloor: async () => range.from,
    sources: async (_, __, after, limit) => {
      const seq = after && 'seq' in after ? Number(after.seq) : 0;
      return parts.slice(seq, seq + limit);
    },
    restore: async (_, lines) => {
      const fresh = lines.filter(({ event }) => !rows.has(event.id));
      for (const { event, line } of fresh) rows.set(event.id, line);
      return { added: fresh.length, stored: lines.map(({ event }) => rows.get(event.id)!) };
    },
  };
  const blocks = {
    read: async ({ key }: { readonly key: string }) => {
      if (damaged.has(key)) throw new Damaged(key, 'the block at 0 cannot be inflated');
      return [parts.find(({ part }) => part.key === key)!.text];
    },
  };
  return { rows, damaged, ports: { ledger, blocks, clock: () => new Date(now++) } };
}
const step = (ports: ReturnType<typeof world>['ports'], after: ReplayPosition | undefined = undefined, until = 1e9) =>
  replay(ports, tenantA, range, { after, until: new Date(until) });

test('all of it comes back, and the rows are the lines', async () => {
  const { ports, rows } = world();
  const done = await step(ports);
  expect(done).toMatchObject({ parts: 10, events: 20, added: 20, unread: [], next: undefined });
  expect(done.rows).toEqual(done.lines);
  expect(rows.size).toBe(20);
  expect(await step(ports)).toMatchObject({ added: 0, rows: done.rows });
});

test('a step that ran out of time says where the next one goes on, and nothing is left out', async () => {
  const { ports, rows } = world();
  let after: ReplayPosition | undefined;
  let steps = 0;
  do {
    const until = ports.clock().getTime() + 5;
    const done = await step(ports, after, until);
    expect(done.next).not.toEqual(after ?? null);
    after = done.next;
    steps++;
  } while (after !== undefined);
  expect(steps).toBeGreaterThan(2);
  expect(rows.size).toBe(20);
});

test('what cannot be read is named, and the rest comes back', async () => {
  const { ports, rows, damaged } = world();
  damaged.add('part-3').add('part-9');
  const done = await step(ports);
  expect(done.unread.map(({ key }) => key)).toEqual(['part-3', 'part-9']);
  expect([done.added, rows.size, done.next]).toEqual([16, 16, undefined]);
});

test('a row that is not its line is found', async () => {
  const { ports, rows } = world();
  const { id } = eventAt(5);
  rows.set(id, JSON.stringify({ ...eventAt(5), action: 'document.delete' }));
  const done = await step(ports);
  expect(done).toMatchObject({ added: 19, lines: { events: 20 }, rows: { events: 20 } });
  expect(done.rows.sum).not.toBe(done.lines.sum);
});

test('only events of the range come back', async () => {
  const { ports, rows } = world();
  await replay(ports, tenantA, { from: eventAt(7).id, to: eventAt(12).id }, { after: undefined, until: new Date(1e9) });
  expect([...rows.keys()].sort()).toEqual([7, 8, 9, 10, 11].map((n) => eventAt(n).id));
});
