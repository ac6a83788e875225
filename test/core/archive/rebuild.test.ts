/** Which files on S3 belong into the catalogue, whatever crashes and merges left beside them. */
import { describe, expect, test } from 'vitest';
import { LeafSet, missingFrom } from '#core/archive/leaf-set.ts';
import { Rebuild } from '#core/archive/rebuild.ts';

const run = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
const part = (seq: number, firstLeaf: number, events: number) => ({ seq: BigInt(seq), firstLeaf, events });

describe('a set of leaves', () => {
  test('counts what is in it, once, and nothing beyond its size', () => {
    const set = new LeafSet(20);
    set.addRun(3, 25);
    set.add(3);
    set.delete(19);
    expect([set.count, set.has(2), set.has(3), set.has(19), set.has(24)]).toEqual([16, false, true, false, false]);
    expect(missingFrom([set, new LeafSet(20)], 20, 10)).toEqual({
      leaves: 4,
      runs: [
        [0, 3],
        [19, 20],
      ],
    });
  });
});

describe('files on S3', () => {
  test('of a merge win over those that they replaced', () => {
    const rebuild = new Rebuild(100);
    expect(rebuild.offer('merged', run(0, 60))).toBe('taken');
    expect(rebuild.offer('b', run(30, 60))).toBe('superseded');
    expect(rebuild.offer('a', run(0, 30))).toBe('superseded');
    expect(rebuild.inFiles.count).toBe(60);
  });

  test('of what the catalogue has already are not taken again', () => {
    const rebuild = new Rebuild(100);
    expect(rebuild.addKnown(run(0, 30))).toBe(true);
    expect(rebuild.offer('orphan of a merge', run(0, 30))).toBe('superseded');
    expect(rebuild.offer('lost row', run(30, 60))).toBe('taken');
  });

  test('that are in the catalogue twice are told', () => {
    const rebuild = new Rebuild(100);
    expect(rebuild.addKnown(run(0, 60))).toBe(true);
    expect(rebuild.addKnown(run(10, 20))).toBe(false);
  });

  test('say how far compaction was', () => {
    const rebuild = new Rebuild(100);
    for (const one of [part(1, 0, 30), part(2, 30, 30), part(3, 60, 40)]) rebuild.addPart(one);
    rebuild.offer('b', run(30, 55));
    rebuild.offer('a', run(0, 30));
    expect(rebuild.compacted()).toEqual({ seq: 1n, next: 30 });
    // The rest of the second part were repeats, which the trail tells of.
    rebuild.addPurged([[55, 60]]);
    expect(rebuild.compacted()).toEqual({ seq: 2n, next: 60 });
    expect(rebuild.unfinished()).toEqual([]);
  });

  test('of a compaction that broke off are given up, and their events come from parts', () => {
    const rebuild = new Rebuild(100);
    for (const one of [part(1, 0, 30), part(2, 30, 30), part(3, 60, 40)]) rebuild.addPart(one);
    // It wrote the log-ins of parts 2 and 3 and nothing else of them; part 2 has only log-ins.
    expect(rebuild.offer('log-ins', [...run(30, 60), ...run(60, 80)])).toBe('taken');
    expect(rebuild.offer('a', run(0, 30))).toBe('taken');
    expect(rebuild.unfinished()).toEqual(['log-ins']);
    rebuild.giveUp('log-ins', run(30, 80));
    expect(rebuild.unfinished()).toEqual([]);
    expect(rebuild.compacted()).toEqual({ seq: 1n, next: 30 });
  });

  test('that another run wrote in other steps are not there twice', () => {
    const rebuild = new Rebuild(100);
    for (const one of [part(1, 0, 30), part(2, 30, 30)]) rebuild.addPart(one);
    expect(rebuild.offer('flipped', run(0, 30))).toBe('taken');
    expect(rebuild.offer('orphan', run(0, 60))).toBe('unfinished');
    expect(rebuild.compacted().seq).toBe(1n);
  });

  test('are never left out when no part has what they have', () => {
    const rebuild = new Rebuild(100);
    rebuild.addPart(part(1, 60, 40));
    expect(rebuild.offer('newer', run(20, 60))).toBe('taken');
    expect(rebuild.offer('older', run(0, 30))).toBe('taken');
    expect(rebuild.offer('before logs', [undefined, undefined])).toBe('taken');
    expect(rebuild.unfinished()).toEqual([]);
    expect(missingFrom([rebuild.inFiles, rebuild.inParts], 100, 1).leaves).toBe(0);
  });
});
