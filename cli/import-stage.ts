/** The first half of an import: rows of the table become events in a folder. Nothing is sent, and a stop loses nothing. */
import { createHash } from 'node:crypto';
import { LinesSum } from '#core/archive/lines-sum.ts';
import { type EventInput, eventBytesMax } from '#core/event/event.ts';
import { fail, ok, type Result } from '#core/event/problem.ts';
import { comparableText, type ImportMark, rowName } from '#core/record/formats/imported.ts';
import { mapTableRow, type TableMapping } from '#core/record/formats/table-mapping.ts';
import type { Bounds, Table, TableRow } from './postgres-table.ts';
import type { Refused, Staging } from './staging.ts';

/** A request holds at most so many events. */
export const eventsPerRange = 1000;
/** Half of what a request may hold. */
const rangeBytesMax = 2 * 1024 * 1024;

const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Adds an event to a sum of what events say. */
export const addTo = (sum: LinesSum, event: Partial<EventInput>): void =>
  sum.add(createHash('sha256').update(comparableText(event)).digest());

/** The event of a row, with the words by which the import finds it again. */
export function eventOfRow(row: TableRow, table: string, mapping: TableMapping, mark: ImportMark): Result<EventInput> {
  const mapped = mapTableRow(row.cells, mapping);
  if (!mapped.ok) return mapped;
  const { metadata, ...rest } = mapped.value;
  const event: EventInput = {
    operation_id: mark.id,
    ...rest,
    external_id: rowName(table, row.key, row.nth, sha256Hex),
    metadata: { ...metadata, import: { ...mark } },
  };
  // The id comes when it is sent; it is always as long.
  if (Buffer.byteLength(JSON.stringify(event)) + 48 <= eventBytesMax) return ok(event);
  return fail('event_too_large', `The event has more than ${eventBytesMax} bytes; "max" cuts long texts.`);
}

/** What a person watches. */
export interface Watch {
  readonly stop: AbortSignal;
  readonly rows: (count: number) => void;
}

/** Reads on from the last range of the folder. Resolves to false when it was stopped before the end. */
export async function stage(table: Table, staging: Staging, { stop, rows: told }: Watch): Promise<boolean> {
  const { begin, ranges } = staging;
  const bounds: Bounds = begin;
  const before = ranges.at(-1);
  let range = new OpenRange((before?.range ?? 0) + 1);
  const flush = async () => {
    if (range.rows === 0) return;
    await range.write(staging);
    told(range.rows);
    range = new OpenRange(range.number + 1);
  };
  for await (const page of table.pages(bounds, before?.last)) {
    for (const [index, row] of page.entries()) {
      const event = eventOfRow(row, begin.table, begin.mapping, { id: begin.import, range: range.number });
      range.take(row, rowName(begin.table, row.key, row.nth, sha256Hex), event);
      // Reading goes on after a key: rows that share one stay in one range.
      const isShared = page[index + 1]?.nth !== undefined && page[index + 1]!.nth > 1;
      if (range.isFull && !isShared) await flush();
    }
    if (stop.aborted) return false;
  }
  await flush();
  const { rows, withoutKey } = await table.count(bounds);
  const staged = staging.ranges.reduce((sum, one) => sum + one.rows, 0);
  await staging.note({ is: 'staged', staged: { rows: staged, counted: rows, withoutKey } });
  return true;
}

class OpenRange {
  readonly number: number;
  rows = 0;
  readonly #lines: string[] = [];
  readonly #refused: Refused[] = [];
  readonly #sum = new LinesSum();
  #bytes = 0;
  #first: readonly string[] = [];
  #last: readonly string[] = [];
  #minTime: number | null = null;
  #maxTime: number | null = null;

  constructor(number: number) {
    this.number = number;
  }

  get isFull(): boolean {
    // A thousand rows that are no events end a range too: a stop then loses no more work than that.
    return this.rows >= eventsPerRange || this.#bytes >= rangeBytesMax;
  }

  take(row: TableRow, name: string, event: Result<EventInput>): void {
    if (this.rows === 0) this.#first = row.key;
    this.#last = row.key;
    this.rows += 1;
    if (!event.ok) {
      this.#refused.push({ row: name, code: event.fault.code, detail: event.fault.detail });
      return;
    }
    const line = JSON.stringify(event.value);
    this.#lines.push(line);
    this.#bytes += Buffer.byteLength(line) + 1;
    addTo(this.#sum, event.value);
    const time = Date.parse(event.value.occurred_at!);
    this.#minTime = Math.min(this.#minTime ?? time, time);
    this.#maxTime = Math.max(this.#maxTime ?? time, time);
  }

  async write(staging: Staging): Promise<void> {
    const counts = { rows: this.rows, events: this.#lines.length, refused: this.#refused.length };
    const times = { minTime: this.#minTime, maxTime: this.#maxTime };
    const range = { range: this.number, first: this.#first, last: this.#last, ...counts, checksum: this.#sum.hex };
    await staging.addRange({ ...range, ...times }, this.#lines, this.#refused);
  }
}
