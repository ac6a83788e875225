import { expect, test } from 'vitest';
import {
  datasetFrom,
  datasetKey,
  edgesOf,
  type LineageEvent,
  openLineageEvent,
  ownTable,
  taskRunId,
} from '#core/costs/lineage.ts';

const bill = { namespace: 's3://imports', name: 'inbox/focus 2026-10.csv' };
const facts = ownTable('costs.cost_daily');
const event: LineageEvent = {
  tenant: '0190a5d8-7c00-7000-8000-000000000001',
  run: '0190a5d8-7c00-7000-8000-00000000000a',
  task: 'bill/file/october',
  job: 'etl.focus',
  type: 'COMPLETE',
  at: new Date('2026-11-01T02:00:00Z'),
  inputs: [{ ...bill, rows: 1000, bytes: 5000, version: 'etag' }],
  outputs: [{ ...facts, rows: 998, version: '7', columns: { billed: [{ ...bill, field: 'BilledCost' }] } }],
};

test('a part of a run is an OpenLineage run event with its run as parent', () => {
  const told = openLineageEvent(event);
  expect(told).toMatchObject({
    eventType: 'COMPLETE',
    eventTime: '2026-11-01T02:00:00.000Z',
    schemaURL: 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
    job: { namespace: `trailkeep://${event.tenant}`, name: 'etl.focus' },
    run: {
      runId: taskRunId(event.run, event.task),
      facets: { parent: { run: { runId: event.run }, job: { name: 'etl' } } },
    },
    inputs: [{ ...bill, inputFacets: { inputStatistics: { rowCount: 1000, size: 5000 } } }],
    outputs: [
      {
        ...facts,
        facets: {
          version: { datasetVersion: '7' },
          columnLineage: { fields: { billed: { inputFields: [{ ...bill, field: 'BilledCost' }] } } },
        },
        outputFacets: { outputStatistics: { rowCount: 998 } },
      },
    ],
  });
  expect(taskRunId(event.run, event.task)).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(taskRunId(event.run, '')).toBe(event.run);
  expect(taskRunId(event.run, 'a')).not.toBe(taskRunId(event.run, 'b'));
});

test('only what was completed is an edge, one for each pair, with the columns of its input', () => {
  expect(edgesOf({ ...event, type: 'FAIL' })).toEqual([]);
  const twice = { ...event, inputs: [...event.inputs, ...event.inputs, facts] };
  expect(edgesOf(twice).map(({ input, output, columns }) => ({ input, output, columns }))).toEqual([
    { input: bill, output: facts, columns: { billed: ['BilledCost'] } },
    { input: facts, output: facts, columns: {} },
  ]);
});

test('a data set is one text and back, blanks in its name included', () => {
  expect(datasetFrom(datasetKey(bill))).toEqual(bill);
  for (const bad of ['', 'x', ' x', 'x ']) expect(datasetFrom(bad)).toBeUndefined();
});
