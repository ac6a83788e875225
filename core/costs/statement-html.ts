/** A statement to print: one page of HTML without scripts, that needs nothing from anywhere. */
import { booked } from './money.ts';
import type { Statement, StatementLine, StatementTotal } from './statement.ts';

/** What is said above a statement that is not the statement's own. */
export interface StatementHeading {
  readonly tenant: string;
  /** `draft`, `approved`, `locked`, or `showback`. */
  readonly state: string;
  readonly sha256: string;
  readonly approved?: { readonly by: string; readonly at: Date };
  readonly locked?: { readonly by: string; readonly at: Date };
}

const marks: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const text = (value: string): string => value.replace(/[&<>"']/g, (mark) => marks[mark]!);

/** Headers that such a page is sent with: a name in it can run nothing, whatever it says. */
export const statementHtmlHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
} as const;

const style = `body{font:10pt/1.4 system-ui,sans-serif;margin:2rem;color:#111}h1{font-size:16pt;margin:0 0 .3rem}
h2{font-size:12pt;margin:1.6rem 0 .4rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.2rem .5rem;border-bottom:1px solid #ccc;vertical-align:top}
th{border-bottom:2px solid #333}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tfoot td{font-weight:600;border-top:2px solid #333}.none{background:#fff4d6}small{color:#555;word-break:break-all}
@media print{body{margin:0}thead{display:table-header-group}tr{break-inside:avoid}.none{background:none;font-style:italic}}`;

/** The whole page. */
export function statementHtml(statement: Statement, heading: StatementHeading): string {
  const { month, totals, coverage, corrections, overrides, loads, settings } = statement;
  const title = `${heading.state === 'showback' ? 'Showback' : 'Chargeback'} ${month}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${text(`${title} ${heading.tenant}`)}</title><style>${style}</style></head>
<body><h1>${text(title)}</h1>
<p>${text(heading.tenant)} · <strong>${text(heading.state)}</strong> · ${text(settings.cost)} cost${settings.shared ? ` · ${text(settings.shared.h_codes.join(', '))} shared by ${text(settings.shared.by)}` : ''}<br>
${signed('Approved', heading.approved)}${signed('Locked', heading.locked)}
H-codes: ${coverage.mapped} of ${coverage.applications} applications${coverage.percent === null ? '' : ` (${coverage.percent} %)`}</p>
${totals.map((total) => currencyTable(statement, total)).join('')}
${
  corrections.length === 0
    ? ''
    : `<h2>Corrections of locked months</h2>
${table(
  ['Month', 'H-code', 'Sector', 'Owner', 'Currency', 'Amount'],
  corrections.map((one) => [one.month, one.h_code, one.sector, one.owner, one.currency, one.amount]),
  5,
)}`
}
${
  overrides.length === 0
    ? ''
    : `<h2>Overrides contained</h2>
${table(
  ['Kind', 'From', 'To', 'Reason', 'Approved by', 'Expires'],
  overrides.map((one) => [one.kind, one.from, one.to ?? '', one.reason, one.approved_by, one.expires_at ?? '']),
  6,
)}`
}
<h2>Made from</h2>
${table(
  ['Load', 'Source', 'Stream', 'Slice', 'Loaded at', 'Rows'],
  loads.map((one) => [String(one.id), one.source, one.stream, one.slice, one.loaded_at, String(one.rows)]),
  5,
)}
<p><small>sha256 ${text(heading.sha256)}</small></p></body></html>
`;
}

const signed = (word: string, one: { readonly by: string; readonly at: Date } | undefined): string =>
  one ? `${word} by ${text(one.by)} at ${one.at.toISOString()}<br>` : '';

/** Rounded: the charged ones, which add up, are what is booked. The exact ones are in the CSV and in the JSON. */
const amounts = ['direct', 'shared', 'adjustments', 'corrections', 'charged'] as const;

function currencyTable({ lines }: Statement, total: StatementTotal): string {
  const row = (line: StatementLine) =>
    `<tr${line.h_code_id === 0 ? ' class="none"' : ''}>${[line.h_code, line.cost_centre, line.sector, line.owner].map((cell) => `<td>${text(cell)}</td>`).join('')}${numbers([...amounts, 'previous' as const].map((name) => booked(line[name], line.currency)))}</tr>`;
  const heads = ['H-code', 'Cost centre', 'Sector', 'Owner'].map((cell) => `<th>${cell}</th>`).join('');
  const sums = ['Direct', 'Shared', 'Adjustments', 'Corrections', 'Charged', 'Month before'];
  const unmapped = `${booked(total.unmapped, total.currency)}${total.unmapped_percent === null ? '' : ` (${total.unmapped_percent} %)`}`;
  return `<h2>${text(total.currency)}</h2><table><thead><tr>${heads}${sums.map((cell) => `<th class="n">${cell}</th>`).join('')}</tr></thead>
<tbody>${lines
    .filter((line) => line.currency === total.currency)
    .map(row)
    .join('\n')}</tbody>
<tfoot><tr><td colspan="4">Total</td>${numbers([...amounts.map((name) => booked(total[name], total.currency)), ''])}</tr></tfoot></table>
<p>Without an H-code: ${text(unmapped)}</p>`;
}

const numbers = (values: readonly string[]) => values.map((value) => `<td class="n">${text(value)}</td>`).join('');

/** A plain table; cells from the `right`th on are numbers. */
function table(head: readonly string[], rows: readonly (readonly string[])[], right: number): string {
  const cell = (tag: string) => (value: string, at: number) =>
    `<${tag}${at >= right ? ' class="n"' : ''}>${text(value)}</${tag}>`;
  const body = rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('\n');
  return `<table><thead><tr>${head.map(cell('th')).join('')}</tr></thead><tbody>${body}</tbody></table>`;
}
