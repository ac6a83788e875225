/** Readers of the cluster in the templates: the reading verbs of a stage that has some know them, and nobody else. */
import { expect, test } from 'vitest';
import { type Json, synthesize } from './support/synthesize.ts';

const readersOf = (stage: string) =>
  synthesize(stage)
    .all('AWS::Lambda::Function')
    .map(
      ({ id, Properties }) =>
        ({ id, ...((Properties.Environment as { Variables: Json } | undefined)?.Variables ?? {}) }) as Json,
    )
    .filter((one) => one.DATABASE_READ_HOST !== undefined);

test('dev has no reader, so that Aurora may pause', () => {
  expect(readersOf('dev')).toEqual([]);
});

test('in prod search, show and feed read from the reader endpoint, at most five seconds old; what decides does not', () => {
  const readers = readersOf('prod');
  expect(readers.map(({ id }) => String(id).replace(/[0-9A-F]{8}$/, '')).sort()).toEqual([
    'QueryFeed',
    'QuerySearch',
    'QueryShow',
  ]);
  for (const one of readers) {
    expect(JSON.stringify(one.DATABASE_READ_HOST)).toContain('ReadEndpoint');
    expect(JSON.stringify(one.DATABASE_HOST)).not.toContain('ReadEndpoint');
    expect(one).toMatchObject({ DATABASE_READ_POLICY: 'health', DATABASE_READ_STALE_MS: '5000' });
  }
});
