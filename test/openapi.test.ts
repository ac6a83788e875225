/** The committed openapi.json is what the schemas say, and names every route that is deployed. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openapi } from '../bin/openapi.ts';

interface Document {
  readonly paths: Record<string, Record<string, { readonly responses: object; readonly operationId: string }>>;
}
const committed = JSON.parse(readFileSync('openapi.json', 'utf8')) as Document;

test('the committed file is what `npm run openapi` writes', () => {
  expect(committed).toEqual(JSON.parse(JSON.stringify(openapi())));
});

describe('the document', () => {
  test('gives every operation an id of its own', () => {
    const ids = Object.values(committed.paths).flatMap((path) => Object.values(path).map((one) => one.operationId));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('refers only to schemas that are there', () => {
    const all = JSON.stringify(committed);
    const names = [...all.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!);
    const there = Object.keys((committed as unknown as { components: { schemas: object } }).components.schemas);
    expect(names.filter((name) => !there.includes(name))).toEqual([]);
  });
});
