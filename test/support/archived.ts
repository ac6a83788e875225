/** Files in the archive's catalogue, without what compaction would put into them: for tests of what happens around them. */
import type { Sql } from 'postgres';
import { archiveKey } from '#core/archive/file.ts';
import { type Category, categories } from '#core/event/event.ts';

const dayMs = 86_400_000;

export interface CataloguedFile {
  readonly tenant: string;
  readonly id: string;
  /** As `2020-03-01`; its events happened from its first to its last millisecond. */
  readonly day: string;
  readonly category?: Category;
  readonly ladder?: string;
}

/** Puts a bulk file into the catalogue, as a superuser does. Resolves with its key. */
export async function putInCatalogue(sql: Sql, { tenant, id, day, ...more }: CataloguedFile): Promise<string> {
  const { category = 'system', ladder = 'warm-90-cold-365' } = more;
  const key = archiveKey({ tenant, id, day, tier: 'bulk', category, span: 'day' });
  const from = Date.parse(`${day}T00:00:00Z`);
  const digest = Buffer.alloc(32);
  await sql`insert into archive.file (tenant_id, file_id, key, tier, category, span, day, events, bytes, raw_bytes,
      sha256, lines_sum, min_time, max_time, min_id, max_id, ladder, written_at)
    values (${tenant}, ${id}, ${key}, 1, ${categories.indexOf(category)}, 'day', ${day}, 1, 1000, 9000,
      ${digest}, ${digest}, ${from}, ${from + dayMs - 1}, ${id}, ${id}, ${ladder}, now())`;
  return key;
}
