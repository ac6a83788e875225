/** Tables and other people's JSON become events by a mapping, and what cannot says why. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { fromCsv, mappingOfHeader } from '#core/record/formats/csv.ts';
import type { Recognised } from '#core/record/formats/format.ts';
import { fromJsonl } from '#core/record/formats/jsonl.ts';
import { readMapping } from '#core/record/formats/mapping.ts';

const fixture = (path: string) => readFileSync(resolve(import.meta.dirname, '../../../fixtures', path), 'utf8');
const brief = (found: Recognised) =>
  found === 'unrecognised' || found.ok ? 'ok' : `${found.fault.code} ${found.fault.pointer}`;
function pairsOf(text: string) {
  const read = readMapping([text]);
  if (!read.ok) throw new Error(read.fault.detail);
  return read.value;
}

describe('csv', () => {
  const rows = parse(fixture('csv/access.csv'), { columns: true }) as Record<string, string>[];
  const pairs = pairsOf(
    "time=when,actor=who,actor.email=mail,action=did,target=document,target_type='document',outcome=result,metadata.note=note",
  );

  test('rows by a mapping', () => {
    const found = rows.map((row) => fromCsv(row, pairs));
    expect(found.map(brief)).toEqual([
      ...Array<string>(5).fill('ok'),
      'event_invalid /actor/id',
      'event_invalid /action',
      'event_invalid /outcome/result',
    ]);
    expect(found[3]).toEqual({
      ok: true,
      value: {
        action: 'data.export',
        actor: { type: 'user', id: 'u-23', email: 'tomas@example.com' },
        occurred_at: '2026-03-04T09:01:00.000Z',
        outcome: { result: 'success' },
        targets: [{ type: 'document', id: 'doc-303' }],
        metadata: { note: 'said "for the auditors"' },
      },
    });
  });

  test('columns that are named like fields need no mapping', () => {
    const row = {
      action: 'user.login',
      actor: 'u-1',
      'context.ip': '192.0.2.1',
      colour: 'green',
      time: '2026-01-02 03:04',
    };
    expect(fromCsv(row, mappingOfHeader(Object.keys(row)))).toEqual({
      ok: true,
      value: {
        action: 'user.login',
        actor: { type: 'user', id: 'u-1' },
        context: { ip: '192.0.2.1' },
        occurred_at: '2026-01-02T03:04:00.000Z',
      },
    });
  });
});

describe('jsonl', () => {
  test('our shape, line by line', () => {
    const lines = fixture('jsonl/events.jsonl')
      .split('\n')
      .filter((line) => line !== '');
    expect(lines.map((line) => brief(fromJsonl(line, undefined)))).toEqual([
      ...Array<string>(5).fill('ok'),
      'event_invalid /colour',
      'json_invalid undefined',
      'json_number_unsafe undefined',
    ]);
    expect(brief(fromJsonl('[1]', undefined))).toBe('event_invalid undefined');
  });

  test('another shape by a mapping with paths into the line', () => {
    const pairs = pairsOf('time=ts,actor.id=user.id,actor.email=user.mail,action=event,target=doc');
    const found = fixture('jsonl/audit.jsonl')
      .trim()
      .split('\n')
      .map((line) => fromJsonl(line, pairs));
    expect(found.map(brief)).toEqual(['ok', 'ok', 'ok']);
    expect(found[2]).toMatchObject({
      value: { actor: { type: 'user', id: 'u-18' }, targets: [{ type: 'resource', id: 'doc-2' }] },
    });
  });
});

test('a mapping that cannot be read says why', () => {
  const detail = (text: string) => {
    const read = readMapping([text]);
    return read.ok ? undefined : read.fault.detail;
  };
  expect(detail('actor')).toContain('write field=column');
  expect(detail('who=user')).toContain('An event has no field who');
  expect(detail('metadata.__proto__.x=user')).toContain('is no path');
  expect(detail("action='report, all',actor=who")).toBeUndefined();
});
