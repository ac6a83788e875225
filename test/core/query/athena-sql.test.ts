import { describe, expect, test } from 'vitest';
import { type AthenaQuestion, athenaStatement, literalOf } from '#core/query/athena-sql.ts';
import type { Filter } from '#core/query/filter.ts';
import { trinoFaults } from '#test/support/trino.ts';

const tenant = '01890000-0000-7000-8000-00000000000a';
const days = { from: '2026-03-01', to: '2026-03-31' };
const months = { from: '2025-01', to: '2026-02' };
const ask = (filter: Filter, more: Partial<AthenaQuestion> = {}) =>
  athenaStatement({ tenant, filter, days, readsToo: true, limit: 101, version: 7n, ...more });

describe('the statement', () => {
  test('reads days and months of one tenant, newest first', () => {
    expect(ask({}, { months })).toEqual({
      text: [
        'select line',
        'from (',
        '  select line from event_lines where tenant = ? and dt between ? and ?',
        '  union all',
        '  select line from event_lines_monthly where tenant = ? and month between ? and ?',
        ') as archived',
        "order by json_extract_scalar(line, '$.occurred_at') desc, json_extract_scalar(line, '$.id') desc",
        'limit 101',
        '-- archive 7',
      ].join('\n'),
      parameters: [tenant, '2026-03-01', '2026-03-31', tenant, '2025-01', '2026-02'],
    });
  });

  test('leaves out the table that has nothing for it, and needs one', () => {
    expect(ask({}).text).not.toContain('event_lines_monthly');
    expect(ask({}, { days: undefined, months }).text).not.toContain('event_lines ');
    expect(() => ask({}, { days: undefined })).toThrow('no partition');
  });

  test('narrows partitions by category, in both tables, and the times inside them', () => {
    const { text, parameters } = ask(
      { from: Date.parse('2026-03-01T12:00:00Z'), to: Date.parse('2026-04-01T00:00:00Z'), category: ['critical'] },
      { months },
    );
    expect(text.match(/and category in \(\?\)/g)).toHaveLength(2);
    expect(text).toContain(
      "where json_extract_scalar(line, '$.occurred_at') >= ?\n  and json_extract_scalar(line, '$.occurred_at') < ?",
    );
    expect(parameters.slice(-2)).toEqual(['2026-03-01T12:00:00.000Z', '2026-04-01T00:00:00.000Z']);
  });

  test('takes prefixes, addresses in any case, lists of targets and people wherever they stand', () => {
    const filter: Filter = {
      action: ['user.login', 'iam.*'],
      actorEmail: ['Ann@Example.com', '~AAAABBBBCCCCDDDD'],
      target: ['d1'],
      subject: ['u1', '~EEEEFFFFGGGGHHHH'],
    };
    const { text, parameters } = ask(filter);
    expect(text.split('\n').filter((line) => /^(where| {2}and)/.test(line))).toEqual([
      "where (json_extract_scalar(line, '$.action') in (?) or starts_with(json_extract_scalar(line, '$.action'), ?))",
      "  and (json_extract_scalar(line, '$.actor.email') in (?) or lower(json_extract_scalar(line, '$.actor.email')) in (?))",
      "  and arrays_overlap(transform(cast(json_extract(line, '$.targets') as array(json)), one -> json_extract_scalar(one, '$.id')), array[?])",
      "  and (json_extract_scalar(line, '$.actor.id') in (?, ?) or json_extract_scalar(line, '$.subject') in (?, ?) or arrays_overlap(transform(cast(json_extract(line, '$.on_behalf_of') as array(json)), one -> json_extract_scalar(one, '$.id')), array[?, ?]) or arrays_overlap(transform(cast(json_extract(line, '$.targets') as array(json)), one -> json_extract_scalar(one, '$.id')), array[?, ?]))",
    ]);
    expect(parameters.slice(3)).toEqual([
      'user.login',
      'iam.',
      '~AAAABBBBCCCCDDDD',
      'ann@example.com',
      'd1',
      ...['u1', '~EEEEFFFFGGGGHHHH', 'u1', '~EEEEFFFFGGGGHHHH', 'u1', '~EEEEFFFFGGGGHHHH', 'u1', '~EEEEFFFFGGGGHHHH'],
    ]);
  });

  test('leaves records of reading out', () => {
    expect(ask({}, { readsToo: false }).text).toContain(
      "where not (json_extract_scalar(line, '$.producer.key') = ? and starts_with(json_extract_scalar(line, '$.action'), ?))",
    );
  });
});

const nasty = "x' or '1'='1'; drop table event_lines; -- \u0000 ? $1 {{x}}";
const everyFilter: Filter[] = [
  {},
  { from: 0, to: 1 },
  { action: [nasty] },
  { action: [`${nasty}*`] },
  { category: ['critical', 'system'] },
  { crud: ['c'], severity: ['low'], outcome: ['denied'], dataClass: ['pii'] },
  { actor: [nasty] },
  { actorEmail: [nasty] },
  { subject: [nasty] },
  { target: [nasty], targetType: [nasty] },
  { ip: [nasty] },
  { project: [nasty], environment: [], operationId: [nasty], externalId: [nasty] },
  { category: [], target: [], subject: [], action: [], actorEmail: [] },
];

describe('whatever is asked', () => {
  for (const filter of everyFilter) {
    for (const readsToo of [true, false]) {
      test(`${JSON.stringify(filter).slice(0, 60)} ${readsToo}: Trino parses it, and no value is in it`, () => {
        const { text, parameters } = ask(filter, { months, readsToo });
        expect(trinoFaults(text)).toEqual([]);
        expect(text).not.toContain('drop table');
        expect(text.split('?')).toHaveLength(parameters.length + 1);
        // Athena takes parameters in WHERE only, and each table names its tenant there.
        for (const line of text.split('\n').filter((one) => one.includes('?'))) expect(line).toMatch(/where|^ {2}and/);
        expect(text.match(/tenant = \?/g)).toHaveLength(2);
        expect(parameters.filter((value) => value === tenant)).toHaveLength(2);
      });
    }
  }

  test('the grammar says no to what is not SQL', () => {
    expect(trinoFaults('selec line from event_lines')).not.toEqual([]);
    expect(trinoFaults('select line from event_lines where a -> b -> = 1')).not.toEqual([]);
  });
});

test('a value becomes a literal that ends where it ends', () => {
  expect(literalOf("O'Brien \\' --")).toBe("'O''Brien \\'' --'");
});
