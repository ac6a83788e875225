/** What there is to be done for the archive, over many tenants. */
import type { Row, Sql } from 'postgres';
import type { Waiting } from '#core/archive/compact-ports.ts';
import { uuidFloor } from '#core/event/uuid.ts';
import { clustersOf, searchEach } from './clusters.ts';
import { asked, withTenants } from './connect.ts';

/** Days smaller than this are merged into months, so that no smaller object reaches Glacier. */
const glacierBytesMin = 128 * 1024;
/** A context of so many tenants is 20 KB. */
const tenantsAtOnce = 500;

/** See ArchiveLedger.waiting. */
export async function waiting(
  sql: Sql,
  contextKey: Uint8Array,
  tenants: readonly string[],
  { now, pollersBefore }: { readonly now: Date; readonly pollersBefore: Date },
): Promise<readonly Waiting[]> {
  if (tenants.length === 0) return [];
  const rows = await searchEach<Row>(sql, tenants, (some) =>
    withTenants(
      sql,
      contextKey,
      some,
      new Date(),
      async (tx) => tx`select * from (
        select t.tenant_id, parts.events, parts.oldest,
          exists (select from archive.doomed d where d.tenant_id = t.tenant_id and d.after <= ${now})
          or exists (select from archive.file f where f.tenant_id = t.tenant_id and f.bytes < 16777216 and f.span = 'day'
            group by f.tier, f.category, f.day having count(*) > 1)
          or exists (select from archive.file f where f.tenant_id = t.tenant_id and f.bytes < ${glacierBytesMin}
              and f.day < date_trunc('month', ${now}::timestamptz at time zone 'UTC')
            group by f.tier, f.category, date_trunc('month', f.day) having count(*) > 1)
          or coalesce((select s.committed_at < ${pollersBefore} and p.seq <= g.compacted_seq
            from record.segment_part p join record.segment s using (segment_id)
            join archive.progress g on g.tenant_id = p.tenant_id
            where p.tenant_id = t.tenant_id order by p.seq limit 1), false) as upkeep
        from (select string_to_table(${some.join(',')}::text, ',')::uuid as tenant_id) t
        left join archive.progress g on g.tenant_id = t.tenant_id
        left join lateral (
          select sum(p.events) as events, (
            select s.committed_at from record.segment_part q join record.segment s using (segment_id)
            where q.tenant_id = t.tenant_id and q.seq > coalesce(g.compacted_seq, 0) order by q.seq limit 1) as oldest
          from record.segment_part p where p.tenant_id = t.tenant_id and p.seq > coalesce(g.compacted_seq, 0)
        ) parts on true
      ) one where upkeep or events > 0`,
      'read only',
    ),
  );
  return rows.map((row) => ({
    tenant: row.tenant_id,
    events: Number(row.events ?? 0),
    ...(row.oldest === null ? {} : { oldest: row.oldest as Date }),
    upkeep: row.upkeep,
  }));
}

interface OldSegment {
  readonly id: string;
  readonly key: string;
  readonly isFree: boolean;
}

/**
 * See ArchiveLedger.oldSegments. A segment of before a move has a row on two clusters, and is free when both let it go: each
 * tells its own up to the place where the first of them has more.
 */
export async function oldSegments(
  sql: Sql,
  contextKey: Uint8Array,
  before: Date,
  after: string | undefined,
  limit: number,
): Promise<readonly OldSegment[]> {
  const { every } = clustersOf(sql);
  const pages = await Promise.all(every.map((cluster) => oldSegmentsOf(cluster, contextKey, before, after, limit)));
  if (pages.length === 1) return pages[0]!;
  const ends = pages.flatMap((page) => (page.length < limit ? [] : [page.at(-1)!.id])).sort();
  const all = new Map<string, OldSegment>();
  for (const one of pages.flat()) {
    if (ends[0] !== undefined && one.id > ends[0]) continue;
    all.set(one.id, { ...one, isFree: one.isFree && (all.get(one.id)?.isFree ?? true) });
  }
  return [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
}

async function oldSegmentsOf(
  sql: Sql,
  contextKey: Uint8Array,
  before: Date,
  after: string | undefined,
  limit: number,
): Promise<OldSegment[]> {
  // Ids are UUIDv7: their order is that of time.
  const segments = await asked(sql`select segment_id, key, array_to_string(tenants, ',') as tenants,
      announced_at is not null and committed_at < ${before} as old
    from record.segment where segment_id < ${uuidFloor(before.getTime())}
      ${after === undefined ? sql`` : sql`and segment_id > ${after}`} order by segment_id limit ${limit}`);
  const ids = segments.map((row) => String(row.segment_id)).join(',');
  const tenants = [...new Set(segments.flatMap((row) => String(row.tenants).split(',')))];
  const used = new Set<string>();
  for (let at = 0; at < tenants.length; at += tenantsAtOnce) {
    const some = tenants.slice(at, at + tenantsAtOnce);
    const rows = await withTenants(
      sql,
      contextKey,
      some,
      new Date(),
      async (tx) => tx`select distinct segment_id from record.segment_part
        where segment_id = any (string_to_array(${ids}::text, ',')::uuid[])`,
      'read only',
    );
    for (const row of rows) used.add(row.segment_id);
  }
  return segments.map((row) => ({
    id: row.segment_id,
    key: row.key,
    isFree: row.old && !used.has(row.segment_id),
  }));
}
