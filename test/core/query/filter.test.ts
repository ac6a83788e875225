import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '#core/event/event.ts';
import {
  canonicalFilter,
  confine,
  filterJsonSchema,
  listParameters,
  matchesNothing,
  parameterNames,
  parseFilter,
  parseSearch,
} from '#core/query/filter.ts';

const query = (text: string) => parseFilter(new URLSearchParams(text));
const value = <T>(result: { ok: true; value: T } | { ok: false }) => {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result.value;
};

describe('a filter is read', () => {
  test('with all its names, from a query and from a body alike', () => {
    const text =
      'from=2026-03-01T00:00:00Z&to=1772409600000&action=user.*,doc.read&category=auth_events&crud=c&severity=high' +
      '&outcome=denied&actor=u1&actor=u2&target=d1&target_type=doc&ip=192.0.2.1&data_class=pii&project=shop' +
      '&environment=prod&operation_id=o&external_id=e&actor.email=u%40x.org&subject=s-1&text=a%2Cb&limit=7&cursor=abc';
    const body: Json = {
      from: Date.parse('2026-03-01T00:00:00Z'),
      to: '2026-03-02T00:00:00Z',
      action: ['user.*', 'doc.read'],
      category: 'auth_events',
      crud: 'c',
      severity: 'high',
      outcome: 'denied',
      actor: ['u1', 'u2', 'u1'],
      actor_email: 'u@x.org',
      subject: ['s-1'],
      target: 'd1',
      target_type: 'doc',
      ip: '192.0.2.1',
      data_class: 'pii',
      project: 'shop',
      environment: 'prod',
      operation_id: 'o',
      external_id: 'e',
      text: 'a,b',
      limit: 7,
      cursor: 'abc',
    };
    expect(Object.keys(body)).toEqual(parameterNames);
    const search = value(query(text));
    expect(search).toEqual(value(parseSearch(body)));
    expect(search.filter).toMatchObject({ actor: ['u1', 'u2'], targetType: ['doc'], text: 'a,b' });
    expect(search).toMatchObject({ limit: 7, cursor: 'abc' });
  });

  test('with 50 as the page size when nobody says', () => expect(value(query(''))).toEqual({ filter: {}, limit: 50 }));

  test('with zones, and with a plus that came as a space', () => {
    const at = Date.parse('2026-03-01T00:00:00+01:00');
    expect(value(query('from=2026-03-01T00:00:00%2B01:00')).filter.from).toBe(at);
    expect(value(query('from=2026-03-01T00:00:00+01:00')).filter.from).toBe(at);
  });
});

describe('filter_invalid names', () => {
  for (const [text, says] of [
    ['actr=u1', 'did you mean actor?'],
    ['targetType=doc', 'did you mean target_type?'],
    ['tenant=x', 'There is no filter "tenant"'],
    ['__proto__=x', 'There is no filter "__proto__"'],
    ['constructor=x', 'There is no filter "constructor"'],
    ['category=auth_event', 'did you mean auth_events?'],
    ['severity=', 'severity must be text that is not empty'],
    ['actor=a,,b', 'actor must be text'],
    ['action=user.*.x', 'may only be the last character'],
    ['from=yesterday', 'from must be an RFC 3339 time'],
    ['from=2026-03-01T00:00:00', 'from must be an RFC 3339 time'],
    ['from=2026-13-01T00:00:00Z', 'from must be an RFC 3339 time'],
    ['from=2&to=2', 'from must be before to'],
    ['limit=0', 'limit must be'],
    ['limit=1001', 'limit must be'],
    ['limit=1e2', 'limit must be'],
    ['limit=5&limit=6', '2 times'],
    [`text=${'x'.repeat(257)}`, 'text must be 1 to 256'],
    [`actor=${'x'.repeat(1025)}`, 'longer than 1024'],
    [`actor=${Array.from({ length: 101 }, (_, n) => n).join(',')}`, '100 is the most'],
  ] as const) {
    test(text.slice(0, 60), () => {
      const result = query(text);
      expect(result).toMatchObject({ ok: false, fault: { code: 'filter_invalid' } });
      expect(result.ok ? '' : result.fault.detail).toContain(says);
    });
  }

  test('what a body holds that no query can', () => {
    for (const body of [
      null,
      [],
      'x',
      { actor: [] },
      { actor: [1] },
      { actor: { a: 1 } },
      { from: 1.5 },
      { from: null },
    ]) {
      expect(parseSearch(body as Json), JSON.stringify(body)).toMatchObject({ fault: { code: 'filter_invalid' } });
    }
    expect(parseSearch({ cursor: 'x'.repeat(513) })).toMatchObject({ fault: { code: 'cursor_invalid' } });
  });

  test('nothing at all is thrown, whatever comes', () => {
    fc.assert(fc.property(fc.jsonValue(), (body) => void parseSearch(body as Json)));
    fc.assert(fc.property(fc.webQueryParameters(), (text) => void query(text)));
  });
});

test('a canonical filter does not depend on order, and differs when the filter does', () => {
  expect(canonicalFilter({ actor: ['b', 'a'], from: 1 })).toBe(canonicalFilter({ from: 1, actor: ['a', 'b'] }));
  expect(canonicalFilter({ actor: ['a'] })).not.toBe(canonicalFilter({ target: ['a'] }));
  expect(canonicalFilter({ actor: ['a', 'b'] })).not.toBe(canonicalFilter({ actor: ['a,b'] }));
});

test('a confined filter never widens', () => {
  expect(confine({}, { project: 'shop' })).toEqual({ project: ['shop'] });
  expect(confine({ project: ['shop', 'x'] }, { project: 'shop' })).toEqual({ project: ['shop'] });
  expect(matchesNothing(confine({ project: ['x'] }, { project: 'shop' }))).toBe(true);
  expect(confine({ environment: ['e'] }, {})).toEqual({ environment: ['e'] });
});

test('the JSON Schema knows every parameter', () => {
  const { properties } = filterJsonSchema() as { properties: object };
  expect(Object.keys(properties)).toEqual(parameterNames);
  expect(Object.keys(listParameters)).toHaveLength(16);
});
