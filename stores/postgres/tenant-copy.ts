/**
 * A tenant's rows on two clusters: which differ, and making those of one what they are on the other.
 *
 * Rows are compared by runs of neighbouring keys, with a digest that does not depend on their order, so that what was copied
 * before is not sent again. Deletions go children first and additions parents first, as foreign keys want it.
 */

import { isDeepStrictEqual } from 'node:util';
import type { TransactionSql } from 'postgres';
import { type MovedTable, movedTables } from './moved-tables.ts';

/** Runs work in a transaction for the tenant, on the cluster that it is for. */
export type Within = <T>(work: (tx: TransactionSql) => Promise<T>) => Promise<T>;

export interface CopyPlaces {
  readonly tenant: string;
  readonly source: Within;
  /** Its transactions fail when the tenant's writers were let in. */
  readonly target: Within;
  /** Told before each thing that can be cut off; it may throw. */
  readonly at: (place: string) => void | Promise<void>;
}

export interface TableCount {
  readonly table: string;
  readonly rows: number;
}

interface Run {
  readonly rows: number;
  readonly digest: string;
}
type Runs = ReadonlyMap<string, Run>;

interface Difference {
  readonly table: MovedTable;
  /** Groups of runs that one transaction copies. */
  readonly groups: readonly (readonly string[])[];
}

/** One transaction copies so many, or one run. */
const rowsPerGroup = 20_000;
/** Rows that are read at once: a chunk of an archive file is 100 KB. */
const rowsPerPage = 100;
const bytesPerInsert = 4_000_000;
/** Tables so small are compared again whether or not they differed: a trigger may have changed them. */
const smallTableRows = 10_000;

/** Makes the target's rows those of the source. What is written meanwhile is for the next time. */
export async function copyTenant(places: CopyPlaces): Promise<void> {
  await copyOnce(places);
  await bringFloor(places);
}

/** The same while nobody writes. Resolves with what is on both sides, and rejects when they differ all the same. */
export async function copyAndCompare(places: CopyPlaces): Promise<readonly TableCount[]> {
  const { tables, seen, different } = await copyOnce(places);
  const changed = new Set(different.map(({ table }) => table.name));
  const counts: TableCount[] = [];
  for (const table of await inhabited(places, tables)) {
    let runs = seen.get(table.name) ?? new Map<string, Run>();
    if (different.length > 0 && (changed.has(table.name) || rowsIn(runs) <= smallTableRows)) {
      await places.at(`compare ${table.name}`);
      const [source, target] = await digests(places, table);
      if (!isDeepStrictEqual(source, target)) throw new Error(`${table.name} differs`);
      runs = source;
    }
    counts.push({ table: table.name, rows: rowsIn(runs) });
  }
  await bringFloor(places);
  return counts;
}

async function copyOnce(places: CopyPlaces) {
  const tables = await places.source(movedTables);
  const seen = new Map<string, Runs>();
  const different: Difference[] = [];
  for (const table of await inhabited(places, tables)) {
    await places.at(`look at ${table.name}`);
    const [source, target] = await digests(places, table);
    seen.set(table.name, source);
    const runs = [...new Set([...source.keys(), ...target.keys()])].filter(
      (run) => source.get(run)?.digest !== target.get(run)?.digest,
    );
    if (runs.length > 0) different.push({ table, groups: grouped(table, runs, source, target) });
  }
  for (const { table, groups } of different.toReversed()) {
    for (const group of groups) await removeGone(places, table, group);
  }
  for (const { table, groups } of different) {
    if (table.name === 'record.event') await makeMonths(places, groups.flat());
    for (const group of groups) await copyGroup(places, table, group);
    if (table.identity !== undefined) await raiseIdentity(places, table, table.identity);
  }
  return { tables, seen, different };
}

/** Tables that have rows of the tenant on either side: most have none, and there are many. */
async function inhabited({ tenant, source, target, at }: CopyPlaces, tables: readonly MovedTable[]) {
  await at('look for rows');
  const ask = (tx: TransactionSql) =>
    tx.unsafe(
      tables
        .map(({ name }) => `select '${name}' as name where exists (select from ${name} where tenant_id = $1)`)
        .join(' union all '),
      [tenant],
    );
  const rows = (await Promise.all([source(ask), target(ask)])).flat();
  const names = new Set(rows.map((row) => String(row.name)));
  return tables.filter(({ name }) => names.has(name));
}

const rowsIn = (runs: Runs): number => [...runs.values()].reduce((sum, { rows }) => sum + rows, 0);

function grouped(table: MovedTable, runs: readonly string[], source: Runs, target: Runs): string[][] {
  const groups: string[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const run of runs.toSorted(table.inOrder)) {
    const own = Math.max(source.get(run)?.rows ?? 0, target.get(run)?.rows ?? 0);
    if (rows + own > rowsPerGroup) {
      groups.push([]);
      rows = 0;
    }
    groups.at(-1)!.push(run);
    rows += own;
  }
  return groups;
}

/** Count and order-free digest of each run, on both sides. */
function digests({ tenant, source, target }: CopyPlaces, table: MovedTable): Promise<[Runs, Runs]> {
  const ask = (within: Within): Promise<Runs> =>
    within(async (tx) => {
      // Times are compared as text.
      await tx`set local timezone = 'UTC'`;
      const rows = await tx.unsafe(
        `select ${table.run} as run, count(*)::text as rows,
           sum(('x' || left(h, 15))::bit(60)::bigint)::text || '/' || sum(('x' || right(h, 15))::bit(60)::bigint)::text
             as digest
         from (select *, md5(t::text) as h from ${table.name} t where tenant_id = $1) t group by 1 order by 1`,
        [tenant],
      );
      return new Map(
        rows.map((row) => [String(row.run), { rows: Number(row.rows), digest: `${row.rows}/${row.digest}` }]),
      );
    });
  return Promise.all([ask(source), ask(target)]);
}

/** Deletes what the target has and the source has not. */
async function removeGone({ tenant, source, target, at }: CopyPlaces, table: MovedTable, group: readonly string[]) {
  const { where, parameters } = table.within(group);
  const key = table.key.map(({ name }) => name).join(', ');
  const keysOf = (tx: TransactionSql) =>
    tx.unsafe(
      `select to_json(k)::text as key from (select ${key} from ${table.name} where tenant_id = $1 and ${where}) k`,
      [tenant, ...parameters],
    );
  const [there, here] = await Promise.all([source(keysOf), target(keysOf)]);
  const kept = new Set(there.map((row) => String(row.key)));
  const gone = here.map((row) => String(row.key)).filter((one) => !kept.has(one));
  if (gone.length === 0) return;
  await at(`remove from ${table.name}`);
  const typed = table.key.map(({ name, type }) => `${name} ${type}`).join(', ');
  await target((tx) =>
    tx.unsafe(
      `delete from ${table.name} where tenant_id = $1
         and (${key}) in (select ${key} from json_to_recordset($2::text::json) as k (${typed}))`,
      [tenant, `[${gone.join(',')}]`],
    ),
  );
}

async function copyGroup(places: CopyPlaces, table: MovedTable, group: readonly string[]): Promise<void> {
  const { tenant, source, target, at } = places;
  await at(`copy ${table.name}`);
  const { where, parameters } = table.within(group);
  const own = `tenant_id = $1 and ${where}`;
  await target((to) =>
    source(async (from) => {
      // A message that is delivered again is known by them; segments are of all tenants, and so is theirs.
      const first =
        table.name === 'record.segment_part' ? ['record.segment', 'record.message'].map((name) => ({ name })) : [];
      for (const { name } of first) {
        const query = `select to_json(t)::text as row from ${name} t
          where segment_id in (select segment_id from record.segment_part where ${own})`;
        await pour(from, query, [tenant, ...parameters], (rows) =>
          to.unsafe(
            `insert into ${name} select * from json_populate_recordset(null::${name}, $1::text::json) on conflict do nothing`,
            [rows],
          ),
        );
      }
      // In the order in which they were made: what took the place of an earlier row comes after that has made room.
      const order = table.key.map(({ name }) => name).join(', ');
      const query = `select to_json(t)::text as row from ${table.name} t where ${own} order by ${order}`;
      await pour(from, query, [tenant, ...parameters], (rows) => to.unsafe(table.put, [rows]));
    }),
  );
}

/** Reads rows page by page and hands them on as JSON texts of bounded size. */
async function pour(
  from: TransactionSql,
  query: string,
  parameters: readonly string[],
  into: (rows: string) => PromiseLike<unknown>,
): Promise<void> {
  let waiting: string[] = [];
  let bytes = 0;
  const flush = async () => {
    if (waiting.length > 0) await into(`[${waiting.join(',')}]`);
    waiting = [];
    bytes = 0;
  };
  for await (const rows of from.unsafe(query, [...parameters]).cursor(rowsPerPage)) {
    for (const row of rows) {
      waiting.push(String(row.row));
      bytes += String(row.row).length;
    }
    if (bytes >= bytesPerInsert) await flush();
  }
  await flush();
}

/** Runs of record.event are the first 32 of the 48 bits of an id's time. */
async function makeMonths({ target }: CopyPlaces, runs: readonly string[]): Promise<void> {
  const months = new Set(
    runs.flatMap((run) => {
      const from = Number.parseInt(run, 16) * 65_536;
      return [from, from + 65_535].map((ms) => new Date(ms).toISOString().slice(0, 7));
    }),
  );
  for (const month of months) {
    await target((tx) => tx`select record.ensure_partitions(${`${month}-01`}::text::date, 1)`);
  }
}

/** Numbers that come are above those that were brought. */
async function raiseIdentity({ tenant, target }: CopyPlaces, { name }: MovedTable, column: string): Promise<void> {
  await target(async (tx) => {
    const [row] = await tx.unsafe(
      `select max(${column})::text as most, pg_get_serial_sequence('${name}', '${column}') as sequence
       from ${name} where tenant_id = $1`,
      [tenant],
    );
    if (row!.most === null) return;
    await tx.unsafe(
      `select setval('${row!.sequence}', $1::bigint) from ${row!.sequence} where last_value < $1::bigint + (not is_called)::integer`,
      [String(row!.most)],
    );
  });
}

/**
 * What of the tenant lies below the source's hot floor is in the archive alone, so it must be below the target's. Read after
 * the rows: a month may be dropped meanwhile.
 */
async function bringFloor({ source, target, at }: CopyPlaces): Promise<void> {
  const [floor, months] = await source(async (tx) => {
    const [row] = await tx`select floor from archive.hot_floor`;
    const dropped = await tx`select to_char(month, 'YYYY-MM-DD') as month, dropped_at::text as dropped_at
      from archive.dropped_month where tokens_gone_at is null`;
    return [String(row!.floor), JSON.stringify(dropped)] as const;
  });
  await at('bring the floor');
  await target((tx) => tx`select archive.take_floor(${floor}::text::uuid, ${months}::text::json)`);
}
