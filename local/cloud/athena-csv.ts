/** Results as Athena writes them: every value in double quotes, a header first, and nothing at all for NULL. */

export type Row = readonly (string | null)[];

export const csvLine = (row: Row): string =>
  `${row.map((value) => (value === null ? '' : `"${value.replaceAll('"', '""')}"`)).join(',')}\n`;

/** Rows of a text that `csvLine` wrote. */
export function csvRows(text: string): Row[] {
  const rows: Row[] = [];
  let row: (string | null)[] = [];
  for (const [, quoted, end] of text.matchAll(/(?:"((?:[^"]|"")*)")?([,\n])/g)) {
    row.push(quoted === undefined ? null : quoted.replaceAll('""', '"'));
    if (end === '\n') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
