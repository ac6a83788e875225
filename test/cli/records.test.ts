/** However a file is cut into chunks, the same records come out. */
import { describe, expect, test } from 'vitest';
import { progressLine } from '#cli/progress.ts';
import { linesOf, type Piece, recordsOf } from '#cli/records.ts';

async function all(of: (chunks: AsyncIterable<string>) => AsyncIterable<Piece>, text: string, size: number) {
  const chunks = async function* () {
    for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
  };
  const pieces: Piece[] = [];
  for await (const piece of of(chunks())) pieces.push(piece);
  return pieces;
}

const a = '{"a":"}]\\"[{","b":[1,{"c":[]}]}';
const cases: readonly (readonly [string, string, readonly Piece[]])[] = [
  [
    'lines',
    `${a}\r\n\n{"n":2}\n`,
    [
      { text: a, line: 1 },
      { text: '{"n":2}', line: 3 },
    ],
  ],
  [
    'a list',
    `[${a},\n${a}]`,
    [
      { text: a, line: 1 },
      { text: a, line: 2 },
    ],
  ],
  [
    'a delivered file',
    `\uFEFF{ "Records" : [\n${a},${a}\n]\n}\n`,
    [
      { text: a, line: 2 },
      { text: a, line: 2 },
    ],
  ],
  [
    'two delivered files in one',
    `{"Records":[${a}]}{"Records":[]}\n{"Records":[{}]}`,
    [
      { text: a, line: 1 },
      { text: '{}', line: 2 },
    ],
  ],
  [
    'a record that has Records of its own',
    '{"x":1,"Records":[{"y":1}]}',
    [{ text: '{"x":1,"Records":[{"y":1}]}', line: 1 }],
  ],
  [
    'prose between',
    `hello\n${a}\nworld`,
    [
      { text: 'hello', line: 1 },
      { text: a, line: 2 },
      { text: 'world', line: 3 },
    ],
  ],
  [
    'a file that was cut off',
    `{"Records":[${a},{"a":`,
    [
      { text: a, line: 1 },
      { text: '{"a":', line: 1 },
    ],
  ],
  ['nothing', ' \n', []],
];

describe('records', () => {
  test.each(cases)('%s', async (_name, text, expected) => {
    for (const size of [1, 2, 3, 7, 1000]) expect(await all(recordsOf, text, size)).toEqual(expected);
  });
});

test('lines', async () => {
  for (const size of [1, 2, 5, 100]) {
    expect(await all(linesOf, '\uFEFFone\r\n\n  \ntwo\nthree', size)).toEqual([
      { text: 'one', line: 1 },
      { text: 'two', line: 4 },
      { text: 'three', line: 5 },
    ]);
  }
});

test('progress: a bar with rate and time left, a line without the bar, and no share of an unknown whole', () => {
  const half = { bytes: 50, bytesTotal: 100, events: 12_000 };
  expect(progressLine(half, 4, true)).toBe(`${'█'.repeat(14)}${'░'.repeat(14)}  50 %  12,000 events  3,000/s  ETA 4 s`);
  expect(progressLine(half, 240, false)).toBe(' 50 %  12,000 events  50/s  ETA 4 min 00 s');
  expect(progressLine({ ...half, bytesTotal: undefined }, 4, true)).toBe('12,000 events  3,000/s  4 s');
  expect(progressLine({ ...half, bytes: 100 }, 4, false)).toBe('100 %  12,000 events  3,000/s');
});
