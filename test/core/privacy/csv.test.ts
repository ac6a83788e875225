import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvCell, csvLine } from '#core/privacy/csv.ts';

test.each([
  '=1+1',
  '+49 30 1234',
  '-2+3',
  '@SUM(A1)',
  '\t=1+1',
  '\r=1',
  '\n=1',
  '  =cmd|calc',
  '＝1+1',
  '＠x',
  "|' /C calc'!A0",
])('%j is no formula any more', (value) => {
  expect(csvCell(value)).toBe(`"'${value.replaceAll('"', '""')}"`);
});

test('quotes where RFC 4180 asks for it, and leaves the rest as it is', () => {
  expect(csvLine(['plain', 'with, comma', 'say "hi"', 'two\nlines', 'a=b', ''])).toBe(
    'plain,"with, comma","say ""hi""","two\nlines",a=b,\r\n',
  );
});

test('whatever is written is read again by another reader, but for the apostrophe, and starts no formula', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 6 }), (cells) => {
      const [read] = parse(csvLine(cells), { relax_column_count: true, skip_empty_lines: false }) as string[][];
      expect(read!.map((cell, at) => (cell === `'${cells[at]}` ? cells[at] : cell))).toEqual(cells);
      for (const cell of read!) expect(/^\s*[=+\-@]/.test(cell)).toBe(false);
    }),
  );
});
