/** To whom an application belongs: what goes before what, and never twice or never on one day. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dayAfter } from '#core/costs/day.ts';
import { firstDay } from '#core/costs/h-code.ts';
import {
  addFinding,
  type Finding,
  type Found,
  findBelonging,
  isLike,
  resolveMapping,
} from '#core/costs/resolve-mapping.ts';
import type { HCodeRow } from '#core/costs/rows.ts';

const said = {
  ...{ name: 'checkout', tags: {}, tagNames: {}, attributes: {}, fieldNames: {}, nameRules: [] },
};
const finding = (hCode: string): Finding => ({
  ...{ sector: 'Retail', owner: 'Ann', architecture: '', hCode, costCentre: '', hCodeRule: hCode ? 'tag' : 'none' },
});
const row = (fromDay: string, toDay: string, hCode: string, more: Partial<HCodeRow> = {}): HCodeRow => ({
  ...{ line: 1, controller: '', application: 'checkout', hCode, costCentre: '', sector: '', owner: '' },
  ...{ architecture: '', fromDay, toDay, approvedBy: 'Bo', ...more },
});

test('a tag goes before the CMDB, the CMDB before a rule for names, a rule before nothing', () => {
  const nameRules = [{ like: 'check*', h_code: 'H-NAME', cost_centre: 'CC' }];
  const attributes = { u_h_code: 'H-CMDB', owned_by: 'Ann' };
  const tags = { HCode: 'H-TAG' };
  expect(findBelonging({ ...said, tags, attributes, nameRules })).toMatchObject({ hCode: 'H-TAG', hCodeRule: 'tag' });
  expect(findBelonging({ ...said, attributes, nameRules })).toMatchObject({ hCode: 'H-CMDB', hCodeRule: 'cmdb' });
  expect(findBelonging({ ...said, nameRules })).toMatchObject({ hCode: 'H-NAME', hCodeRule: 'name', costCentre: 'CC' });
  expect(findBelonging(said)).toMatchObject({ hCode: '', hCodeRule: 'none' });
  expect(findBelonging({ ...said, attributes }).owner).toBe('Ann');
});

test('names of tags and fields are the settings’ own where they say so', () => {
  const tagNames = { h_code: ['billing'] };
  expect(findBelonging({ ...said, tags: { billing: 'H1', 'h-code': 'H2' }, tagNames }).hCode).toBe('H1');
});

test.each([
  ['payments-eu', 'payments-*', true],
  ['payments', 'payments-*', false],
  ['a-pay-b', '*pay*', true],
  ['Pay', 'pay', true],
  ['paypay', 'pay*pay', true],
  ['pay', 'pay*pay', false],
  ['abcabc', '*abc*abc*', true],
  ['abc', '*abc*abc*', false],
])('%s is like %s: %s', (name, like, is) => expect(isLike(name, like)).toBe(is));

test('a file goes before what was found, on its days alone', () => {
  const found = addFinding([], finding('H1'), '2026-05-01');
  expect(resolveMapping(found, [row('2026-02-01', '2026-03-01', 'H9', { costCentre: '77', owner: 'Cy' })])).toEqual([
    { fromDay: firstDay, toDay: '2026-02-01', value: finding('H1') },
    {
      ...{ fromDay: '2026-02-01', toDay: '2026-03-01' },
      value: { ...finding('H9'), owner: 'Cy', costCentre: '77', hCodeRule: 'explicit' },
    },
    { fromDay: '2026-03-01', toDay: 'infinity', value: finding('H1') },
  ]);
});

const told = (history: readonly Found[]) =>
  history.map(({ fromDay, toDay, value }) => `${fromDay} ${toDay} ${value.hCode || '-'}`);

test('a change counts from its day on, and days before keep what was known', () => {
  let history = addFinding([], finding('H1'), '2026-05-01');
  history = addFinding(history, finding('H1'), '2026-05-02');
  history = addFinding(history, finding('H2'), '2026-05-03');
  history = addFinding(history, finding('H3'), '2026-05-03');
  expect(told(history)).toEqual([`${firstDay} 2026-05-03 H1`, '2026-05-03 infinity H3']);
  // Taken back on the same day: nothing was changed.
  expect(told(addFinding(history, finding('H1'), '2026-05-03'))).toEqual([`${firstDay} infinity H1`]);
});

test('what was not known before holds for then as well; what is not told any more ends on its day', () => {
  let history = addFinding([], finding(''), '2026-05-01');
  history = addFinding(history, finding('H1'), '2026-05-20');
  expect(told(history)).toEqual([`${firstDay} infinity H1`]);
  history = addFinding(history, finding(''), '2026-06-01');
  expect(told(history)).toEqual([`${firstDay} 2026-06-01 H1`, '2026-06-01 infinity -']);
});

test('the sources of one day may be read in any order', () => {
  const [cmdb, tag] = [finding('H-cmdb'), finding('H-tag')];
  expect(told(addFinding(addFinding([], cmdb, '2026-05-01'), tag, '2026-05-01'))).toEqual([
    `${firstDay} infinity H-tag`,
  ]);
});

const day = fc.integer({ min: 0, max: 60 }).map((days) => dayAfter('2026-01-01', days));
const rows = fc.array(
  fc
    .tuple(day, fc.integer({ min: 1, max: 20 }), fc.boolean(), fc.constantFrom('H1', 'H2', 'H3'))
    .map(([from, days, open, hCode]) => row(from, open ? 'infinity' : dayAfter(from, days), hCode)),
  { maxLength: 8 },
);
const changes = fc.array(fc.tuple(day, fc.constantFrom('', 'H1', 'H4')), { minLength: 1, maxLength: 8 });
test('every day from the first on has one entry, and it is the right one', () => {
  fc.assert(
    fc.property(changes, rows, (seen, explicit) => {
      const history = seen
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .reduce<Found[]>((known, [at, hCode]) => addFinding(known, finding(hCode), at), []);
      const resolved = resolveMapping(history, explicit);
      expect(resolved[0]!.fromDay).toBe(firstDay);
      expect(resolved.at(-1)!.toDay).toBe('infinity');
      for (const [index, one] of resolved.entries()) {
        if (index > 0) expect(one.fromDay).toBe(resolved[index - 1]!.toDay);
      }
      const on = (at: string) => (one: { fromDay: string; toDay: string }) =>
        one.fromDay <= at && (one.toDay === 'infinity' || at < one.toDay);
      for (let days = 0; days < 90; days += 1) {
        const at = dayAfter('2025-12-25', days);
        const [here, ...others] = resolved.filter(on(at));
        expect(others).toEqual([]);
        const wanted = explicit.findLast(on(at))?.hCode ?? history.find(on(at))!.value.hCode;
        expect(here!.value.hCode).toBe(wanted);
      }
    }),
  );
});
