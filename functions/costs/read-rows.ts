/**
 * Rows of files as text by column, some thousand at a time: CSV (RFC 4180, gzip or not) and Parquet. What cannot be read
 * as a row is told with its number; a file that is none at all is a RunFault.
 */
import { Readable } from 'node:stream';
import { createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type CsvError, parse } from 'csv-parse';
import { type FileMetaData, parquetMetadataAsync, parquetReadObjects, type SchemaElement } from 'hyparquet';
import { formatDecimal } from '#core/costs/decimal.ts';
import type { Inbox, InboxFile } from '#core/costs/fetch-ports.ts';
import type { Rejected } from '#core/costs/rows.ts';
import { RunFault } from '#core/jobs/run.ts';

export interface NumberedRow {
  /** From 1; of a CSV file the header does not count. */
  readonly line: number;
  readonly row: Readonly<Record<string, unknown>>;
}
export interface RowBatch {
  readonly rows: readonly NumberedRow[];
  readonly rejected: readonly Rejected[];
}

const batchRows = 5000;
/** A row that is longer is a file that is none. */
const rowBytesMax = 1024 * 1024;
/** A row group is decoded in memory. */
const groupBytesMax = 256 * 1024 * 1024;

export interface FilePlace {
  readonly inbox: Pick<Inbox, 'read'>;
  readonly tenant: string;
  readonly source: string;
  readonly file: InboxFile;
}

/** By the end of the file's name. Throws RunFault when a column is missing or the file is no such file. */
export function readRows(
  place: FilePlace,
  needed: readonly string[],
  more: readonly string[],
): AsyncIterable<RowBatch> {
  return place.file.name.endsWith('.parquet') ? readParquet(place, needed, more) : readCsv(place, needed);
}

async function* readCsv(
  { inbox, tenant, source, file }: FilePlace,
  needed: readonly string[],
): AsyncIterable<RowBatch> {
  let rejected: Rejected[] = [];
  let line = 0;
  const parser = parse({ bom: true, relax_column_count: true, skip_empty_lines: true, max_record_size: rowBytesMax });
  const bytes = Readable.from(inbox.read(tenant, source, file), { objectMode: false });
  const lost = (error: Error) => parser.destroy(error);
  if (file.name.endsWith('.gz')) bytes.on('error', lost).pipe(createGunzip()).on('error', lost).pipe(parser);
  else bytes.on('error', lost).pipe(parser);
  let header: readonly string[] | undefined;
  let rows: NumberedRow[] = [];
  try {
    for await (const cells of parser as AsyncIterable<string[]>) {
      if (!header) {
        header = cells;
        requireColumns(header, needed);
        continue;
      }
      line += 1;
      if (cells.length === header.length) {
        const row: Record<string, string> = Object.create(null) as Record<string, string>;
        for (let index = 0; index < cells.length; index += 1) row[header[index]!] = cells[index]!;
        rows.push({ line, row });
      } else {
        const reason = `The row has ${cells.length} cells, and the header ${header.length}.`;
        rejected.push({ place: `row ${line}`, code: 'cells_wrong', reason, row: JSON.stringify(cells) });
      }
      if (rows.length + rejected.length >= batchRows) {
        yield { rows, rejected };
        [rows, rejected] = [[], []];
      }
    }
  } catch (error) {
    const code = (error as CsvError).code as string | undefined;
    // Quotes that do not end, a row without end, bytes that are no gzip.
    if (code?.startsWith('CSV_') || code?.startsWith('Z_')) {
      throw new RunFault('file_invalid', `${file.name} is not CSV from row ${line + 1} on.`);
    }
    throw error;
  } finally {
    bytes.destroy();
  }
  if (!header) throw new RunFault('file_invalid', `${file.name} is empty.`);
  yield { rows, rejected };
}

function requireColumns(header: readonly string[], needed: readonly string[]): void {
  const missing = needed.filter((column) => !header.includes(column));
  if (missing.length > 0) {
    throw new RunFault('file_columns_missing', `The file lacks ${missing.length} columns: ${missing.join(', ')}.`);
  }
}

async function* readParquet(
  { inbox, tenant, source, file: stored }: FilePlace,
  needed: readonly string[],
  more: readonly string[],
): AsyncIterable<RowBatch> {
  const file = {
    byteLength: stored.bytes,
    async slice(from: number, to = stored.bytes): Promise<ArrayBuffer> {
      const chunks = await Array.fromAsync(inbox.read(tenant, source, stored, from, to));
      const bytes = new Uint8Array(to - from);
      let at = 0;
      for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      return bytes.buffer;
    },
  };
  const metadata = await orNoParquet(stored.name, () => parquetMetadataAsync(file));
  const scales = exactly(metadata);
  const header = metadata.schema.slice(1).map(({ name }) => name);
  requireColumns(header, needed);
  const columns = [...needed, ...more].filter((column) => header.includes(column));
  let line = 0;
  for (const group of metadata.row_groups) {
    if (Number(group.total_byte_size) > groupBytesMax) {
      throw new RunFault('file_too_large', `A row group of ${stored.name} has more than ${groupBytesMax} bytes.`);
    }
    const rowEnd = line + Number(group.num_rows);
    const read = await orNoParquet(stored.name, () =>
      parquetReadObjects({
        ...{ file, metadata, columns, rowStart: line, rowEnd, utf8: false },
        compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes), GZIP: (bytes) => gunzipSync(bytes) },
      }),
    );
    for (let at = 0; at < read.length; at += batchRows) {
      const rows = read.slice(at, at + batchRows).map((values, index): NumberedRow => {
        const cells = columns.map((column) => [column, textOf(values[column], scales.get(column))] as const);
        return { line: line + at + index + 1, row: Object.fromEntries(cells) };
      });
      yield { rows, rejected: [] };
    }
    line = rowEnd;
  }
}

/** What a stranger's bytes make a decoder throw is theirs; what the place throws is not. */
async function orNoParquet<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (
      !(error instanceof Error) ||
      (error.constructor !== Error && !(error instanceof RangeError || error instanceof TypeError))
    ) {
      throw error;
    }
    throw new RunFault('file_invalid', `${name} is not Parquet that we can read: ${error.message}`.slice(0, 300));
  }
}

/**
 * Takes decimals out of the decoder's hands, which would make floating-point numbers of them: they come as the whole
 * numbers that the file holds. The scale of each such column.
 */
function exactly(metadata: FileMetaData): ReadonlyMap<string, number> {
  const scales = new Map<string, number>();
  for (const element of metadata.schema as SchemaElement[]) {
    const isDecimal = element.converted_type === 'DECIMAL' || element.logical_type?.type === 'DECIMAL';
    if (isDecimal) {
      const { logical_type: logical } = element;
      scales.set(element.name, element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0));
      delete element.converted_type;
      delete element.logical_type;
    } else if (element.type === 'BYTE_ARRAY' && !element.converted_type && !element.logical_type) {
      element.converted_type = 'UTF8';
    }
  }
  return scales;
}

function textOf(value: unknown, scale: number | undefined): string {
  if (value === null || value === undefined) return '';
  if (scale !== undefined) return formatDecimal({ units: unitsOf(value), scale });
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Whole numbers of any width; bytes are two's complement, the highest first. */
function unitsOf(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint);
  const hex = Buffer.from(value).toString('hex');
  return hex === '' ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${hex}`));
}
