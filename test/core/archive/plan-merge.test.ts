import { describe, expect, test } from 'vitest';
import type { ArchiveFile } from '#core/archive/file.ts';
import { fileBytesMax, planMerges } from '#core/archive/plan-merge.ts';
import { tenantA } from '../../support/events.ts';

const hour = 3600_000;
const day = 24 * hour;
const mebibyte = 1024 * 1024;
let count = 0;

function fileOf(changes: Partial<ArchiveFile> = {}): ArchiveFile {
  const id = String(++count).padStart(8, '0');
  return {
    id,
    tenant: tenantA,
    tier: 'bulk',
    category: 'api_calls',
    span: 'day',
    day: '2026-03-05',
    key: id,
    events: 1,
    bytes: mebibyte,
    rawBytes: 8 * mebibyte,
    sha256: '',
    linesSum: '',
    ladder: 'warm-90',
    writtenAt: new Date('2026-03-05T12:00:00Z'),
    minTime: 0,
    maxTime: 0,
    minId: '',
    maxId: '',
    ...changes,
  };
}
const many = (n: number, changes: Partial<ArchiveFile> = {}) => Array.from({ length: n }, () => fileOf(changes));
const at = (text: string) => new Date(text);
const plansOf = (files: readonly ArchiveFile[], now: Date) =>
  planMerges(files, now).map(({ span, day: first, files: own }) => [span, first, own.length]);

describe('days', () => {
  test('one that is under way waits for eight files', () => {
    expect(plansOf(many(7), at('2026-03-05T13:00:00Z'))).toEqual([]);
    expect(plansOf(many(8), at('2026-03-05T13:00:00Z'))).toEqual([['day', '2026-03-05', 8]]);
  });

  test('one that is over is merged when late events had their time and nothing came for hours', () => {
    const files = many(2);
    expect(plansOf(files, at('2026-03-06T23:59:00Z'))).toEqual([]);
    expect(plansOf(files, at('2026-03-07T00:00:00Z'))).toEqual([['day', '2026-03-05', 2]]);
    const late = fileOf({ writtenAt: at('2026-03-06T22:00:00Z') });
    expect(plansOf([...files, late], at('2026-03-07T00:00:00Z'))).toEqual([]);
    expect(plansOf([...files, late], at('2026-03-07T04:00:00Z'))).toEqual([['day', '2026-03-05', 3]]);
    expect(plansOf(many(1), at('2026-03-07T00:00:00Z'))).toEqual([]);
  });

  test('tiers, categories, days and spans never mix', () => {
    const files = [{}, { tier: 'critical' as const }, { category: 'system' as const }, { day: '2026-03-06' }].map(
      fileOf,
    );
    expect(plansOf(files, at('2026-03-20T00:00:00Z'))).toEqual([]);
  });

  test('a merged file is no larger than what a merge holds, and large ones are left alone', () => {
    const now = at('2026-03-20T00:00:00Z');
    const [plan] = planMerges(many(9, { bytes: 15 * mebibyte }), now);
    expect(plan!.files).toHaveLength(4);
    expect(plan!.files.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(fileBytesMax);
    expect(plansOf(many(3, { bytes: 16 * mebibyte }), now)).toEqual([]);
    expect(planMerges(many(200, { bytes: 1000 }), now)[0]!.files).toHaveLength(64);
  });

  test('what may have left Standard is not read again, unless it is too small to have moved', () => {
    const now = new Date(at('2026-03-05T12:00:00Z').getTime() + 29 * day);
    expect(plansOf(many(2), now)).toEqual([]);
    expect(plansOf(many(2, { ladder: 'standard' }), now)).toEqual([['day', '2026-03-05', 2]]);
    expect(plansOf(many(2, { bytes: 1000 }), now)).toEqual([['day', '2026-03-05', 2]]);
  });
});

describe('months', () => {
  const small = (first: string, changes: Partial<ArchiveFile> = {}) => fileOf({ bytes: 1000, day: first, ...changes });

  test('days below 128 KB become a month when it is over, and larger ones stay days', () => {
    const files = [small('2026-03-01'), small('2026-03-09'), fileOf({ day: '2026-03-10' }), small('2026-04-01')];
    expect(plansOf(files, at('2026-04-01T23:00:00Z'))).toEqual([]);
    expect(plansOf(files, at('2026-04-02T00:00:00Z'))).toEqual([['month', '2026-03-01', 2]]);
  });

  test('what comes late joins its month; a month alone stays', () => {
    const month = small('2026-03-01', { span: 'month' });
    expect(plansOf([month], at('2026-04-20T00:00:00Z'))).toEqual([]);
    expect(plansOf([month, small('2026-03-30')], at('2026-04-20T00:00:00Z'))).toEqual([['month', '2026-03-01', 2]]);
  });

  test('no file is in two merges', () => {
    const files = [...['2026-03-01', '2026-03-01', '2026-03-02', '2026-03-03'].map((one) => small(one))];
    const plans = planMerges(files, at('2026-05-01T00:00:00Z'));
    const chosen = plans.flatMap((plan) => plan.files.map(({ id }) => id));
    expect(new Set(chosen).size).toBe(chosen.length);
    expect(plans.map(({ span }) => span)).toEqual(['day', 'month']);
  });

  test('and in the end there is one file, whatever came in which order', () => {
    let files: ArchiveFile[] = Array.from({ length: 300 }, (_, n) =>
      small(`2026-03-${String((n % 30) + 1).padStart(2, '0')}`),
    );
    let now = at('2026-05-01T00:00:00Z').getTime();
    for (let round = 0; round < 20; round++) {
      for (const { files: own, span, day: first } of planMerges(files, new Date(now))) {
        const bytes = own.reduce((sum, one) => sum + one.bytes, 0);
        files = files.filter((one) => !own.includes(one));
        files.push(fileOf({ span, day: first, bytes, writtenAt: new Date(now) }));
      }
      now += 12 * hour;
    }
    expect(files.map(({ span, bytes }) => [span, bytes])).toEqual([['month', 300_000]]);
  });
});
