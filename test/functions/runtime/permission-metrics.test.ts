import { expect, test } from 'vitest';
import { createPermissionMeter } from '#functions/runtime/permission-metrics.ts';

test('sums are written every ten seconds: checks by layer, questions asked and saved', () => {
  let now = 0;
  const lines: string[] = [];
  const meter = createPermissionMeter(
    () => now,
    (area, name, value) => lines.push(`${area} ${name} ${value}`),
  );
  for (let n = 0; n < 5; n++) meter.answered('memory', 0);
  meter.answered('memory', 1);
  meter.answered('flight', 0);
  meter.answered('store', 0);
  meter.answered('database', 2);
  meter.storeFailed();
  meter.denied();
  expect(lines).toEqual([]);
  now = 10_000;
  meter.denied();
  expect(lines.sort()).toEqual([
    'permissions denied_unavailable 2',
    'permissions hits_flight 1',
    'permissions hits_memory 6',
    'permissions hits_store 1',
    'permissions misses 1',
    'permissions queries 3',
    'permissions queries_saved 7',
    'permissions valkey_failed 1',
  ]);
  lines.length = 0;
  meter.answered('memory', 0);
  now = 20_000;
  meter.answered('memory', 0);
  expect(lines).toEqual(['permissions hits_memory 2', 'permissions queries_saved 2']);
});
