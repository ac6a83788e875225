/** A row of a FOCUS file is a charge, or it is put aside with the reason. */
import { expect, test } from 'vitest';
import { focusReader } from '#core/costs/focus.ts';
import { readHCodeRow } from '#core/costs/h-code.ts';

const row = {
  ...{ BilledCost: '1.50', EffectiveCost: '0E-11', ContractedCost: '1', ListCost: '2' },
  ...{ BillingCurrency: 'USD', ChargeCategory: 'Usage', ChargeClass: 'NULL', ChargePeriodStart: '2024-09-30 23:00:00' },
  ...{
    ProviderName: 'AWS',
    ServiceCategory: 'Compute',
    ServiceName: 'EC2',
    SubAccountName: 'NULL',
    SubAccountId: '17',
  },
  ...{ RegionId: 'us-west-2', ResourceId: 'i-1', Tags: '{"application": "Checkout", "n": 1}' },
};
const settings = { application_tag: 'application', resources: false };
const read = (more: Record<string, unknown>, own = settings) => focusReader(own)({ ...row, ...more }, 7);

test('four costs, as they are', () => {
  expect(read({})).toEqual({
    ok: true,
    charge: {
      ...{ line: 7, day: '2024-09-30', chargeCategory: 'Usage', chargeClass: '', provider: 'AWS' },
      ...{ serviceCategory: 'Compute', serviceName: 'EC2', subAccount: '17', region: 'us-west-2', resource: 'i-1' },
      ...{ currency: 'USD', billed: '1.50', effective: '0.00000000000', contracted: '1', list: '2' },
      application: { controller: '', key: 'Checkout' },
    },
  });
});

test.each([
  ['BilledCost', 'about 3', 'amount_invalid'],
  ['ListCost', 'NULL', 'amount_invalid'],
  ['BillingCurrency', 'usd', 'currency_invalid'],
  ['ChargePeriodStart', '2024-13-01', 'time_invalid'],
  ['ChargePeriodStart', '2024-09-30 25:00:00', 'time_invalid'],
  ['ChargeCategory', '', 'category_missing'],
  ['ProviderName', 'NULL', 'provider_missing'],
  ['ServiceName', 'x'.repeat(3000), 'text_too_long'],
])('%s %j: %s', (column, value, code) => {
  const found = read({ [column]: value });
  expect(found).toMatchObject({ ok: false, rejected: { place: 'row 7', code } });
});

test('a contracted cost that is left out is the list’s', () => {
  expect(read({ ContractedCost: 'NULL' })).toMatchObject({ charge: { contracted: '2' } });
});

test('times with a zone are brought to UTC', () => {
  expect(read({ ChargePeriodStart: '2024-09-30T23:00:00-02:00' })).toMatchObject({ charge: { day: '2024-10-01' } });
  expect(read({ ChargePeriodStart: '2024-09-30' })).toMatchObject({ charge: { day: '2024-09-30' } });
});

test('an application by its tag, else by its resource, else nobody’s', () => {
  const own = { ...settings, resources: true };
  expect(read({ Tags: 'not json' }, own)).toMatchObject({ charge: { application: { key: 'i-1' } } });
  expect(read({ Tags: '{"__proto__": {"application": "x"}}' })).not.toHaveProperty('charge.application');
  expect(read({ Tags: '{"other": "x"}' })).not.toHaveProperty('charge.application');
  expect(read({ ResourceId: 'NULL', Tags: '' }, own)).not.toHaveProperty('charge.application');
});

test('a row of an H-code file has days, and the last one is in', () => {
  const given = { application: ' Checkout ', h_code: 'H1', valid_from: '2026-01-01', valid_to: '2026-01-31' };
  expect(readHCodeRow(given, 1)).toMatchObject({
    row: { application: 'Checkout', fromDay: '2026-01-01', toDay: '2026-02-01' },
  });
  expect(readHCodeRow({ application: 'A', h_code: 'H1' }, 1)).toMatchObject({ row: { toDay: 'infinity' } });
  for (const [column, value, code] of [
    ['application', '', 'application_missing'],
    ['h_code', '', 'h_code_missing'],
    ['valid_from', '01.01.2026', 'day_invalid'],
    ['valid_to', '2025-12-31', 'days_reversed'],
    ['owner', 'x'.repeat(201), 'text_too_long'],
  ] as const) {
    expect(readHCodeRow({ ...given, [column]: value }, 3)).toMatchObject({ ok: false, rejected: { code } });
  }
});
