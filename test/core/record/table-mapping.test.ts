/** Mapping files and what rows become by them. */
import { describe, expect, test } from 'vitest';
import { comparableText, rowName } from '#core/record/formats/imported.ts';
import { type Cell, mapTableRow, readTableMapping, type TableMapping } from '#core/record/formats/table-mapping.ts';

const base = { action: "'user.login'", 'actor.id': 'who', occurred_at: 'at' };
const mappingWith = (fields: object, more: object = {}): TableMapping => {
  const read = readTableMapping(JSON.stringify({ table: 't', fields: { ...base, ...fields }, ...more }));
  if (!read.ok) throw new Error(read.fault.detail);
  return read.value;
};
const row = (cells: Record<string, string | null | Cell>): ReadonlyMap<string, Cell> =>
  new Map(
    Object.entries({ who: 'u-1', at: '2026-01-02T03:04:05.678Z', ...cells }).map(([name, cell]) => [
      name,
      typeof cell === 'object' && cell !== null ? cell : { kind: 'text', text: cell },
    ]),
  );
const eventOf = (fields: object, cells: Record<string, string | null | Cell> = {}, more: object = {}) => {
  const mapped = mapTableRow(row(cells), mappingWith(fields, more));
  return mapped.ok ? mapped.value : mapped.fault.detail;
};

describe('a field', () => {
  test('is filled by a column, a fixed text, a default, a table of words or a place in JSON', () => {
    const fields = {
      'actor.type': "'service'",
      'outcome.result': { column: 'ok', map: { t: 'success', f: 'failure' } },
      'context.session_id': { column: 'session', default: 'none' },
      'context.ip': { column: 'json', path: '/request/ip' },
      'metadata.n': 'n',
      'metadata.exact': 'exact',
    };
    const cells = {
      ok: 'f',
      session: '',
      json: '{"request":{"ip":"10.0.0.1"}}',
      n: { kind: 'number', text: '2.2500' } as Cell,
      exact: { kind: 'number', text: '0.12345678901234567890' } as Cell,
    };
    expect(eventOf(fields, cells)).toEqual({
      action: 'user.login',
      actor: { id: 'u-1', type: 'service' },
      occurred_at: '2026-01-02T03:04:05.678Z',
      outcome: { result: 'failure' },
      context: { session_id: 'none', ip: '10.0.0.1' },
      metadata: { n: 2.25, exact: '0.12345678901234567890' },
    });
  });

  test('of words becomes an action', () => {
    const action = (text: string) =>
      eventOf(
        { action: { column: 'what', map: { LOGIN: 'user.login' }, as: 'action', prefix: 'old.' } },
        { what: text },
      );
    expect(action('LOGIN')).toMatchObject({ action: 'user.login' });
    expect(action(' User Updated! ')).toMatchObject({ action: 'old.user_updated' });
    expect(action('***')).toContain('/action');
  });

  test('that the table of words does not name is kept, refused or left out', () => {
    const outcome = (unmapped: string) =>
      eventOf({ 'metadata.kind': { column: 'kind', map: { a: 'A' }, unmapped } }, { kind: 'z' });
    expect(outcome('keep')).toMatchObject({ metadata: { kind: 'z' } });
    expect(outcome('refuse')).toBe('kind is "z", and the mapping of metadata.kind does not name it.');
    expect(outcome('omit')).not.toHaveProperty('metadata');
  });

  test('with JSON that cannot be kept refuses the row, is left out or stays a text', () => {
    const kept = (invalid: string, text: string) =>
      eventOf({ 'metadata.it': { column: 'it', invalid } }, { it: { kind: 'json', text } });
    expect(kept('refuse', '{"a":1,"a":2}')).toContain('it, which fills metadata.it, is no JSON that can be kept');
    expect(kept('omit', '{"a"')).not.toHaveProperty('metadata');
    expect(kept('text', '{"a"')).toMatchObject({ metadata: { it: '{"a"' } });
  });

  test('with more than an event may hold refuses the row, unless it may be cut', () => {
    const long: Cell = { kind: 'text', text: 'x'.repeat(300_000), isCut: true };
    expect(eventOf({ 'metadata.it': 'it' }, { it: long })).toContain('it alone has more than');
    expect(eventOf({ 'metadata.it': { column: 'it', max: 5 } }, { it: long })).toMatchObject({
      metadata: { it: 'xxxx…' },
    });
  });

  test('of seconds or milliseconds is a time', () => {
    const at = (as: string, text: string) => eventOf({ occurred_at: { column: 'at', as } }, { at: text });
    expect(at('unix_seconds', '1767323045.678')).toMatchObject({ occurred_at: '2026-01-02T03:04:05.678Z' });
    expect(at('unix_milliseconds', '1767323045678')).toMatchObject({ occurred_at: '2026-01-02T03:04:05.678Z' });
    expect(at('unix_seconds', 'soon')).toContain('no number that tells a time');
  });
});

test('a row without a time is refused: it must not get the time of the import', () => {
  expect(eventOf({}, { at: null })).toBe('The row has no time.');
});

test('changes are the members that differ, by their names', () => {
  const changes = { before: 'old', after: 'new' };
  const cells = { old: '{"a":1,"b":{"x":1},"gone":true}', new: '{"a":2,"b":{"x":1},"c/d":null}' };
  expect(eventOf({}, cells, { changes })).toMatchObject({
    changes: [
      { path: '/a', before: 1, after: 2 },
      { path: '/c~1d', after: null },
      { path: '/gone', before: true },
    ],
  });
});

describe('a mapping', () => {
  const problemOf = (mapping: object) => {
    const read = readTableMapping(JSON.stringify(mapping));
    return read.ok ? undefined : read.fault.detail;
  };
  test('says what is wrong with it', () => {
    expect(problemOf({ table: 't', fields: { ...base, 'acter.id': 'x' } })).toContain('an event has no field acter');
    expect(problemOf({ table: 't', fields: { action: 'a', occurred_at: 'b' } })).toBe(
      'fields: nothing fills actor.id.',
    );
    expect(problemOf({ table: 't', fields: { ...base, external_id: 'x' } })).toContain('external_id is not filled');
    expect(problemOf({ table: 't', fields: { ...base, 'metadata.import': 'x' } })).toContain('metadata.import says');
    expect(problemOf({ table: 't', fields: base, tabel: 1 })).toContain('tabel');
  });
});

test('what is compared leaves out what the server makes', () => {
  const said = { action: 'user.login', actor: { type: 'user', id: 'u-1' }, occurred_at: '2026-01-02T03:04:05.678Z' };
  const stored = {
    ...said,
    id: 'x',
    tenant: 'y',
    received_at: 'z',
    category: 'auth_events',
    crud: 'c',
    severity: 'info',
  };
  const full = {
    ...stored,
    outcome: { result: 'success' },
    schema_version: 1,
    data_class: 'none',
    producer: { key: 'k' },
  };
  expect(comparableText(full as never)).toBe(comparableText(said));
  expect(comparableText({ ...said, metadata: { a: 1 } })).not.toBe(comparableText(said));
});

test('rows are named by their key, in at most 128 characters', () => {
  const sha = (text: string) => `digest-of-${text.length}`.padEnd(64, '0');
  expect(rowName('audit_logs', ['17'], 1, sha)).toBe('audit_logs:17');
  expect(rowName('audit_logs', ['a', 'b'], 2, sha)).toBe('audit_logs:["a","b"]#2');
  expect(rowName('audit_logs', ['x'.repeat(200)], 1, sha)).toHaveLength('audit_logs:sha256:'.length + 64);
});
