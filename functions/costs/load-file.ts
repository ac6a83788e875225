/** A file of an inbox as chunks of rows. */
import { createHash } from 'node:crypto';
import { focusColumns, focusMoreColumns, focusReader } from '#core/costs/focus.ts';
import { hCodeColumns, readHCodeRow } from '#core/costs/h-code.ts';
import type { ApplicationRow, ChargeRow, Chunk, HCodeRow, Rejected } from '#core/costs/rows.ts';
import { type Source, settingsOf } from '#core/costs/source.ts';
import type { JsonObject } from '#core/event/event.ts';
import { RunFault } from '#core/jobs/run.ts';
import { type FilePlace, type RowBatch, readRows } from './read-rows.ts';

/** Over the bytes, and over the settings that say how they are read. */
export async function hashOf({ inbox, tenant, source, file }: FilePlace, settings: JsonObject): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of inbox.read(tenant, source, file)) hash.update(chunk);
  return hash.update(JSON.stringify(settings)).digest('hex');
}

/** The file's rows, by the kind of its source. A load is one transaction, so it has to end in one call. */
export async function* chunksOf(place: FilePlace, source: Source, isLate: () => boolean): AsyncIterable<Chunk> {
  const isFocus = source.kind === 'focus';
  const batches = isFocus
    ? readRows(place, focusColumns, focusMoreColumns)
    : readRows(place, ['application', 'h_code'], hCodeColumns);
  const read = isFocus ? focusReader(settingsOf('focus', source.settings)) : undefined;
  for await (const batch of batches) {
    if (isLate()) throw new RunFault('file_too_large', `${place.file.name} takes too long: split it.`);
    yield read ? focusChunk(batch, read) : hCodeChunk(batch);
  }
}

function focusChunk({ rows, rejected: unread }: RowBatch, readRow: ReturnType<typeof focusReader>): Chunk {
  const charges: ChargeRow[] = [];
  const rejected: Rejected[] = [...unread];
  const applications = new Map<string, ApplicationRow>();
  for (const { line, row } of rows) {
    const read = readRow(row, line);
    if (!read.ok) {
      rejected.push(read.rejected);
      continue;
    }
    const { charge } = read;
    charges.push(charge);
    if (charge.application) {
      const { controller, key } = charge.application;
      applications.set(key, { controller, key, name: key });
    }
  }
  return { read: rows.length + unread.length, rejected, charges, applications: [...applications.values()] };
}

function hCodeChunk({ rows, rejected: unread }: RowBatch): Chunk {
  const hCodes: HCodeRow[] = [];
  const rejected: Rejected[] = [...unread];
  for (const { line, row } of rows) {
    const read = readHCodeRow(row, line);
    if (read.ok) hCodes.push(read.row);
    else rejected.push(read.rejected);
  }
  return { read: rows.length + unread.length, rejected, hCodes };
}
