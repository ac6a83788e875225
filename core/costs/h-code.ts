/** Files that say to whom applications belong: a header, then one row for an application and its days. */
import { dayAfter, isDay } from './day.ts';
import type { HCodeRow, Rejected } from './rows.ts';

/** `application` and `h_code` are needed; `valid_to` is the last day. */
export const hCodeColumns = [
  'application',
  'controller',
  'h_code',
  'cost_centre',
  'sector',
  'owner',
  'architecture',
  'valid_from',
  'valid_to',
  'approved_by',
] as const;

/** From when a row holds that does not say so: before anything that is loaded. */
export const firstDay = '2015-01-01';
export const lastDay = 'infinity';
const longest = 200;

export type ReadHCode =
  | { readonly ok: true; readonly row: HCodeRow }
  | { readonly ok: false; readonly rejected: Rejected };

/** One row of a file, by column. `line` is its number among the rows, from 1. */
export function readHCodeRow(row: Readonly<Record<string, unknown>>, line: number): ReadHCode {
  const refuse = (code: string, reason: string): ReadHCode => ({
    ok: false,
    rejected: { place: `row ${line}`, code, reason, row: JSON.stringify(row) },
  });
  const text = (column: (typeof hCodeColumns)[number]): string => {
    const value = row[column];
    return typeof value === 'string' ? value.trim() : '';
  };
  for (const column of hCodeColumns) {
    if (text(column).length > longest) return refuse('text_too_long', `${column} has more than ${longest} characters.`);
  }
  if (text('application') === '') return refuse('application_missing', 'application is empty.');
  if (text('h_code') === '') return refuse('h_code_missing', 'h_code is empty.');
  const from = text('valid_from') || firstDay;
  const to = text('valid_to');
  if (!isDay(from)) return refuse('day_invalid', 'valid_from is not a day, YYYY-MM-DD.');
  if (to !== '' && !isDay(to)) return refuse('day_invalid', 'valid_to is not a day, YYYY-MM-DD.');
  if (to !== '' && to < from) return refuse('days_reversed', 'valid_to is before valid_from.');
  return {
    ok: true,
    row: {
      line,
      ...{ controller: text('controller'), application: text('application'), hCode: text('h_code') },
      ...{ costCentre: text('cost_centre'), sector: text('sector'), owner: text('owner') },
      ...{ architecture: text('architecture'), fromDay: from, approvedBy: text('approved_by') },
      toDay: to === '' ? lastDay : dayAfter(to),
    },
  };
}
