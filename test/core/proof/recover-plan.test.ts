import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Entry } from '#core/proof/entry.ts';
import type { KnownPart } from '#core/proof/ports.ts';
import {
  agreedSize,
  arrange,
  eventsAtOnce,
  gapsOf,
  inLogOrder,
  partsAtOnce,
  runFinder,
  Stuck,
  sharesOf,
  type Tail,
} from '#core/proof/recover-plan.ts';

const entry = (name: string): Entry => ({
  id: name,
  kind: 'e',
  time: 1,
  commitment: createHash('sha256').update(name).digest(),
});
/** A log of the letters, known to agree below `from`. */
const tailOf = (letters: string, from = 0): Tail => ({
  from,
  size: letters.length,
  entries: [...letters.slice(from)].map(entry),
});
/** Parts in a row, `ab cd` of two; in capitals: their leaves are not in the outbox. */
function partsOf(text: string, firstLeaf = 0): KnownPart[] {
  let next = firstLeaf;
  return text.split(' ').map((letters, index) => {
    const start = next;
    next += letters.length;
    const sealed = letters === letters.toUpperCase();
    return {
      seq: BigInt(index + 1),
      tier: 'critical',
      firstLeaf: start,
      events: letters.length,
      segment: letters,
      key: letters,
      ...(sealed ? {} : { outbox: { time: 1, leaves: [...letters].map(entry) } }),
    };
  });
}

describe('the leaf up to which the database agrees', () => {
  const cases: readonly [string, Tail, KnownPart[], number, number][] = [
    ['all', tailOf('abcd'), partsOf('ab cd'), 0, 4],
    ['nothing there', tailOf('abcd'), [], 0, 0],
    ['an empty log', tailOf(''), partsOf('ab'), 0, 0],
    ['a shorter database', tailOf('abcdef'), partsOf('ab cd'), 0, 4],
    ['a longer database', tailOf('ab'), partsOf('ab cd'), 0, 2],
    ['another leaf', tailOf('abcd'), partsOf('ab cx'), 0, 2],
    ['another first leaf', tailOf('abcd'), partsOf('xb cd'), 0, 0],
    ['the same leaves in another order', tailOf('abcd'), partsOf('cd ab'), 0, 0],
    ['the same leaves cut otherwise', tailOf('abcd'), partsOf('abc d'), 0, 4],
    ['a part over the end of the log', tailOf('abc'), partsOf('ab cd'), 0, 2],
    ['sealed parts', tailOf('abcd'), partsOf('AB cd'), 2, 4],
    ['a part that says it was sealed, above what is integrated', tailOf('abcd'), partsOf('ab CD'), 2, 2],
    ['only what is above the known', tailOf('abcd', 2), partsOf('cd', 2), 2, 4],
    ['a gap before a part of the outbox', tailOf('abcd'), partsOf('cd', 2), 0, 0],
    ['a gap before a part that a recovery put back', tailOf('abcd'), partsOf('CD', 2), 4, 4],
    ['behind such a gap', tailOf('abcdef'), [...partsOf('CD', 2), ...partsOf('ef', 4)], 4, 6],
  ];
  test.each(cases)('%s', (_, tail, parts, integrated, agreed) => {
    expect(agreedSize(tail, parts, integrated)).toBe(agreed);
  });

  test('a leaf of another kind or with another commitment is another leaf', () => {
    const tail = tailOf('ab');
    const [part] = partsOf('ab');
    const leaves = part!.outbox!.leaves;
    for (const wrong of [
      { ...leaves[1]!, kind: 'x' as const },
      { ...leaves[1]!, commitment: entry('z').commitment },
      { ...leaves[1]!, id: 'z' },
    ]) {
      expect(agreedSize(tail, [{ ...part!, outbox: { time: 1, leaves: [leaves[0]!, wrong] } }], 0)).toBe(0);
    }
  });
});

describe('a part of a segment in the log', () => {
  const find = (letters: string, agreed = 0, tail = tailOf('abcdef')) =>
    runFinder(tail, agreed)([...letters].map(entry));
  test.each([
    ['ab', { firstLeaf: 0, events: 2 }],
    ['cde', { firstLeaf: 2, events: 3 }],
    ['f', { firstLeaf: 5, events: 1 }],
    ['fg', undefined],
    ['ce', undefined],
    ['ba', undefined],
    ['x', undefined],
    ['', undefined],
  ])('%j', (letters, run) => {
    expect(find(letters)).toEqual(run);
  });

  test('below the agreed leaf nothing is looked for, and a tail counts from its own first leaf', () => {
    expect(find('ab', 2)).toBeUndefined();
    expect(find('cd', 2)).toEqual({ firstLeaf: 2, events: 2 });
    expect(find('ef', 4, tailOf('abcdef', 4))).toEqual({ firstLeaf: 4, events: 2 });
  });

  test('runs come in the order of the log, and of two with the same lines one', () => {
    const runs = [
      { firstLeaf: 4, events: 2, key: 'c' },
      { firstLeaf: 0, events: 2, key: 'a' },
      { firstLeaf: 4, events: 2, key: 'again' },
      { firstLeaf: 5, events: 2, key: 'over' },
    ];
    expect(inLogOrder(runs).map(({ key }) => key)).toEqual(['a', 'c']);
    expect(gapsOf(inLogOrder(runs), 0, 9)).toEqual([
      { from: 2, to: 4 },
      { from: 6, to: 9 },
    ]);
    expect(gapsOf([], 3, 3)).toEqual([]);
    expect(gapsOf([], 3, 5)).toEqual([{ from: 3, to: 5 }]);
  });
});

describe('parts above the agreed leaf', () => {
  const judged = (parts: KnownPart[], found: string) => {
    const { moved, dropped, left } = arrange(parts, new Set(found));
    return [moved.map(Number), dropped.map(Number), left.map(({ part, ids }) => [Number(part.seq), [...ids].join('')])];
  };
  test.each([
    ['ab cd', '', [[1, 2], [], []]],
    ['ab cd', 'xy', [[1, 2], [], []]],
    ['ab cd', 'cd', [[1], [2], []]],
    ['ab cd', 'abcd', [[], [1, 2], []]],
    ['abc de', 'b', [[2], [1], [[1, 'ac']]]],
    [
      'abc bd',
      'b',
      [
        [],
        [1, 2],
        [
          [1, 'ac'],
          [2, 'd'],
        ],
      ],
    ],
  ] as const)('%s when %j comes back', (parts, found, expected) => {
    expect(judged(partsOf(parts), found)).toEqual(expected);
  });

  test('a part that was sealed and is not archived stops it', () => {
    expect(() => arrange(partsOf('ab CD'), new Set())).toThrow(Stuck);
  });

  // Every event of the log and of the database ends with one leaf, whatever was where.
  test('no event is lost or has two leaves', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let round = 0; round < 2_000; round++) {
      const names = 'abcdefghijklmnop';
      const log = names.slice(0, random(9));
      const known = log.slice(0, random(log.length + 1));
      const rest = [...names].filter((name) => !known.includes(name)).sort(() => random(3) - 1);
      const own = rest.slice(0, random(rest.length + 1)).join('');
      const cut = (letters: string) =>
        letters.replace(/./g, (letter) => (random(3) === 0 ? `${letter} ` : letter)).trim();
      const parts = own + known === '' ? [] : partsOf([cut(known), cut(own)].filter(Boolean).join(' '));
      const tail = tailOf(log);
      const agreed = agreedSize(tail, parts, 0);
      expect(agreed).toBeLessThanOrEqual(log.length);
      const found = log.slice(agreed);
      const above = parts.filter(({ firstLeaf }) => firstLeaf >= agreed);
      const { moved, left } = arrange(above, new Set(found));
      const behind = [
        ...above.filter(({ seq }) => moved.includes(seq)).flatMap(({ outbox }) => outbox!.leaves.map(({ id }) => id)),
        ...left.flatMap(({ ids }) => [...ids]),
      ];
      const all = [...log, ...behind];
      expect(new Set(all).size).toBe(all.length);
      expect(all.toSorted()).toEqual([...new Set(log + known + own)].sort());
    }
  });
});

describe('shares', () => {
  test('hold what one transaction takes, and there is one at least', () => {
    const runs = (counts: number[]) => counts.map((events, firstLeaf) => ({ events, firstLeaf }));
    const sizes = (counts: number[]) => sharesOf(runs(counts)).map((share) => share.length);
    expect(sizes([])).toEqual([0]);
    expect(sizes([eventsAtOnce * 2, 1, 1])).toEqual([1, 2]);
    expect(sizes([1, eventsAtOnce])).toEqual([1, 1]);
    expect(sizes(Array.from({ length: partsAtOnce * 2 + 1 }, () => 1))).toEqual([partsAtOnce, partsAtOnce, 1]);
  });
});
