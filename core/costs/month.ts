/** Months of the UTC calendar as text, YYYY-MM, which sorts as they follow each other. */
import * as z from 'zod';

export const monthShape = z.string().regex(/^20\d{2}-(0[1-9]|1[0-2])$/, 'must be a month, as 2026-10');

/** The month so many months later; earlier when below 0. */
export function addMonths(month: string, count: number): string {
  const [year, number] = month.split('-').map(Number) as [number, number];
  const months = year * 12 + number - 1 + count;
  return `${String(Math.floor(months / 12)).padStart(4, '0')}-${String((months % 12) + 1).padStart(2, '0')}`;
}
export const nextMonth = (month: string): string => addMonths(month, 1);
export const monthBefore = (month: string): string => addMonths(month, -1);
/** Its first day. */
export const firstDay = (month: string): string => `${month}-01`;
