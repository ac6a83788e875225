/** A statement as CSV: names cannot become formulas, and amounts stay numbers. */
import { csvCell } from '../privacy/csv.ts';
import type { Amount } from './money.ts';
import type { Statement } from './statement.ts';

const head = [
  ...['month', 'for_month', 'h_code', 'cost_centre', 'sector', 'owner', 'currency'],
  ...['direct', 'shared', 'adjustments', 'corrections', 'total', 'charged', 'previous'],
];

/**
 * Lines of RFC 4180 with a head: one for each line of the statement, then one for each correction of a month before,
 * which the lines contain already and which `for_month` tells apart.
 */
export function statementCsv({ month, lines, corrections }: Statement): string {
  const rows = lines.map((line) => [
    ...[month, month, line.h_code, line.cost_centre, line.sector, line.owner, line.currency].map(csvCell),
    ...[line.direct, line.shared, line.adjustments, line.corrections, line.total, line.charged, line.previous].map(
      number,
    ),
  ]);
  const past = corrections.map((one) => [
    ...[month, one.month, one.h_code, one.cost_centre, one.sector, one.owner, one.currency].map(csvCell),
    ...['', '', '', number(one.amount), '', '', ''],
  ]);
  return [head, ...rows, ...past].map((cells) => `${cells.join(',')}\r\n`).join('');
}

/** A credit begins with a minus, which is no formula when a number follows; anything else is a cell like the others. */
const number = (amount: Amount): string => (/^-?\d+(\.\d+)?$/.test(amount) ? amount : csvCell(amount));
