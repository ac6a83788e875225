/**
 * Somebody's table in Postgres, row by row in the order of its key: one snapshot, flat memory, nothing written.
 *
 * Cells come as texts: times as RFC 3339 in UTC, timestamps without a zone by the zone that the mapping names.
 */
import { createHash } from 'node:crypto';
import postgres, { type Sql, type TransactionSql } from 'postgres';
import { eventBytesMax } from '#core/event/event.ts';
import { type Cell, type CellKind, columnsOf, ruleOf, type TableMapping } from '#core/record/formats/table-mapping.ts';
import { CliError } from './fail.ts';

export interface TableRow {
  /** Texts of the key's columns, as Postgres writes them. */
  readonly key: readonly string[];
  /** From 1: tells rows with one key apart. */
  readonly nth: number;
  readonly cells: ReadonlyMap<string, Cell>;
}

export interface Table {
  /** As Postgres names it, in quotes where it needs them. */
  readonly name: string;
  readonly key: readonly string[];
  /** Whether no two rows can have one key. */
  readonly isKeyUnique: boolean;
  /** `host:port/database`. */
  readonly place: string;
  /** Rows within the bounds, and those of them that have no key. */
  count(bounds: Bounds): Promise<{ readonly rows: number; readonly withoutKey: number }>;
  /** Rows after a key, in pages; rows with one key are never in two pages. */
  pages(bounds: Bounds, after: readonly string[] | undefined): AsyncGenerator<readonly TableRow[]>;
}

/** Of the time that the events get: from ≤ time < to, RFC 3339. */
export interface Bounds {
  readonly from?: string;
  readonly to?: string;
}

/** Few enough that wide rows fit the memory: no cell is longer than an event may be. */
const rowsPerPage = 250;
const cellCharsMax = eventBytesMax + 1;

interface Column {
  readonly name: string;
  readonly type: string;
  readonly sql: string;
  readonly kind: CellKind;
}

/** Opens the table in one repeatable-read snapshot and hands it to `work`. The password is in the URL or in PGPASSWORD. */
export async function withTable<T>(url: string, mapping: TableMapping, work: (table: Table) => Promise<T>): Promise<T> {
  const sql = connectTo(url);
  try {
    const opened = sql.begin('isolation level repeatable read read only', async (tx) => ({
      result: await work(await describe(tx, sql, mapping)),
    }));
    return (await opened).result;
  } catch (error) {
    throw told(error, sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function connectTo(url: string): Sql {
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CliError('The address of the database is none.', 'Write it as postgres://user@host:5432/database');
  }
  // Neither a pooler nor a read-only server must mind: no prepared statements, no settings at connecting, no look at types.
  return postgres(url, { max: 1, prepare: false, fetch_types: false, onnotice: () => {}, connect_timeout: 10 });
}

/** What the database says is told; where it was asked with a password in it is not. */
function told(error: unknown, { options }: Sql): unknown {
  if (!(error instanceof Error) || error instanceof CliError) return error;
  const code = 'code' in error ? String(error.code) : '';
  const place = placeOf(options);
  if (/^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|CONNECT_TIMEOUT|CONNECTION_)/.test(code)) {
    return new CliError(
      `The database at ${place} does not answer, or hung up (${code}).`,
      'Run the command again: it goes on where it was.',
    );
  }
  if (code === '28P01' || code === '28000') {
    return new CliError(
      `The database at ${place} does not let ${options.user} in.`,
      'Set PGPASSWORD, or give the password in the URL.',
    );
  }
  return /^[0-9A-Z]{5}$/.test(code) ? new CliError(`The database says: ${error.message} (${code}).`) : error;
}

const placeOf = ({ host, port, database }: Sql['options']): string => `${host[0]}:${port[0]}/${database}`;

async function describe(tx: TransactionSql, { options }: Sql, mapping: TableMapping): Promise<Table> {
  await tx.unsafe(`set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local extra_float_digits = 1;
    set local statement_timeout = 0`);
  const [found] = await tx`select to_regclass(${mapping.table})::text as name`;
  if (!found?.name) throw new CliError(`There is no table ${mapping.table}, or ${options.user} may not see it.`);
  const name = String(found.name);
  const [zone] =
    await tx`select count(*)::int as known from pg_timezone_names where lower(name) = lower(${mapping.time_zone})`;
  if (zone!.known === 0) throw new CliError(`Postgres knows no time zone ${JSON.stringify(mapping.time_zone)}.`);
  const columns = await columnsOfTable(tx, name, mapping);
  const primary = await uniqueKeys(tx, name);
  const key = mapping.key ?? primary.find((one) => one.isPrimary)?.columns;
  if (!key)
    throw new CliError(`${name} has no primary key.`, 'Name the columns that tell its rows apart: "key": ["id"]');
  const keyColumns = key.map((one) => columnNamed(columns, one, name));
  const where = whereOf(mapping, columns, name);
  const from = `from ${name}`;
  const listed = keyColumns.map(({ name: one }) => quoted(one)).join(', ');
  const noKey = keyColumns.map(({ name: one }) => `${quoted(one)} is null`).join(' or ');
  const wanted = columnsOf(mapping).map((one) => columnNamed(columns, one, name));
  const selected = [
    ...keyColumns.map(({ name: one }, index) => `${quoted(one)}::text as k${index}`),
    ...wanted.map(({ sql: one }, index) => `left(${one}, ${cellCharsMax}) as c${index}`),
  ].join(', ');

  return {
    name,
    key,
    isKeyUnique: primary.some((one) => one.columns.every((column) => key.includes(column))),
    place: placeOf(options),

    async count(bounds) {
      const { text, values } = where(bounds, 1);
      const [row] = await tx.unsafe(
        `select count(*)::text as rows, (count(*) filter (where ${noKey}))::text as without_key ${from} where ${text}`,
        values,
      );
      return { rows: Number(row!.rows), withoutKey: Number(row!.without_key) };
    },

    async *pages(bounds, after) {
      for (let last = after; ; ) {
        const bound = where(bounds, 1 + (last?.length ?? 0));
        const places = keyColumns.map(({ type }, index) => `$${index + 1}::text::${type}`).join(', ');
        const rows = await tx.unsafe(
          `select ${selected} ${from} where ${bound.text} and not (${noKey})
            ${last ? `and (${listed}) > (${places})` : ''}
            order by ${listed} fetch first ${rowsPerPage} rows with ties`,
          [...(last ?? []), ...bound.values],
        );
        if (rows.length === 0) return;
        yield numbered(rows.map((row) => rowOf(row, keyColumns.length, wanted)));
        last = keyColumns.map((_, index) => String(rows.at(-1)![`k${index}`]));
      }
    },
  };
}

async function columnsOfTable(tx: TransactionSql, table: string, mapping: TableMapping): Promise<Column[]> {
  const rows = await tx`select a.attname as name, t.typname as base, t.typcategory as category,
      format_type(a.atttypid, null) as type
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = ${table}::text::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`;
  const zone = `'${mapping.time_zone.replaceAll("'", "''")}'`;
  return rows.map((row): Column => {
    const name = String(row.name);
    const column = quoted(name);
    const base = String(row.base);
    const at = (utc: string) =>
      `case when isfinite(${column}) then to_char(${utc}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') else ${column}::text end`;
    const made = (sql: string, kind: CellKind) => ({ name, type: String(row.type), sql, kind });
    if (base === 'timestamptz') return made(at(`${column} at time zone 'UTC'`), 'text');
    if (base === 'timestamp') return made(at(`${column} at time zone ${zone} at time zone 'UTC'`), 'text');
    if (base === 'date') return made(at(`${column}::timestamp at time zone ${zone} at time zone 'UTC'`), 'text');
    if (base === 'bool') return made(`${column}::text`, 'bool');
    if (base === 'json' || base === 'jsonb') return made(`${column}::text`, 'json');
    if (base === 'inet') return made(`host(${column})`, 'text');
    if (base === 'bytea') return made(`encode(${column}, 'hex')`, 'text');
    if (row.category === 'A' || row.category === 'C') return made(`to_json(${column})::text`, 'json');
    return made(`${column}::text`, row.category === 'N' ? 'number' : 'text');
  });
}

function columnNamed(columns: readonly Column[], name: string, table: string): Column {
  const column = columns.find((one) => one.name === name);
  if (column) return column;
  throw new CliError(
    `${table} has no column ${name}.`,
    `Its columns are ${columns.map((one) => one.name).join(', ')}.`,
  );
}

/** The primary key and what else is unique over columns that are never NULL. */
async function uniqueKeys(tx: TransactionSql, table: string) {
  const rows = await tx`select i.indisprimary as is_primary, json_agg(a.attname order by k.place)::text as columns
    from pg_index i, unnest(i.indkey::int2[]) with ordinality as k (number, place), pg_attribute a
    where i.indrelid = ${table}::text::regclass and i.indisunique and i.indpred is null and i.indexprs is null
      and k.place <= i.indnkeyatts and a.attrelid = i.indrelid and a.attnum = k.number
    group by i.indexrelid, i.indisprimary having bool_and(a.attnotnull)`;
  return rows.map((row) => ({ isPrimary: row.is_primary === true, columns: JSON.parse(row.columns) as string[] }));
}

/** Conditions on the column that tells the time of the events. */
function whereOf(mapping: TableMapping, columns: readonly Column[], table: string) {
  return ({ from, to }: Bounds, first: number): { readonly text: string; readonly values: string[] } => {
    if (from === undefined && to === undefined) return { text: 'true', values: [] };
    const { column, as, path } = ruleOf(mapping.fields.occurred_at!);
    if (column === undefined || path !== undefined) {
      throw new CliError('--from and --to need a column that tells the time; occurred_at has none of its own.');
    }
    const { type } = columnNamed(columns, column, table);
    const zone = mapping.time_zone.replaceAll("'", "''");
    const seconds = `to_timestamp(${quoted(column)}::double precision${as === 'unix_milliseconds' ? ' / 1000' : ''})`;
    const time = as === undefined ? timeOf(quoted(column), type, zone) : seconds;
    const values: string[] = [];
    const terms = [
      ...(from === undefined ? [] : [`${time} >= $${first + values.push(from) - 1}::text::timestamptz`]),
      ...(to === undefined ? [] : [`${time} < $${first + values.push(to) - 1}::text::timestamptz`]),
    ];
    return { text: terms.join(' and '), values };
  };
}

function timeOf(column: string, type: string, zone: string): string {
  if (type === 'timestamp with time zone') return column;
  if (type === 'timestamp without time zone') return `(${column} at time zone '${zone}')`;
  if (type === 'date') return `(${column}::timestamp at time zone '${zone}')`;
  return `${column}::text::timestamptz`;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function rowOf(row: Readonly<Record<string, unknown>>, keys: number, wanted: readonly Column[]): Omit<TableRow, 'nth'> {
  const cellOf = (kind: CellKind, text: string | null): Cell =>
    text !== null && text.length >= cellCharsMax ? { kind, text, isCut: true } : { kind, text };
  return {
    key: Array.from({ length: keys }, (_, index) => String(row[`k${index}`])),
    cells: new Map(
      wanted.map(({ name, kind }, index) => [name, cellOf(kind, (row[`c${index}`] ?? null) as string | null)]),
    ),
  };
}

/** Rows with one key in the order of what they hold, so that each is the n-th at every reading. */
function numbered(rows: readonly Omit<TableRow, 'nth'>[]): TableRow[] {
  const done: TableRow[] = [];
  for (let at = 0; at < rows.length; ) {
    const name = JSON.stringify(rows[at]!.key);
    const same = [rows[at]!];
    while (rows[at + same.length] && JSON.stringify(rows[at + same.length]!.key) === name)
      same.push(rows[at + same.length]!);
    at += same.length;
    const ordered = same.length === 1 ? same : same.toSorted((a, b) => (digestOf(a) < digestOf(b) ? -1 : 1));
    done.push(...ordered.map((row, index) => ({ ...row, nth: index + 1 })));
  }
  return done;
}

const digestOf = ({ cells }: Omit<TableRow, 'nth'>): string =>
  createHash('sha256')
    .update(JSON.stringify([...cells]))
    .digest('hex');
