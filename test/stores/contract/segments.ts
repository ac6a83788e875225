/** What every Segments promises. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Problem } from '#core/event/problem.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { Missing, type Segments } from '#core/record/ports.ts';
import { inflateBlock } from '#stores/s3/seekable-gzip.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { idAt, linesOf } from '#test/support/lines.ts';

export function segmentsContract(open: () => Promise<Segments>): void {
  const hour = 3600_000;
  let count = 0;
  /** A plan of its own hour and id, so that cases of one place do not meet. */
  const planAt = (timeMs: number, events = 700) =>
    planSegment(
      linesOf(events, (n) => ({ tenant: n % 2 ? tenantA : tenantB })),
      { id: idAt(timeMs, ++count), tier: 'bulk', now: new Date(timeMs) },
    );
  const all = async (list: AsyncIterable<{ key: string; bytes: number }>) => Array.fromAsync(list);
  const start = Date.parse('2026-03-01T00:00:00.000Z');

  test('what was written says where each block lies, and each block reads back', async () => {
    const segments = await open();
    const plan = planAt(start);
    const segment = await segments.write(plan);
    expect(segment.parts.map(({ tenant, events }) => [tenant, events])).toEqual([
      [tenantA, 350],
      [tenantB, 350],
    ]);
    const blocks = segment.parts.flatMap((part) => part.blocks);
    for (const [at, { offset, bytes, tenant }] of blocks.entries()) {
      const text = inflateBlock(await segments.read(segment.key, offset, bytes), { key: segment.key, offset });
      expect(text).toBe(plan.blocks[at]!.text);
      expect(tenant).toBe(plan.blocks[at]!.tenant);
    }
  });

  test('the object is as long and has the digest that write said, and gunzips to all lines', async () => {
    const segments = await open();
    const plan = planAt(start + hour);
    const segment = await segments.write(plan);
    const object = await segments.read(segment.key, 0, segment.bytes);
    expect(createHash('sha256').update(object).digest('hex')).toBe(segment.sha256);
    expect(gunzipSync(object).toString()).toBe(plan.blocks.map((block) => block.text).join(''));
  });

  test('a key is written once: the second rejects with conflict and the first stays', async () => {
    const segments = await open();
    const plan = planAt(start + 2 * hour, 5);
    const segment = await segments.write(plan);
    const other = { ...planAt(start + 2 * hour, 9), key: plan.key };
    const refused = await segments.write(other).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Problem);
    expect((refused as Problem).fault.code).toBe('conflict');
    const object = await segments.read(segment.key, 0, segment.bytes);
    expect(createHash('sha256').update(object).digest('hex')).toBe(segment.sha256);
  });

  test('list shows what was written from one time until before another, oldest first, across hours', async () => {
    const segments = await open();
    const times = [4 * hour + 3000, 4 * hour + 5000, 5 * hour, 6 * hour].map((ms) => start + ms);
    const keys: string[] = [];
    for (const time of times) keys.push((await segments.write(planAt(time, 2))).key);
    const listed = await all(segments.list(new Date(times[1]!), new Date(times[3]!)));
    expect(listed.map(({ key }) => key)).toEqual(keys.slice(1, 3));
    expect(listed.every(({ bytes }) => bytes > 0)).toBe(true);
  });

  test('what was removed is missing and not listed, and removing it again succeeds', async () => {
    const segments = await open();
    const { key } = await segments.write(planAt(start + 8 * hour, 2));
    await segments.remove(key);
    await segments.remove(key);
    await expect(segments.read(key, 0, 10)).rejects.toBeInstanceOf(Missing);
    expect(await all(segments.list(new Date(start + 8 * hour), new Date(start + 9 * hour)))).toEqual([]);
  });
}
