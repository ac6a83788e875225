/** A row of a table with a header; a column that is named like a field fills it when no mapping says otherwise. */
import type { Recognised } from './format.ts';
import { type MapPair, mapRow, readMapping } from './mapping.ts';

/** The mapping of a table without one: each column whose name is a field or its short name. */
export function mappingOfHeader(columns: readonly string[]): readonly MapPair[] {
  return columns.flatMap((column) => {
    const read = column === 'metadata' ? undefined : readMapping([`${column}=${column}`]);
    return read?.ok ? read.value : [];
  });
}

/** The event of one row. */
export const fromCsv = (row: Readonly<Record<string, string>>, pairs: readonly MapPair[]): Recognised =>
  mapRow(row, pairs);
