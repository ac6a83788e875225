/** The builder dies at every step, before or after what it did there: the export comes out the same, byte for byte. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import type { BuildExportPorts } from '#functions/query/build-export.queue.ts';
import { exporter, exportWorld, fill } from './export-world.ts';
import { eventOf } from './world.ts';

const limits = { stepMs: 1000, pageEvents: 20, partEvents: 40, partRawBytes: 1e9 };
let made: Awaited<ReturnType<typeof exportWorld>>;
beforeAll(async () => {
  made = await exportWorld('export_faults');
  fill(
    made.world,
    Array.from({ length: 130 }, (_, n) => eventOf(n)),
    20,
    2,
  );
}, 60_000);
afterAll(() => made.database.drop());

class Killed extends Error {}

/** Ports that count every call, and die at one of them; after that they work. */
function dying(at: number, when: 'before' | 'after', error: () => Error) {
  const seen = { calls: 0, died: false };
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const mine = ++seen.calls;
          if (mine === at && when === 'before') {
            seen.died = true;
            throw error();
          }
          const result = await value.apply(target, args);
          if (mine === at) {
            seen.died = true;
            throw error();
          }
          return result;
        };
      },
    });
  const { ports } = made;
  const over: BuildExportPorts = {
    ...ports,
    critical: wrap(ports.critical),
    catalogue: wrap(ports.catalogue),
    blocks: wrap(ports.blocks),
    subjectKeys: wrap(ports.subjectKeys),
    exports: wrap(ports.exports),
    parts: wrap(ports.parts),
    exportQueue: wrap(ports.exportQueue),
  };
  return { over, seen };
}

async function digestOf(id: string) {
  const { state, events, parts, bytes } = await made.stateOf(id);
  const rows = await made.ports.exports.parts(exporter.tenant, id, 0, 100);
  return { state, events, parts, bytes, rows: rows.map(({ run: _, ...row }) => row) };
}

// The steps are the same for all formats; what could differ is the part that is made again.
test.each([
  ['jsonl', 'every step', 1],
  ['csv', 'every fifth step', 5],
  ['parquet', 'every fifth step', 5],
])(
  '%s, killed at %s',
  async (format, _, every) => {
    // The undisturbed one, and how many steps there are. One part a message, so that the message is sent again too.
    const clock = () => (made.world.now += 600);
    const quiet = dying(0, 'before', () => new Killed());
    const { id: calm } = await made.ask({ format });
    await made.settle({ ...quiet.over, clock }, limits);
    const wanted = await digestOf(calm);
    expect(wanted).toMatchObject({ state: 'ready', events: 130 });
    expect(wanted.rows.length).toBeGreaterThan(3);
    expect(quiet.seen.calls).toBeGreaterThan(30);
    const calmTexts = (await made.objectsOf(calm)).map((one) => Buffer.from(one).toString('base64'));

    for (let at = 1; at <= quiet.seen.calls; at += every) {
      for (const when of ['before', 'after'] as const) {
        const error = at % 2 ? () => new Killed() : () => new Unavailable('a place');
        const { over, seen } = dying(at, when, error);
        const { id } = await made.ask({ format });
        const objects = made.parts.objects.size;
        await made.settle({ ...over, clock }, limits);
        expect(seen.died, `${when} ${at}`).toBe(true);
        expect(await digestOf(id), `${when} ${at}`).toEqual(wanted);
        const texts = (await made.objectsOf(id)).map((one) => Buffer.from(one).toString('base64'));
        expect(texts, `${when} ${at}`).toEqual(calmTexts);
        // No more than one part was made twice.
        expect(made.parts.objects.size - objects).toBeLessThanOrEqual(wanted.rows.length + 1);
      }
    }
  },
  60_000,
);

test('two builders at once make one export', async () => {
  const { id: calm } = await made.ask({ format: 'jsonl' });
  await made.settle(made.ports, limits);
  const { id } = await made.ask({ format: 'jsonl' });
  const [message] = made.queue.messages;
  made.queue.messages.push(message!, message!);
  const messages = made.queue.messages.splice(0);
  const { buildExport } = await import('#functions/query/build-export.queue.ts');
  const at = { now: new Date() };
  await Promise.all(
    messages.map(({ body }, n) =>
      buildExport(made.ports, [{ messageId: `m${n}`, body, queue: 'q', receiveCount: 1, sentAt: 0 }], at, limits),
    ),
  );
  await made.settle(made.ports, limits);
  expect(await digestOf(id)).toEqual(await digestOf(calm));
  expect(await made.textOf(id)).toBe(await made.textOf(calm));
});
