/** CSV that spreadsheets and people can open without harm. */

/** What a spreadsheet takes for the start of a formula (OWASP, CSV injection), full-width forms too. */
const formula = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20|]|^[\t\r\n]/;

/** One cell: quoted where RFC 4180 asks for it, and with a leading apostrophe where a spreadsheet would calculate. */
export function csvCell(value: string): string {
  const safe = formula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) || safe !== value ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Lines of RFC 4180, each ended by CRLF. */
export const csvLine = (cells: readonly string[]): string => `${cells.map(csvCell).join(',')}\r\n`;
