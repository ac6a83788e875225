/** Statements as CSV and HTML: what a name says is never a formula, a tag or a script. */
import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { buildStatement } from '#core/costs/build-statement.ts';
import type { Statement } from '#core/costs/statement.ts';
import { statementCsv } from '#core/costs/statement-csv.ts';
import { statementHtml, statementHtmlHeaders } from '#core/costs/statement-html.ts';

const evil = ['=HYPERLINK("http://x","y")', '<script>alert(1)</script>', '-1+1', `"'&`];
const made = (): Statement => {
  const bearer = { sector_id: 1, owner_id: 1, cost_centre: evil[2]!, sector: evil[1]!, owner: evil[3]! };
  const cost = (code: number, h_code: string, effective: string, adjusted = '0') => ({
    ...{ ...bearer, currency: 'EUR', h_code_id: code, h_code, adjusted, loaded: { effective, billed: '0' } },
  });
  const settings = { cost: 'effective' as const };
  const empty = { settings, coverage: { applications: 2, mapped: 1, rules: { tag: 1 } }, overrides: [], loads: [] };
  const october = buildStatement({
    ...{ ...empty, month: '2026-10', locked: [] },
    figures: [{ month: '2026-10', costs: [cost(1, evil[0]!, '5')], usage: [] }],
  });
  return buildStatement({
    ...{ ...empty, month: '2026-11', locked: [october] },
    overrides: [
      {
        id: '1',
        kind: 'mapping',
        from: '2026-11-01',
        to: null,
        reason: evil[1]!,
        approved_by: 'key:bob',
        expires_at: null,
      },
    ],
    figures: [
      { month: '2026-10', costs: [cost(1, evil[0]!, '4.5')], usage: [] },
      { month: '2026-11', costs: [cost(1, evil[0]!, '2', '-12.50'), cost(0, '(unmapped)', '3')], usage: [] },
    ],
  });
};

test('CSV has every line and correction; names are no formulas, credits stay numbers', () => {
  const rows = parse(statementCsv(made()), { columns: true }) as Record<string, string>[];
  expect(rows).toHaveLength(3);
  expect(rows[0]).toMatchObject({
    ...{ month: '2026-11', for_month: '2026-11', h_code: `'${evil[0]}`, cost_centre: `'${evil[2]}`, sector: evil[1] },
    ...{ direct: '2', adjustments: '-12.5', corrections: '-0.5', total: '-11', charged: '-11.00', previous: '5' },
  });
  expect(rows[2]).toMatchObject({ for_month: '2026-10', corrections: '-0.5', total: '' });
});

test('HTML says all of it and runs nothing', () => {
  const page = statementHtml(made(), { tenant: evil[1]!, state: 'draft', sha256: 'ab' });
  expect(page).not.toMatch(/<script|<img|http:\/\/x"/);
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(page).toContain('1 of 2 applications (50.00 %)');
  expect(page).toContain('Without an H-code: 3.00 (-37.50 %)');
  expect(page).toContain('Corrections of locked months');
  expect(page).toContain('Overrides contained');
  expect(statementHtmlHeaders['content-security-policy']).toContain("default-src 'none'");
});
