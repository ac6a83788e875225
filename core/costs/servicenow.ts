/** Records of ServiceNow's Table API, asked for with `sysparm_display_value=all`, as items of the CMDB. */
import * as z from 'zod';
import type { Json } from '../event/event.ts';
import { type Page, PageInvalid } from './appdynamics.ts';
import type { CmdbRow, Rejected } from './rows.ts';

/** A field is its value and what people read; older answers have the value alone. */
const field = z
  .union([
    z.string(),
    z.looseObject({
      display_value: z.union([z.string(), z.null()]).optional(),
      value: z.union([z.string(), z.null()]).optional(),
    }),
    z.null(),
  ])
  .transform((one) =>
    typeof one === 'string' || one === null
      ? { shown: one ?? '', value: one ?? '' }
      : { shown: one.display_value ?? one.value ?? '', value: one.value ?? '' },
  );
const record = z.record(z.string(), field);
const answer = z.looseObject({ result: z.array(z.json()) });
const sysId = /^[0-9a-f]{32}$/;
const stamp = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/;
/** They change by themselves, so they tell nothing of drift. */
const restless = /^sys_(updated_|mod_count|tags)|^(last_discovered|first_discovered|discovery_source)$/;
/** Retired, and absent; by value, and as people read it. */
const goneStates: ReadonlySet<string> = new Set(['7', '100', 'Retired', 'Absent']);

/** How far a table was read: the last record's time and id, between which nothing else was changed. */
export interface TablePosition {
  readonly updatedOn: string;
  readonly sysId: string;
}

export interface Records {
  readonly items: readonly CmdbRow[];
  readonly read: number;
  readonly rejected: readonly Rejected[];
  readonly last?: TablePosition;
}

/** Records of one answer, and the position of the last one. Throws PageInvalid. */
export function readRecords(table: string, body: Json): Records {
  const read = answer.safeParse(body);
  if (!read.success) throw new PageInvalid(`the answer about ${table} has no list of results`);
  const rejected: Rejected[] = [];
  let last: TablePosition | undefined;
  const items = read.data.result.flatMap((item, index): CmdbRow[] => {
    const place = `${table}/${index}`;
    const refuse = (code: string, reason: string): CmdbRow[] => {
      rejected.push({ place, code, reason, row: JSON.stringify(item) });
      return [];
    };
    const parsed = record.safeParse(item);
    if (!parsed.success) return refuse('record_invalid', 'The record is not a list of fields.');
    const { sys_id: id, sys_updated_on: updated, name, install_status: status } = parsed.data;
    if (!id || !sysId.test(id.value)) return refuse('sys_id_invalid', 'sys_id is not 32 hexadecimal digits.');
    if (!updated || !stamp.test(updated.value)) return refuse('time_invalid', 'sys_updated_on is not a time.');
    last = { updatedOn: updated.value, sysId: id.value };
    if (!name?.shown.trim()) return refuse('name_missing', 'The record has no name.');
    const attributes = Object.entries(parsed.data)
      .filter(([key, { shown }]) => shown !== '' && key !== 'sys_id' && !restless.test(key))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { shown }]) => [key, shown] as const);
    return [
      {
        ...{ sysId: id.value, class: table, name: name.shown.trim(), attributes: Object.fromEntries(attributes) },
        gone: status !== undefined && (goneStates.has(status.value) || goneStates.has(status.shown)),
      },
    ];
  });
  return { items, read: read.data.result.length, rejected, ...(last ? { last } : {}) };
}

/** All answers about a table. Throws PageInvalid. */
export function readTable(table: string, pages: readonly Page[]): Records {
  const parts = pages.map(({ body }) => readRecords(table, body));
  const last = parts.findLast((one) => one.last)?.last;
  return {
    // Pages overlap by what changed between two questions: the later one counts.
    items: [...new Map(parts.flatMap(({ items }) => items).map((item) => [item.sysId, item])).values()],
    read: parts.reduce((sum, one) => sum + one.read, 0),
    rejected: parts.flatMap((one) => one.rejected),
    ...(last ? { last } : {}),
  };
}

/**
 * An encoded query for what comes after a position, in the order of change: by key, because an offset skips records that
 * move while one reads. `^NQ` begins another query whose records are added.
 */
export function queryAfter(position: TablePosition | undefined): string {
  const order = '^ORDERBYsys_updated_on^ORDERBYsys_id';
  if (!position) return `sys_idISNOTEMPTY${order}`;
  const { updatedOn, sysId: id } = position;
  return `sys_updated_on>${updatedOn}^NQsys_updated_on=${updatedOn}^sys_id>${id}${order}`;
}

/** As a watermark is kept. */
export const positionText = ({ updatedOn, sysId: id }: TablePosition): string => `${updatedOn} ${id}`;
export function positionFrom(text: string | undefined): TablePosition | undefined {
  const [, updatedOn, id] = /^(\S+ \S+) ([0-9a-f]{32})$/.exec(text ?? '') ?? [];
  return updatedOn !== undefined && id !== undefined && stamp.test(updatedOn) ? { updatedOn, sysId: id } : undefined;
}
/** Records are committed some time after the time that they carry: so far back a table is read again. */
const lateMs = 10 * 60_000;
export function beforeLate(position: TablePosition | undefined): TablePosition | undefined {
  if (!position) return undefined;
  const at = new Date(Date.parse(`${position.updatedOn.replace(' ', 'T')}Z`) - lateMs);
  return { updatedOn: at.toISOString().slice(0, 19).replace('T', ' '), sysId: '0'.repeat(32) };
}
