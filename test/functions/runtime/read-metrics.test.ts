import { expect, test } from 'vitest';
import { createReadMeter } from '#functions/runtime/read-metrics.ts';

test('reads are summed by their source and written every ten seconds', () => {
  let now = 0;
  const written: unknown[] = [];
  const read = createReadMeter(
    () => now,
    (...line) => written.push(line),
  );
  for (const source of ['replica', 'replica', 'writer']) read(source);
  expect(written).toEqual([]);
  now = 10_000;
  read('replica');
  expect(written).toEqual([
    ['query', 'reads_replica', 3],
    ['query', 'reads_writer', 1],
  ]);
  now = 20_000;
  read('writer');
  expect(written.slice(2)).toEqual([['query', 'reads_writer', 1]]);
});
