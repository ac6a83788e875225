import { describe, expect, test } from 'vitest';
import { eventJsonSchema, inputJsonSchema } from '#core/event/schema.ts';
import { ownKeys, shapeOf } from '#core/record/shape.ts';

const ada = {
  action: 'user.login',
  actor: { type: 'user', id: 'ada', email: 'ada@example.org', metadata: { 'ada@example.org': 'Lovelace', age: 36 } },
  outcome: { result: 'success' },
  changes: [{ path: '/phone', before: null, after: '+44 20 7946 0000' }],
};

describe('the shape of JSON', () => {
  test('has the types and lengths of values, and the keys that we named', () => {
    expect(shapeOf(JSON.stringify(ada))).toEqual({
      action: 'string(10)',
      actor: {
        type: 'string(4)',
        id: 'string(3)',
        email: 'string(15)',
        metadata: { '?1': 'string(8)', '?2': 'number' },
      },
      outcome: { result: 'string(7)' },
      changes: [{ path: 'string(6)', before: 'null', after: 'string(16)' }],
    });
  });

  test('ends somewhere: long lists, many keys and deep nesting are counted', () => {
    expect(shapeOf(JSON.stringify(Array.from({ length: 8 }, () => true)))).toEqual([
      ...Array.from({ length: 5 }, () => 'boolean'),
      '3 more',
    ]);
    const wide = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`k${n}`, n]));
    expect(Object.entries(shapeOf(JSON.stringify(wide)) as object).at(-1)).toEqual(['…', '10 more']);
    const deep = `${'['.repeat(20)}${']'.repeat(20)}`;
    expect(JSON.stringify(shapeOf(deep))).toBe('[[[[[["array(1)"]]]]]]');
    expect(JSON.stringify(shapeOf(`${'{"a":'.repeat(20)}1${'}'.repeat(20)}`))).toContain('object(1)');
  });

  test('of what is no JSON there is none, and nothing overflows', () => {
    expect(shapeOf('ada@example.org')).toBeUndefined();
    expect(shapeOf('')).toBeUndefined();
    expect(shapeOf('{"a":1}\n{"a":2}')).toBeUndefined();
    expect(JSON.stringify(shapeOf(`${'['.repeat(500_000)}${']'.repeat(500_000)}`) ?? '')).not.toContain('ada');
    expect(shapeOf('"ada"')).toBe('string(3)');
    expect(shapeOf('{"__proto__":{"ada":1}}')).toEqual({ '?1': { '?1': 'number' } });
  });

  test('0 of 3,000 random texts come through, wherever they stand', () => {
    let state = 1;
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const texts: string[] = [];
    const text = () => {
      const one = `secret-${texts.length}-${random(1e9)}`;
      texts.push(one);
      return one;
    };
    const value = (depth: number): unknown => {
      const kind = depth > 5 ? 0 : random(4);
      if (kind === 0) return text();
      if (kind === 1) return Array.from({ length: random(4) }, () => value(depth + 1));
      if (kind === 2) return { [text()]: value(depth + 1), actor: value(depth + 1) };
      return { metadata: { [text()]: text() }, action: text() };
    };
    let found = 0;
    while (texts.length < 3000) {
      const before = texts.length;
      const shown = JSON.stringify(shapeOf(JSON.stringify(value(0))));
      found += texts.slice(before).filter((one) => shown.includes(one)).length;
    }
    console.log(`${texts.length} texts, ${found} shown`);
    expect(found).toBe(0);
  });
});

test('every key of the event schema is one of ours', () => {
  const named = (schema: unknown): string[] => {
    if (typeof schema !== 'object' || schema === null) return [];
    const { properties = {} } = schema as { properties?: object };
    return [...Object.keys(properties), ...Object.values(schema).flatMap(named)].filter((key) => !(key in {}));
  };
  const keys = new Set([...named(inputJsonSchema()), ...named(eventJsonSchema())]);
  expect(keys.size).toBeGreaterThan(40);
  expect([...keys].filter((key) => !ownKeys.has(key))).toEqual([]);
});
