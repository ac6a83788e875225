/**
 * Loads: a slice of a source, whole or not at all.
 *
 * One transaction takes the place of what the slice was before, with its facts, what it tells of applications, to whom
 * they belong now, the rows that were put aside and how far the stream was read. Loads of one tenant wait for each other.
 */
import type { TransactionSql } from 'postgres';
import type { Loaded, Loads, Slice } from '#core/costs/load-ports.ts';
import type { Chunk, Rejected } from '#core/costs/rows.ts';
import { noRows } from '#core/jobs/run.ts';
import { type Transactions, withTenants } from './connect.ts';
import { CostDimensions } from './cost-dimensions.ts';
import { deleteFacts, insertFacts } from './cost-facts.ts';
import { remap } from './cost-mapping.ts';

/** Nobody waits for a load, and a big file takes minutes. */
const waitMs = 11 * 60_000;
/** What is kept of a rejected row, and of how many of a slice; the others are counted. */
const rowCharsMax = 8 * 1024;
const keptMax = 1000;

/** More than half of a file's rows were put aside. */
class MostlyRejected extends Error {
  readonly loaded: Loaded;
  readonly rejected: readonly Rejected[];
  constructor(loaded: Loaded, rejected: readonly Rejected[]) {
    super('mostly rejected');
    this.loaded = loaded;
    this.rejected = rejected;
  }
}

/** Opens the loads, as trailkeep_loader; what each method promises is in core/costs/load-ports.ts. */
export function createLoads(sql: Transactions, contextKey: Uint8Array): Loads {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>, ms?: number) =>
    withTenants(sql, contextKey, [tenant], new Date(), work, 'read write', ms);
  return {
    days: (tenant, source, stream) =>
      within(tenant, async (tx) => {
        const rows = await tx`select from_day::text as day from costs.load where tenant_id = ${tenant}
          and source_id = ${source} and stream = ${stream} and replaced_by is null`;
        return new Set(rows.map(({ day }) => day));
      }),

    exactVcpus: (tenant, controller, from, to) =>
      within(tenant, async (tx) => {
        const rows = await tx`select a.key, u.day::text as day, u.amount::text as amount
          from costs.usage_daily u
          join costs.application a on a.tenant_id = u.tenant_id and a.id = u.application_id
          join costs.controller c on c.tenant_id = a.tenant_id and c.id = a.controller_id
          where u.tenant_id = ${tenant} and u.day between ${from} and ${to} and u.measure = 'vcpu' and not u.estimated
            and c.key = ${controller}`;
        return new Map(rows.map(({ key, day, amount }) => [`${key} ${day}`, amount]));
      }),

    async load(slice, chunks) {
      try {
        return await within(slice.tenant, (tx) => loadSlice(tx, slice, chunks), waitMs);
      } catch (error) {
        if (!(error instanceof MostlyRejected)) throw error;
        const { loaded, rejected } = error;
        await within(slice.tenant, (tx) => putAside(tx, slice, rejected));
        return loaded;
      }
    },
  };
}

async function loadSlice(tx: TransactionSql, slice: Slice, chunks: AsyncIterable<Chunk>): Promise<Loaded> {
  const { tenant, source, stream, run, at } = slice;
  await tx`select set_config('statement_timeout', ${String(waitMs)}, true)`;
  await tx`select pg_advisory_xact_lock(hashtextextended(${`costs.load ${tenant}`}, 0))`;
  const there = await tx`select id, slice, encode(sha256, 'hex') as sha256 from costs.load
    where tenant_id = ${tenant} and source_id = ${source.id} and stream = ${stream} and replaced_by is null
      and (slice = ${slice.slice} or sha256 = decode(${slice.sha256}, 'hex'))`;
  const before = there.find((one) => one.slice === slice.slice);
  const twin = there.find((one) => one.sha256 === slice.sha256);
  if (twin) {
    await moveWatermark(tx, slice);
    if (twin === before || !slice.isFile) return { is: 'unchanged', load: twin.id };
    return { is: 'duplicate', of: twin.slice };
  }
  if (before) {
    await deleteFacts(tx, tenant, before.id);
    // Its place is free for the new one, whose number is not known yet.
    await tx`update costs.load set replaced_by = 0 where tenant_id = ${tenant} and id = ${before.id}`;
  }
  await tx`update costs.quarantine set resolved_at = ${at} where tenant_id = ${tenant} and source_id = ${source.id}
    and stream = ${stream} and slice = ${slice.slice} and resolved_at is null`;
  const [made] = await tx`insert into costs.load (tenant_id, source_id, run_id, stream, slice, sha256, from_day, to_day,
      rows_read, rows_written, rows_rejected, loaded_at)
    values (${tenant}, ${source.id}, ${run}, ${stream}, ${slice.slice}, decode(${slice.sha256}, 'hex'), ${slice.day},
      ${slice.day}, 0, 0, 0, ${at}) returning id`;
  const load: number = made!.id;
  const dimensions = new CostDimensions(tx, tenant, source.id, at);
  await dimensions.open();
  const { rows, rejected, from, to } = await take(tx, slice, load, dimensions, chunks);
  if (slice.isFile && rows.rejected * 2 > rows.read) throw new MostlyRejected({ is: 'refused', rows }, rejected);
  await tx`update costs.load set from_day = ${from}, to_day = ${to}, rows_read = ${rows.read},
      rows_written = ${rows.written}, rows_rejected = ${rows.rejected}
    where tenant_id = ${tenant} and id = ${load}`;
  if (before) await tx`update costs.load set replaced_by = ${load} where tenant_id = ${tenant} and id = ${before.id}`;
  await insertRejected(tx, slice, rejected);
  // What a CMDB or a file of H-codes tells may be about any application.
  const all = dimensions.allTouched || source.kind === 'servicenow' || source.kind === 'h-code';
  if (all || dimensions.touched.size > 0)
    await remap(tx, tenant, load, slice.day, all ? undefined : dimensions.touched);
  await moveWatermark(tx, slice);
  return { is: 'loaded', load, replaced: before?.id, rows };
}

async function take(
  tx: TransactionSql,
  slice: Slice,
  load: number,
  dimensions: CostDimensions,
  chunks: AsyncIterable<Chunk>,
) {
  let rows = noRows;
  let [from, to] = ['9999', ''];
  const rejected: Rejected[] = [];
  for await (const chunk of ahead(chunks)) {
    await dimensions.take(chunk);
    const facts = await insertFacts(tx, slice.tenant, load, dimensions, chunk);
    const told = (chunk.applications?.length ?? 0) + (chunk.cmdb?.length ?? 0);
    rows = {
      read: rows.read + chunk.read,
      // An application that a row names is no row of its own.
      written: rows.written + (facts > 0 ? facts : told),
      rejected: rows.rejected + chunk.rejected.length,
    };
    rejected.push(...chunk.rejected.slice(0, Math.max(0, keptMax - rejected.length)));
    for (const { day } of [...(chunk.usage ?? []), ...(chunk.licences ?? []), ...(chunk.charges ?? [])]) {
      if (day < from) from = day;
      if (day > to) to = day;
    }
  }
  const days = to === '' ? { from: dayOf(slice), to: dayOf(slice) } : { from, to };
  return { rows, rejected, ...days };
}

/** The next chunk is read while Postgres works on the last one. */
async function* ahead(chunks: AsyncIterable<Chunk>): AsyncIterable<Chunk> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      const { value, done } = await next;
      if (done) return;
      next = iterator.next();
      // It is awaited later: until then its failure is nobody's.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** A slice without facts is of the day that it is named after, or of today. */
const dayOf = ({ slice, day }: Slice): string => (/^\d{4}-\d{2}-\d{2}$/.test(slice) ? slice : day);

async function moveWatermark(tx: TransactionSql, { tenant, source, watermark, at }: Slice): Promise<void> {
  if (!watermark) return;
  await tx`insert into costs.watermark (tenant_id, source_id, stream, position, moved_at)
    values (${tenant}, ${source.id}, ${watermark.stream}, ${watermark.position}, ${at})
    on conflict (tenant_id, source_id, stream) do update set position = excluded.position, moved_at = excluded.moved_at
      where watermark.position <> excluded.position`;
}

/** Of a file that is not loaded: its rows are shown with the reasons, in place of those of an earlier try. */
async function putAside(tx: TransactionSql, slice: Slice, rejected: readonly Rejected[]): Promise<void> {
  await tx`update costs.quarantine set resolved_at = ${slice.at} where tenant_id = ${slice.tenant}
    and source_id = ${slice.source.id} and stream = ${slice.stream} and slice = ${slice.slice} and resolved_at is null`;
  await insertRejected(tx, slice, rejected);
}

async function insertRejected(tx: TransactionSql, slice: Slice, rejected: readonly Rejected[]): Promise<void> {
  if (rejected.length === 0) return;
  const rows = rejected.slice(0, keptMax).map((one) => ({
    ...{ p: one.place.slice(0, 300), c: one.code, r: one.reason.slice(0, 1000) },
    // Postgres keeps no NUL in a text.
    w: one.row.slice(0, rowCharsMax).replaceAll('\\u0000', ''),
  }));
  await tx`insert into costs.quarantine (tenant_id, source_id, run_id, stream, slice, place, code, reason, row, seen_at)
    select ${slice.tenant}, ${slice.source.id}, ${slice.run}, ${slice.stream}, ${slice.slice}, p, c, r, w, ${slice.at}
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as x(p text, c text, r text, w text)`;
}
