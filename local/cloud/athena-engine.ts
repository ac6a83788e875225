/**
 * Athena's engine by DuckDB, in a sandbox: it reads the buckets' files below one folder and nothing else, and opens no
 * network. Its SQL is not Trino's, so only functions that both have pass, some by another name; whatever passes here
 * has still to be parsed by Trino's grammar.
 */
import { existsSync } from 'node:fs';
import type { DuckDBInstance } from '@duckdb/node-api';
import { type Plan, passes, planOf, type TableRead } from './athena-plan.ts';
import { duckType, type GlueTable, layoutOf, projectionOf } from './athena-tables.ts';

/** A statement fails; the message is Athena's where we know it. */
export class QueryFailed extends Error {
  override readonly name = 'QueryFailed';
}

/** An object that a table may read. */
export interface StoredObject {
  readonly key: string;
  readonly path: string;
  readonly bytes: number;
  /** In Glacier, and whether there is a copy that can be read now. */
  readonly archived: boolean;
  readonly restored: boolean;
}

export interface EngineOptions {
  /** The folder that holds the buckets. */
  readonly folder: string;
  readonly objects: (bucket: string, prefix: string) => readonly StoredObject[];
  readonly table: (name: string) => GlueTable | undefined;
  readonly now: () => number;
}

export interface Column {
  readonly name: string;
  /** As Athena names types. */
  readonly type: string;
}

export interface Running {
  /** Sum of the sizes of the files that it reads, before it reads them. */
  readonly scannedBytes: number;
  rows(): Promise<{ readonly columns: readonly Column[]; readonly rows: AsyncIterable<readonly (string | null)[]> }>;
  stop(): void;
  close(): void;
}

/** Functions that pass, by Trino's name, and DuckDB's name where it differs. */
const functions: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'abs avg ceil coalesce concat count count_if date_diff date_trunc floor greatest hour if json_extract least length',
    'lower lpad max max_by min min_by minute month nullif rank replace round row_number split_part starts_with strpos',
    'substr substring sum trim try_cast unnest upper year day day_of_week from_iso8601_timestamp count_star',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, name] as const)
    .concat([
      ['approx_distinct', 'approx_count_distinct'],
      ['arbitrary', 'any_value'],
      ['array_agg', 'array_agg'],
      ['array_distinct', 'list_distinct'],
      ['array_join', 'array_to_string'],
      ['arrays_overlap', 'list_has_any'],
      ['cardinality', 'len'],
      ['contains', 'list_contains'],
      ['filter', 'list_filter'],
      ['json_extract_scalar', 'json_extract_string'],
      ['regexp_like', 'regexp_matches'],
      ['transform', 'list_transform'],
    ]),
);
const passing = new Set(Object.values(functions));

const macros = ['create macro from_iso8601_timestamp(text) as cast(text as timestamptz)'];

/** Longest stored line: an event and its envelopes are far below. */
const lineBytesMax = 16 * 1024 * 1024;

export class AthenaEngine {
  readonly #options: EngineOptions;
  #opened: Promise<DuckDBInstance> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Plans a statement. Throws `QueryFailed` with Athena's words. */
  async start(text: string, parameters: readonly string[]): Promise<Running> {
    this.#opened ??= this.#open();
    const connection = await (await this.#opened).connect();
    try {
      const sql = translated(text);
      const plan = await this.#plan(sql, parameters, connection);
      let scannedBytes = 0;
      for (const [table, reads] of Map.groupBy(plan.reads, (read) => read.table)) {
        const files = this.#filesOf(table, reads);
        for (const { bytes } of files) scannedBytes += bytes;
        await connection.run(viewOf(this.#options.table(table)!, [...new Set(files.map(({ path }) => path))]));
      }
      return {
        scannedBytes,
        rows: async () => {
          const result = await connection.stream(sql, [...parameters]).catch((error: Error) => {
            throw failedBy(error);
          });
          const types = result.columnTypes();
          const columns = result.columnNames().map((name, at) => ({ name, type: athenaType(String(types[at])) }));
          return { columns, rows: textRows(result) };
        },
        stop: () => connection.interrupt(),
        close: () => connection.closeSync(),
      };
    } catch (error) {
      connection.closeSync();
      throw error;
    }
  }

  close(): void {
    this.#opened?.then((instance) => instance.closeSync()).catch(() => {});
  }

  async #open(): Promise<DuckDBInstance> {
    // 70 MB of native code that most starts never need.
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' });
    const connection = await instance.connect();
    const folder = `${this.#options.folder.replaceAll("'", "''")}/`;
    for (const statement of [
      "set TimeZone = 'UTC'",
      ...macros,
      `set allowed_directories = ['${folder}']`,
      'set enable_external_access = false',
      'set lock_configuration = true',
    ]) {
      await connection.run(statement);
    }
    connection.closeSync();
    return instance;
  }

  async #plan(
    sql: string,
    parameters: readonly string[],
    connection: Awaited<ReturnType<DuckDBInstance['connect']>>,
  ): Promise<Plan> {
    const reader = await connection.runAndReadAll('select json_serialize_sql($1::varchar)', [sql]);
    const tree = JSON.parse(String(reader.getRows()[0]![0])) as {
      readonly error: boolean;
      readonly error_message?: string;
      readonly statements?: readonly unknown[];
    };
    if (tree.error) throw new QueryFailed(`SYNTAX_ERROR: ${tree.error_message ?? 'the statement does not parse'}`);
    if (tree.statements?.length !== 1) {
      throw new QueryFailed('INVALID_FUNCTION_ARGUMENT: Only one sql statement is allowed.');
    }
    const plan = planOf(tree.statements[0], parameters);
    for (const name of plan.functions) {
      if (!passing.has(name)) {
        throw new QueryFailed(
          `FUNCTION_NOT_FOUND: Function '${name}' not registered (the local Athena knows a part of Trino's)`,
        );
      }
    }
    return plan;
  }

  /** The files that the partitions of these reads select, once for each read. */
  #filesOf(name: string, reads: readonly TableRead[]): readonly StoredObject[] {
    const table = this.#options.table(name);
    if (!table) throw new QueryFailed(`TABLE_NOT_FOUND: Table 'awsdatacatalog.${name}' does not exist`);
    const projected = new Map(
      table.PartitionKeys.map(({ Name }) => [Name, projectionOf(table, Name, this.#options.now())]),
    );
    for (const { conditions } of reads) {
      for (const [key, { injected }] of projected) {
        if (injected && !conditions.some(({ column, kind }) => column === key && kind === 'in')) {
          throw new QueryFailed(
            `CONSTRAINT_VIOLATION: For the injected projected partition column ${key}, the WHERE clause must contain only static equality conditions, and at least one such condition must be present.`,
          );
        }
      }
    }
    const { bucket, prefix, partitionsOf } = layoutOf(table);
    const readsCopies = table.Parameters.read_restored_glacier_objects === 'true';
    const there = this.#options
      .objects(bucket, prefix)
      .filter(({ archived, restored, bytes }) => bytes > 0 && (!archived || (restored && readsCopies)))
      .flatMap((object) => {
        const values = partitionsOf(object.key);
        return values && Object.entries(values).every(([key, value]) => projected.get(key)?.has(value))
          ? [{ object, values }]
          : [];
      });
    return reads.flatMap(({ conditions }) =>
      there
        .filter(({ values }) =>
          conditions.every((condition) => {
            const value = values[condition.column];
            return value === undefined || passes(value, condition);
          }),
        )
        .map(({ object }) => object),
    );
  }
}

/** A view of these files under the table's name, for this connection alone. */
function viewOf(table: GlueTable, paths: readonly string[]): string {
  const { Columns, SerdeInfo } = table.StorageDescriptor;
  const names = [...Columns, ...table.PartitionKeys];
  const head = `create temp view "${table.Name}" as select ${names.map(({ Name }) => `"${Name}"`).join(', ')} from`;
  if (paths.length === 0) {
    const nulls = names.map(({ Name, Type }) => `cast(null as ${duckType(Type)}) as "${Name}"`);
    return `${head} (select ${nulls.join(', ')}) where false`;
  }
  const lost = paths.find((path) => !existsSync(path));
  if (lost !== undefined) throw new Error(`the local Athena finds no file ${lost}`);
  const files = `[${paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')}]`;
  const common = `${files}, compression = 'gzip', hive_partitioning = true, hive_types_autocast = false`;
  const library = SerdeInfo.SerializationLibrary;
  if (library.endsWith('.LazySimpleSerDe') && Columns.length === 1) {
    // Stored lines hold no control character, so the separator that Hive uses by default never comes.
    return `${head} read_csv(${common}, columns = {'${Columns[0]!.Name}': 'VARCHAR'}, delim = '\u0001', header = false, quote = '', escape = '', auto_detect = false, max_line_size = ${lineBytesMax})`;
  }
  if (library === 'org.openx.data.jsonserde.JsonSerDe') {
    const columns = Columns.map(({ Name, Type }) => `'${Name}': '${duckType(Type)}'`).join(', ');
    return `${head} read_json(${common}, format = 'newline_delimited', columns = {${columns}}, maximum_object_size = ${lineBytesMax})`;
  }
  throw new Error(`the local Athena does not know how ${library} reads ${Columns.length} columns`);
}

/** Trino's words where DuckDB has others; what stands in quotes stays. */
function translated(text: string): string {
  return text
    .split(/('(?:[^']|'')*'|"(?:[^"]|"")*")/)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part
            .replace(/\barray\s*\(\s*(\w+)\s*\)/gi, '$1[]')
            // An aggregate's own `filter (where …)` is no function.
            .replace(/(?<!\)\s*)\b([a-z_][a-z0-9_]*)(\s*\()/gi, (all, name: string, open: string) => {
              const other = functions[name.toLowerCase()];
              return other === undefined ? all : other + open;
            }),
    )
    .join('');
}

async function* textRows(result: {
  yieldRowsJson(): AsyncIterable<readonly (readonly unknown[])[]>;
}): AsyncGenerator<readonly (string | null)[]> {
  try {
    for await (const rows of result.yieldRowsJson()) {
      for (const row of rows) yield row.map(textOf);
    }
  } catch (error) {
    throw failedBy(error as Error);
  }
}

const textOf = (value: unknown): string | null => {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

function athenaType(duck: string): string {
  if (duck === 'BIGINT' || duck === 'HUGEINT' || duck === 'UBIGINT') return 'bigint';
  if (duck.startsWith('TIMESTAMP')) return 'timestamp';
  return ['INTEGER', 'DOUBLE', 'BOOLEAN', 'DATE'].includes(duck) ? duck.toLowerCase() : 'varchar';
}

function failedBy({ message }: Error): QueryFailed {
  const [first = ''] = message.split('\n');
  return new QueryFailed(
    /malformed json|invalid (?:json|unicode)/i.test(message)
      ? `HIVE_BAD_DATA: ${first}`
      : `GENERIC_USER_ERROR: ${first}`,
  );
}
