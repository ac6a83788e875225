/** The tables that go with a tenant: all that have a tenant_id, but those of the main cluster. */
import type { TransactionSql } from 'postgres';

export interface MovedTable {
  readonly name: string;
  /** The primary key's columns but the tenant. */
  readonly key: readonly { readonly name: string; readonly type: string }[];
  /** A column whose numbers the database gives. */
  readonly identity: string | undefined;
  /** How rows fall into runs of neighbours, an expression of type text. */
  readonly run: string;
  /** What is in these runs, as a condition from its second parameter on; the first is the tenant. */
  within(runs: readonly string[]): { readonly where: string; readonly parameters: readonly string[] };
  readonly inOrder: (a: string, b: string) => number;
  /** Adds rows, `$1` is an array as JSON; those that are there become what they are in it. */
  readonly put: string;
}

/** Numbers of one run: a part with its blocks is 10 KB or more. */
const numbersPerRun = 100;
const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

interface Column {
  readonly name: string;
  readonly type: string;
}

/** Those that others refer to first. Schema access is the main cluster's, and sec says where the tenant is. */
export async function movedTables(tx: TransactionSql): Promise<MovedTable[]> {
  const rows = await tx`select c.oid::text as oid, format('%I.%I', n.nspname, c.relname) as name,
      (select json_agg(json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod),
          'identity', a.attidentity <> '', 'generated', a.attgenerated <> '', 'key', array_position(i.indkey::smallint[], a.attnum)) order by a.attnum)::text
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
        as columns,
      (select json_agg(k.confrelid::text)::text from pg_constraint k
        where k.conrelid = c.oid and k.contype = 'f' and k.confrelid <> c.oid) as parents
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
      join pg_index i on i.indrelid = c.oid and i.indisprimary
    where n.nspname not in ('access', 'sec', 'public') and c.relkind in ('r', 'p') and not c.relispartition
      and pg_get_userbyid(c.relowner) = 'trailkeep_owner' order by 2`;
  const left = new Map(rows.map((row) => [String(row.oid), row]));
  const ordered: MovedTable[] = [];
  while (left.size > 0) {
    const ready = [...left.values()].filter((row) =>
      (JSON.parse(row.parents ?? '[]') as string[]).every((parent) => !left.has(parent)),
    );
    if (ready.length === 0) throw new Error('tables refer to each other in a circle');
    for (const row of ready) {
      left.delete(String(row.oid));
      ordered.push(tableOf(String(row.name), JSON.parse(row.columns) as StoredColumn[]));
    }
  }
  return ordered;
}

interface StoredColumn extends Column {
  readonly identity: boolean;
  /** It follows from other columns. */
  readonly generated: boolean;
  /** Its place in the primary key, from 0. */
  readonly key: number | null;
}

function tableOf(name: string, columns: readonly StoredColumn[]): MovedTable {
  const key = columns
    .filter((one) => one.key !== null && one.name !== 'tenant_id')
    .sort((a, b) => a.key! - b.key!)
    .map((one) => ({ name: one.name, type: one.type }));
  const stored = columns.filter((one) => !one.generated);
  const all = stored.map((one) => one.name).join(', ');
  const others = stored.filter((one) => one.key === null).map((one) => `${one.name} = excluded.${one.name}`);
  const target = ['tenant_id', ...key.map((one) => one.name)].join(', ');
  return {
    name,
    key: key.length === 0 ? [{ name: 'tenant_id', type: 'uuid' }] : key,
    identity: columns.find((one) => one.identity)?.name,
    ...runsOf(key),
    put: `insert into ${name} (${all}) overriding system value
      select ${all} from json_populate_recordset(null::${name}, $1::text::json)
      on conflict (${target}) do ${others.length === 0 ? 'nothing' : `update set ${others.join(', ')}`}`,
  };
}

/** By time where ids tell it: new rows then change few runs. */
function runsOf(key: readonly Column[]): Pick<MovedTable, 'run' | 'within' | 'inOrder'> {
  const list = "any (string_to_array($2, ','))";
  const id = key.find(({ type }) => type === 'uuid');
  if (id) {
    const run = `left(${id.name}::text, 8)`;
    return {
      run,
      inOrder: byText,
      within: (runs) => ({
        where: `${run} = ${list} and ${id.name} between $3::text::uuid and $4::text::uuid`,
        parameters: [
          runs.join(','),
          `${runs[0]}-0000-0000-0000-000000000000`,
          `${runs.at(-1)}-ffff-ffff-ffff-ffffffffffff`,
        ],
      }),
    };
  }
  const number = key.find(({ type }) => type === 'bigint' || type === 'integer');
  if (number) {
    const run = `floor(${number.name} / ${numbersPerRun}.0)::bigint::text`;
    return {
      run,
      inOrder: (a, b) => Number(a) - Number(b),
      within: (runs) => ({
        where: `${run} = ${list} and ${number.name} >= $3::text::bigint and ${number.name} < $4::text::bigint`,
        parameters: [
          runs.join(','),
          String(Number(runs[0]) * numbersPerRun),
          String((Number(runs.at(-1)) + 1) * numbersPerRun),
        ],
      }),
    };
  }
  const [first] = key;
  if (!first) return { run: `''`, inOrder: byText, within: () => ({ where: 'true', parameters: [] }) };
  const run = `left(md5(${first.name}::text), 2)`;
  return { run, inOrder: byText, within: (runs) => ({ where: `${run} = ${list}`, parameters: [runs.join(',')] }) };
}
