import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keysOf, mayContain } from '#core/record/membership.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { blockRawBytesMax, type SegmentPlan } from '#core/record/segment.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { eventAt, lineOf, linesOf } from '#test/support/lines.ts';

const by = {
  id: '019ca9a1-0000-7000-8000-000000000001',
  tier: 'bulk',
  now: new Date('2026-03-01T23:59:59.999Z'),
} as const;
const eventsOf = (plan: SegmentPlan) =>
  plan.blocks.flatMap((block) =>
    block.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string }),
  );

describe('a plan', () => {
  test('lies under the UTC hour of its time', () => {
    expect(planSegment(linesOf(1), by).key).toBe(`segments/v1/dt=2026-03-01/hh=23/${by.id}.jsonl.gz`);
  });

  test('orders by tenant, category, time and id', () => {
    const at = (n: number, tenant: string, category: 'api_calls' | 'system', ms: number) =>
      lineOf(eventAt(n, { tenant, category, occurred_at: new Date(1e12 + ms).toISOString() }));
    const lines = [
      at(6, tenantB, 'api_calls', 0),
      at(5, tenantA, 'system', 0),
      at(4, tenantA, 'api_calls', 2),
      at(3, tenantA, 'api_calls', 1),
      at(2, tenantA, 'api_calls', 1),
    ];
    const expected = [2, 3, 4, 5, 6].map((n) => eventAt(n).id);
    expect(eventsOf(planSegment(lines, by)).map(({ id }) => id)).toEqual(expected);
    expect(planSegment(lines.toReversed(), by)).toEqual(planSegment(lines, by));
  });

  test('keeps the first of two lines with one tenant and id, and both when the tenants differ', () => {
    const first = eventAt(1, { action: 'first.wins' });
    const lines = [first, eventAt(1), eventAt(1, { tenant: tenantB })].map(lineOf);
    const plan = planSegment(lines, by);
    expect(plan.blocks.map((block) => block.text)).toEqual([`${lines[0]!.line}\n`, `${lines[2]!.line}\n`]);
  });

  test('never mixes tenants, keeps blocks within 128 KiB of UTF-8 and loses no line', () => {
    const tenants = [tenantA, tenantB];
    const size = fc.integer({ min: 0, max: 60_000 });
    const batch = fc.array(fc.tuple(fc.constantFrom(...tenants), size, fc.constantFrom('x', 'é', '漢', '😀')), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(batch, (some) => {
        const lines = some.map(([tenant, length, letter], n) =>
          lineOf(eventAt(n, { tenant, metadata: { pad: letter.repeat(length) } })),
        );
        const plan = planSegment(lines, by);
        for (const block of plan.blocks) {
          const own = block.text.trimEnd().split('\n');
          expect(own).toHaveLength(block.events);
          expect(own.every((line) => line.includes(`"tenant":"${block.tenant}"`))).toBe(true);
          if (own.length > 1) expect(Buffer.byteLength(block.text)).toBeLessThanOrEqual(blockRawBytesMax);
        }
        expect(
          eventsOf(plan)
            .map(({ id }) => id)
            .sort(),
        ).toEqual(lines.map(({ event }) => event.id).sort());
      }),
      { numRuns: 40, seed: 11 },
    );
  });

  test('fills its blocks: another line would not have fitted', () => {
    const plan = planSegment(linesOf(2000), by);
    const sizes = plan.blocks.map((block) => Buffer.byteLength(block.text));
    const longest = Math.max(...plan.blocks.flatMap((block) => block.text.split('\n').map((line) => line.length + 1)));
    expect(sizes.length).toBeGreaterThan(4);
    for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThan(blockRawBytesMax - longest);
  });

  test('gives a line that is larger than a block one of its own', () => {
    const large = (n: number, letter: string) =>
      lineOf(eventAt(n, { category: 'system', metadata: { pad: letter.repeat(200_000) } }));
    const small = (n: number) => lineOf(eventAt(n, { category: 'system' }));
    const plan = planSegment([small(1), large(2, 'x'), small(3), large(4, 'é'), small(5)], by);
    expect(plan.blocks.map((block) => block.events)).toEqual([1, 1, 1, 1, 1]);
  });

  test('says of each block its times, ids and keys', () => {
    const [block, ...rest] = planSegment(linesOf(100), by).blocks;
    expect(rest).toEqual([]);
    expect(block).toMatchObject({
      events: 100,
      minTime: Date.parse(eventAt(0).occurred_at),
      maxTime: Date.parse(eventAt(99).occurred_at),
      minId: eventAt(0).id,
      maxId: eventAt(99).id,
    });
    for (let n = 0; n < 100; n++)
      for (const key of keysOf(eventAt(n))) expect(mayContain(block!.filter, key)).toBe(true);
    expect(mayContain(block!.filter, 'actor:nobody')).toBe(false);
  });

  test('of nothing has no blocks', () => {
    expect(planSegment([], by).blocks).toEqual([]);
  });
});
