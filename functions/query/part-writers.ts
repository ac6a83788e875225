/** Writers of one part each: rows go in, an object comes out. What is held is the compressed part and one page. */
import { once } from 'node:events';
import { createGzip, zstdCompressSync } from 'node:zlib';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { columns, csvHeader, csvRow } from '#core/export/columns.ts';
import type { ExportFormat } from '#core/export/ports.ts';
import type { ShownEvent } from '#core/privacy/open.ts';

export interface PartWriter {
  /** Of the rows so far, before compression. */
  readonly rawBytes: number;
  add(events: readonly ShownEvent[]): Promise<void>;
  /** The object, and how many rows are in it. */
  finish(): Promise<{ readonly bytes: Uint8Array; readonly rows: number }>;
}

/**
 * A writer for a part. Parts of JSONL and CSV are gzip members: one after the other they are one gzip file, so only the
 * first part of CSV has the header. Every part of Parquet is a file of its own.
 */
export function partWriter(format: ExportFormat, part: number): PartWriter {
  if (format === 'parquet') return new ParquetPart();
  return format === 'csv'
    ? new GzipPart(csvRow, part === 1 ? csvHeader : '')
    : new GzipPart((event) => `${JSON.stringify(event)}\n`, '');
}

class GzipPart implements PartWriter {
  rawBytes = 0;
  #rows = 0;
  readonly #row: (event: ShownEvent) => string;
  /** Its header has no time and no name: the same rows make the same bytes. */
  readonly #gzip = createGzip();
  readonly #chunks: Uint8Array[] = [];

  constructor(row: (event: ShownEvent) => string, header: string) {
    this.#row = row;
    this.#gzip.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk));
    if (header !== '') this.#gzip.write(header);
  }

  async add(events: readonly ShownEvent[]): Promise<void> {
    const text = Buffer.from(events.map(this.#row).join(''));
    this.#rows += events.length;
    this.rawBytes += text.length;
    if (text.length > 0 && !this.#gzip.write(text)) await once(this.#gzip, 'drain');
  }

  async finish(): Promise<{ readonly bytes: Uint8Array; readonly rows: number }> {
    const ended = once(this.#gzip, 'end');
    this.#gzip.end();
    await ended;
    return { bytes: Buffer.concat(this.#chunks), rows: this.#rows };
  }
}

/** Small enough to be held, and large enough for columns to compress. */
const groupRows = 10_000;

class ParquetPart implements PartWriter {
  rawBytes = 0;
  readonly #bytes = new ByteWriter(1024 * 1024);
  readonly #writer = new ParquetWriter({
    writer: this.#bytes,
    schema: [
      { name: 'events', num_children: columns.length },
      ...columns.map(({ name, type }) =>
        type === 'time'
          ? ({
              name,
              type: 'INT64',
              converted_type: 'TIMESTAMP_MILLIS',
              logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
              repetition_type: 'OPTIONAL',
            } as const)
          : ({
              name,
              type: 'BYTE_ARRAY',
              converted_type: 'UTF8',
              logical_type: { type: 'STRING' },
              repetition_type: 'OPTIONAL',
            } as const),
      ),
    ],
    codec: 'ZSTD',
    compressors: { ZSTD: (bytes: Uint8Array) => zstdCompressSync(bytes) },
    createdBy: 'trailkeep',
  });
  /** By column; times as dates. */
  #held: (string | Date | undefined)[][] = columns.map(() => []);

  async add(events: readonly ShownEvent[]): Promise<void> {
    for (const event of events) {
      for (const [at, { of, type }] of columns.entries()) {
        const text = of(event);
        this.rawBytes += text?.length ?? 0;
        this.#held[at]!.push(type === 'time' && text !== undefined ? new Date(text) : text);
      }
      if (this.#held[0]!.length >= groupRows) this.#writeGroup();
    }
  }

  async finish(): Promise<{ readonly bytes: Uint8Array; readonly rows: number }> {
    this.#writeGroup();
    this.#writer.finish();
    return { bytes: this.#bytes.getBytes(), rows: Number(this.#writer.num_rows) };
  }

  #writeGroup(): void {
    if (this.#held[0]!.length === 0) return;
    const columnData = columns.map(({ name }, at) => ({ name, data: this.#held[at]! }));
    this.#writer.write({ columnData, rowGroupSize: groupRows });
    this.#held = columns.map(() => []);
  }
}
