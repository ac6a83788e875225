/** Reads a source in one of the formats: each piece with what it became. */

import { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { parseJson } from '#core/event/json.ts';
import { fail, ok } from '#core/event/problem.ts';
import { fromCloudTrail } from '#core/record/formats/cloudtrail.ts';
import { fromCsv, mappingOfHeader } from '#core/record/formats/csv.ts';
import type { Recognised } from '#core/record/formats/format.ts';
import { clip } from '#core/record/formats/format.ts';
import { fromJsonl } from '#core/record/formats/jsonl.ts';
import type { MapPair } from '#core/record/formats/mapping.ts';
import { fromOpenssh } from '#core/record/formats/openssh.ts';
import { CliError } from './fail.ts';
import { linesOf, type Piece, recordsOf } from './records.ts';

export const formats = ['openssh', 'cloudtrail', 'jsonl', 'csv'] as const;
export type Format = (typeof formats)[number];

export interface ReadOptions {
  readonly format: Format;
  readonly pairs: readonly MapPair[] | undefined;
  readonly year: number | undefined;
  readonly now: Date;
}

export interface Reading extends Piece {
  readonly found: Recognised;
}

/** A real trail describes whole fleets in one record; what is too much for an event is cut when it becomes one. */
const recordLimits = { depthMax: 200, keysMax: 1_000_000 };

/** Every piece of a source, in its order. */
export async function* readSource(chunks: AsyncIterable<string>, options: ReadOptions): AsyncGenerator<Reading> {
  if (options.format === 'csv') return yield* readCsv(chunks, options.pairs);
  const pieces = options.format === 'cloudtrail' ? recordsOf(chunks) : linesOf(chunks);
  for await (const piece of pieces) yield { ...piece, found: recognise(piece.text, options) };
}

function recognise(text: string, { format, pairs, year, now }: ReadOptions): Recognised {
  if (format === 'openssh') return fromOpenssh(text, year === undefined ? { now } : { now, year });
  if (format === 'jsonl') return fromJsonl(text, pairs);
  const parsed = parseJson(text, recordLimits);
  return parsed.ok ? fromCloudTrail(parsed.value) : parsed;
}

async function* readCsv(chunks: AsyncIterable<string>, given: readonly MapPair[] | undefined): AsyncGenerator<Reading> {
  let pairs = given;
  const rows = Readable.from(chunks).pipe(
    parse({
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      columns: (header: string[]) => {
        pairs ??= mappingOfHeader(header);
        requireFields(pairs, header);
        return header;
      },
    }),
  );
  try {
    for await (const { record, info } of rows as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      yield { text: JSON.stringify(record), line: info.lines, found: fromCsv(record, pairs ?? []) };
    }
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !String((error as CsvError).code).startsWith('CSV_'))
      throw error;
    throw new CliError(`The file is no CSV: ${error.message}.`);
  }
}

/** Told once for the table, and not once for each row. */
function requireFields(pairs: readonly MapPair[], header: readonly string[]): void {
  const stranger = pairs.find(({ column }) => column !== undefined && !header.includes(column));
  if (stranger) {
    throw new CliError(`The table has no column ${stranger.column}.`, `Its columns are ${header.join(', ')}.`);
  }
  for (const field of ['action', 'actor.id']) {
    if (pairs.some(({ path }) => path.join('.') === field)) continue;
    throw new CliError(
      `No column fills ${field}. The columns are ${header.join(', ')}.`,
      `Say which one does: --map "${field}=${header[0] ?? 'column'}", or a fixed text: --map "${field}='some.text'".`,
    );
  }
}

/** A line that no format knows, kept as it is. */
export const rawEvent = (text: string): Recognised =>
  text.trim() === ''
    ? fail('event_invalid', 'The line is empty.')
    : ok({ action: 'log.line', actor: { type: 'system', id: 'unknown' }, metadata: { line: clip(text, 16_384) } });
