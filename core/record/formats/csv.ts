/** A row of a table with a header; a column that is named like a field fills it when no mapping says otherwise. */
import { normaliseTime } from '../../event/time.ts';
import type { Recognised } from './format.ts';
import { type MapPair, mapRow, readMapping } from './mapping.ts';

/** The mapping of a table without one: each column whose name is a field or its short name. */
export function mappingOfHeader(columns: readonly string[]): readonly MapPair[] {
  return columns.flatMap((column) => {
    const read = column === 'metadata' ? undefined : readMapping([`${column}=${column}`]);
    return read?.ok ? read.value : [];
  });
}

/** The event of one row. A time may lack its zone (then it is UTC) and have a space for the T. */
export function fromCsv(row: Readonly<Record<string, string>>, pairs: readonly MapPair[]): Recognised {
  const event = mapRow(row, pairs);
  if (!event.ok || event.value.occurred_at === undefined) return event;
  return { ok: true, value: { ...event.value, occurred_at: timeOf(event.value.occurred_at) } };
}

function timeOf(text: string): string {
  const spaced = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!spaced) return text;
  const [, date, minutes, seconds = ':00', zone = 'Z'] = spaced;
  const exact = normaliseTime(`${date}T${minutes}${seconds}${zone}`);
  return exact.ok ? exact.value : text;
}
