/** Rows of archive files, as compaction would leave them. */
import type { ArchiveFile } from '#core/archive/file.ts';
import { archiveKey } from '#core/archive/file.ts';
import { categories, tiers } from '#core/event/event.ts';
import type { TestDatabase } from '#test/support/postgres.ts';
import { uuid7 } from './made.ts';

/** A row of archive.file with these times; resolves with the file. */
export async function putFile(
  db: TestDatabase,
  given: Pick<ArchiveFile, 'tenant' | 'category' | 'minTime' | 'maxTime'> & Partial<ArchiveFile>,
): Promise<ArchiveFile> {
  const id = uuid7(given.maxTime);
  const base = {
    ...{ id, tier: 'bulk', span: 'day', day: new Date(given.minTime).toISOString().slice(0, 10), events: 3 },
    ...{ bytes: 300, rawBytes: 900, sha256: 'ab'.repeat(32), linesSum: 'cd'.repeat(32), ladder: 'standard' },
    ...{ writtenAt: new Date(given.maxTime), minId: id, maxId: id, ...given },
  } as Omit<ArchiveFile, 'key'>;
  const file: ArchiveFile = { key: archiveKey(base), ...base };
  await db.ownerSql`insert into archive.file (tenant_id, file_id, key, tier, category, span, day, events, bytes, raw_bytes,
      sha256, lines_sum, min_time, max_time, min_id, max_id, min_leaf, max_leaf, ladder, written_at)
    values (${file.tenant}, ${file.id}, ${file.key}, ${tiers.indexOf(file.tier)}, ${categories.indexOf(file.category)},
      ${file.span}, ${file.day}, ${file.events}, ${file.bytes}, ${file.rawBytes}, ${Buffer.from(file.sha256, 'hex')},
      ${Buffer.from(file.linesSum, 'hex')}, ${file.minTime}, ${file.maxTime}, ${file.minId}, ${file.maxId},
      ${file.minLeaf ?? null}, ${file.maxLeaf ?? null}, ${file.ladder}, ${file.writtenAt})`;
  return file;
}
