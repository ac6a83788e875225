import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { archiveBlockRawBytesMax } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import {
  type ArchiveLine,
  compareLines,
  groupLines,
  type LineBatches,
  leafRuns,
  mergeRuns,
} from '#core/archive/merge.ts';
import { cutBlocks } from '#core/archive/plan.ts';
import type { Event } from '#core/event/event.ts';
import { keysOf, mayContain } from '#core/record/membership.ts';
import { eventAt } from '../../support/lines.ts';

function archiveLine(event: Event, leaf?: number): ArchiveLine {
  const text = JSON.stringify(event);
  const digest = new Uint8Array(createHash('sha256').update(text).digest());
  return { text, event, time: Date.parse(event.occurred_at), leaf, digest };
}

/** Batches of three, some of them empty. */
async function* batchesOf(lines: readonly ArchiveLine[]): AsyncGenerator<readonly ArchiveLine[]> {
  yield [];
  for (let at = 0; at < lines.length; at += 3) yield lines.slice(at, at + 3);
}

async function mergeAll(runs: readonly LineBatches[]) {
  const dropped: ArchiveLine[] = [];
  const lines: ArchiveLine[] = [];
  for await (const batch of mergeRuns(runs, (line) => dropped.push(line))) lines.push(...batch);
  return { lines, dropped };
}

const sorted = (lines: readonly ArchiveLine[]) => lines.toSorted(compareLines);
const all = Array.from({ length: 3000 }, (_, n) => archiveLine(eventAt((n * 7919) % 3000), n));

describe('merging runs', () => {
  test.each([1, 2, 3, 7, 64])('%i runs give all lines in order', async (count) => {
    const runs = Array.from({ length: count }, (_, run) => batchesOf(sorted(all.filter((_, n) => n % count === run))));
    const { lines, dropped } = await mergeAll(runs);
    expect(lines).toEqual(sorted(all));
    expect(dropped).toEqual([]);
  });

  test('no run, and runs without a line, give nothing', async () => {
    expect((await mergeAll([])).lines).toEqual([]);
    expect((await mergeAll([batchesOf([]), batchesOf([])])).lines).toEqual([]);
  });

  test('of one event the copy with the smallest leaf stays, whatever run it comes by', async () => {
    const copies = [9, 4, undefined, 7].map((leaf) => archiveLine(eventAt(1), leaf));
    const others = sorted([eventAt(0), eventAt(2), eventAt(3)].map((event, n) => archiveLine(event, 100 + n)));
    const { lines, dropped } = await mergeAll([...copies.map((line) => [[line]]), [others]]);
    expect(lines.map(({ leaf }) => leaf).toSorted()).toEqual([100, 101, 102, undefined]);
    expect(dropped.map(({ leaf }) => leaf)).toEqual([4, 7, 9]);
  });

  test('an id that comes again with a later time goes', async () => {
    const again = { ...eventAt(1), occurred_at: eventAt(50).occurred_at };
    const { lines, dropped } = await mergeAll([[[archiveLine(eventAt(1), 1)]], [[archiveLine(again, 2)]]]);
    expect(lines.map(({ leaf }) => leaf)).toEqual([1]);
    expect(dropped.map(({ leaf }) => leaf)).toEqual([2]);
  });

  test('whoever sends an id again cannot have the first one dropped', async () => {
    const first = archiveLine(eventAt(50), 1);
    const earlier = { ...eventAt(50), occurred_at: eventAt(1).occurred_at };
    const before = { ...eventAt(50), category: 'api_calls' } as const;
    const { lines, dropped } = await mergeAll([[[first]], [[archiveLine(earlier, 2)]], [[archiveLine(before, 3)]]]);
    expect(lines).toContain(first);
    expect(dropped).not.toContain(first);
  });

  test('a run that is out of order loses nothing', async () => {
    const { lines, dropped } = await mergeAll([batchesOf(all), batchesOf(sorted(all.slice(0, 100)))]);
    expect(sorted(lines).map(({ text }) => text)).toEqual(sorted(all).map(({ text }) => text));
    expect(dropped).toHaveLength(100);
  });

  test('a run that fails fails the merge', async () => {
    const broken: LineBatches = (async function* () {
      yield [all[0]!];
      throw new Error('S3 is gone');
    })();
    await expect(mergeAll([broken, batchesOf(sorted(all))])).rejects.toThrow('S3 is gone');
  });
});

describe('grouping', () => {
  test('one group for each category and day, and every line in one of them', async () => {
    const days = all.map((line, n) =>
      archiveLine({ ...line.event, occurred_at: new Date(line.time + ((n >> 1) % 4) * 86_400_000).toISOString() }, n),
    );
    const names: string[] = [];
    let count = 0;
    for await (const { category, day, batches } of groupLines(batchesOf(sorted(days)))) {
      names.push(`${category} ${day}`);
      for await (const batch of batches) {
        count += batch.length;
        for (const { event } of batch) {
          expect(event.category).toBe(category);
          expect(event.occurred_at.slice(0, 10)).toBe(day);
        }
      }
    }
    expect(names).toEqual(
      ['api_calls', 'user_activity'].flatMap((category) => [1, 2, 3, 4].map((n) => `${category} 2026-03-0${n}`)),
    );
    expect(count).toBe(3000);
  });
});

describe('cutting blocks', () => {
  test('keeps lines to the byte, cuts at the limit and finds every key again', async () => {
    const large = archiveLine({ ...eventAt(5000), metadata: { text: 'ü'.repeat(140_000) } }, 77);
    const lines = [...sorted(all), large];
    const blocks = await Array.fromAsync(cutBlocks(batchesOf(lines)));
    expect(blocks.map(({ text }) => text).join('')).toBe(lines.map(({ text }) => `${text}\n`).join(''));
    const sizes = blocks.map(({ text }) => Buffer.byteLength(text));
    expect(sizes.slice(0, -1).every((size) => size <= archiveBlockRawBytesMax)).toBe(true);
    expect(blocks.at(-1)).toMatchObject({ events: 1, leaves: [77] });
    for (const block of blocks) {
      const events = block.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Event);
      expect(events).toHaveLength(block.events);
      for (const event of events) {
        for (const key of keysOf(event)) expect(mayContain(block.filter, key)).toBe(true);
        expect(event.id >= block.minId && event.id <= block.maxId).toBe(true);
        const time = Date.parse(event.occurred_at);
        expect(time >= block.minTime && time <= block.maxTime).toBe(true);
      }
    }
    expect(blocks.flatMap(({ leaves }) => leaves)).toEqual(lines.map(({ leaf }) => leaf));
    const [before, after] = [new LinesSum(), new LinesSum()];
    for (const { digest } of lines) before.add(digest);
    for (const { digests } of blocks) for (const digest of digests) after.add(digest);
    expect(after.hex).toBe(before.hex);
  });
});

test('leaves become half-open runs', () => {
  expect(leafRuns([])).toEqual([]);
  expect(leafRuns([9, 3, 4, 4, 5, 10, 20])).toEqual([
    [3, 6],
    [9, 11],
    [20, 21],
  ]);
});
