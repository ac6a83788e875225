/** Sending a folder when a stop lies long behind: what came in is looked for, and only the rest goes out. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { commit } from '#cli/import-commit.ts';
import { Staging } from '#cli/staging.ts';
import type { Trailkeep } from '#client/trailkeep.ts';
import type { EventInput } from '#core/event/event.ts';
import { uuidTime } from '#core/event/uuid.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-commit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const day = 24 * 3600_000;
const first = Date.parse('2026-03-01T00:00:00Z');
const event = (n: number): EventInput => ({
  action: 'user.login',
  actor: { type: 'user', id: `u-${n}` },
  occurred_at: '2020-01-01T00:00:00.000Z',
  external_id: `audit_logs:${n}`,
  metadata: { import: { id: 'import-1', range: 1 } },
});

/** A trail that keeps what it is sent, by id. */
function trail() {
  const events = new Map<string, EventInput>();
  const bodies: string[] = [];
  const client = {
    sendLines: async (body: string) => {
      bodies.push(body);
      const lines = body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as EventInput);
      for (const one of lines) events.set(one.id!, one);
      return {
        accepted: lines.length,
        refused: 0,
        items: lines.map(({ id }, index) => ({ index, status: 'accepted', id })),
      };
    },
    async *search({ external_id }: { external_id: readonly string[] }) {
      for (const one of events.values()) if (external_id.includes(one.external_id!)) yield one;
    },
  };
  return { events, bodies, client: client as unknown as Trailkeep };
}

async function staged(name: string): Promise<Staging> {
  const begin = {
    v: 1,
    import: 'import-1',
    table: 'audit_logs',
    place: 'db/app',
    mapping: {} as never,
    at: '',
  } as const;
  const staging = await Staging.create(join(folder, name), begin);
  const lines = [1, 2, 3].map((n) => JSON.stringify(event(n)));
  const counts = { rows: 3, events: 3, refused: 0, checksum: '0'.repeat(64), minTime: 0, maxTime: 0 };
  await staging.addRange({ range: 1, first: ['1'], last: ['3'], ...counts }, lines, []);
  return staging;
}
const watchAt = (ms: number) => ({ stop: new AbortController().signal, now: () => new Date(ms), events: () => {} });

test('a request whose receipt was lost is repeated to the byte', async () => {
  const { bodies, events, client } = trail();
  const staging = await staged('repeat');
  await commit(client, staging, {}, watchAt(first));
  staging.sent.clear();
  await commit(client, staging, {}, watchAt(first + day));
  expect(bodies).toHaveLength(2);
  expect(bodies[1]).toBe(bodies[0]);
  expect(events.size).toBe(3);
  expect([...events.keys()].map(uuidTime)).toEqual([first, first, first]);
  await staging.close();
});

test('after a week only the rows go out that did not come in', async () => {
  const { bodies, events, client } = trail();
  const staging = await staged('late');
  await commit(client, staging, {}, watchAt(first));
  // Of the first try one event never got through.
  staging.sent.clear();
  const lost = [...events].find(([, { external_id }]) => external_id === 'audit_logs:2')![0];
  events.delete(lost);
  await commit(client, staging, {}, watchAt(first + 8 * day));
  expect(JSON.parse(bodies[1]!)).toMatchObject({ external_id: 'audit_logs:2' });
  expect(events.size).toBe(3);
  expect(staging.sent.get(1)).toMatchObject({ events: 3, refused: [] });
  await staging.close();
});

test('a folder goes on after a line of its journal was torn', async () => {
  const staging = await staged('torn');
  await staging.close();
  appendFileSync(join(folder, 'torn/journal.jsonl'), '{"is":"range","ran');
  const again = await Staging.open(join(folder, 'torn'));
  expect(again.ranges).toHaveLength(1);
  await again.note({ is: 'staged', staged: { rows: 3, counted: 3, withoutKey: 0 } });
  await again.close();
  expect((await Staging.open(join(folder, 'torn'))).staged).toEqual({ rows: 3, counted: 3, withoutKey: 0 });
});

test('a file that was changed is not sent', async () => {
  const { client } = trail();
  const staging = await staged('changed');
  writeFileSync(staging.eventsPath(1), 'something else');
  await expect(commit(client, staging, {}, watchAt(first))).rejects.toThrow('is not what was written there');
  await staging.close();
});
