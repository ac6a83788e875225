/** Counts the rows of a part of an export: what arrived has as many as the API says. */
import { createReadStream, readFileSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { parquetMetadata } from 'hyparquet';
import type { ExportFormat } from '#core/export/ports.ts';

const [quote, newline] = [0x22, 0x0a];

/** Rows of a file; the header of CSV, which the first part has, is none. Rejects when the file is not of the format. */
export async function rowsIn(file: string, format: ExportFormat, part: number): Promise<number> {
  if (format === 'parquet') {
    const bytes = readFileSync(file);
    return Number(parquetMetadata(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)).num_rows);
  }
  let ends = 0;
  let isQuoted = false;
  for await (const chunk of createReadStream(file).pipe(createGunzip()) as AsyncIterable<Buffer>) {
    for (const byte of chunk) {
      // Two quotes inside a cell open and close it again.
      if (format === 'csv' && byte === quote) isQuoted = !isQuoted;
      else if (byte === newline && !isQuoted) ends++;
    }
  }
  return format === 'csv' && part === 1 ? ends - 1 : ends;
}
