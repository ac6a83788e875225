/**
 * What a statement reads: its tables, and the conditions on partition keys that stand beside each.
 *
 * DuckDB parses and hands its tree over as JSON; nothing here understands SQL by itself.
 */

/** A condition on one partition key that can be decided without reading. */
export interface Condition {
  readonly column: string;
  /** `in`: one of these values. */
  readonly kind: 'in' | '<' | '<=' | '>' | '>=';
  readonly values: readonly string[];
}

/** One place of a statement where a table is read. */
export interface TableRead {
  readonly table: string;
  readonly conditions: readonly Condition[];
}

export interface Plan {
  readonly reads: readonly TableRead[];
  /** Names of the functions it calls, operators left out. */
  readonly functions: ReadonlySet<string>;
}

type Node = { readonly [key: string]: unknown };
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads DuckDB's tree of one SELECT. `parameters` are the values of its `?`. */
export function planOf(tree: unknown, parameters: readonly string[]): Plan {
  const reads: TableRead[] = [];
  const functions = new Set<string>();
  visit(tree, new Set());
  return { reads, functions };

  function visit(value: unknown, named: ReadonlySet<string>): void {
    if (Array.isArray(value)) for (const one of value) visit(one, named);
    if (!isNode(value)) return;
    if (value.class === 'FUNCTION' && value.is_operator !== true) functions.add(String(value.function_name));
    let known = named;
    if (isNode(value.cte_map)) {
      const entries = value.cte_map.map as readonly { readonly key: string }[];
      known = new Set([...named, ...entries.map(({ key }) => key.toLowerCase())]);
    }
    if (value.type === 'SELECT_NODE') readTables(value, known);
    for (const inner of Object.values(value)) visit(inner, known);
  }

  function readTables(select: Node, named: ReadonlySet<string>): void {
    const tables: { readonly name: string; readonly alias: string }[] = [];
    const tests: unknown[] = [select.where_clause];
    const walk = (from: unknown): void => {
      if (!isNode(from)) return;
      if (from.type === 'BASE_TABLE') {
        const name = String(from.table_name).toLowerCase();
        if (!named.has(name)) tables.push({ name, alias: String(from.alias || name).toLowerCase() });
      } else if (from.type === 'JOIN') {
        // What an outer join compares does not narrow what it keeps.
        if (from.join_type === 'INNER') tests.push(from.condition);
        walk(from.left);
        walk(from.right);
      }
    };
    walk(select.from_table);
    const all = tests.flatMap((test) => conjuncts(test));
    for (const { name, alias } of tables) {
      reads.push({ table: name, conditions: all.flatMap((test) => conditionsOf(test, alias, parameters)) });
    }
  }
}

/** The tests that must all hold. */
function conjuncts(test: unknown): readonly Node[] {
  if (!isNode(test)) return [];
  if (test.type === 'CONJUNCTION_AND') return (test.children as readonly unknown[]).flatMap(conjuncts);
  return [test];
}

const comparisons: Readonly<Record<string, { readonly kind: Condition['kind']; readonly turned: Condition['kind'] }>> =
  {
    COMPARE_EQUAL: { kind: 'in', turned: 'in' },
    COMPARE_LESSTHAN: { kind: '<', turned: '>' },
    COMPARE_LESSTHANOREQUALTO: { kind: '<=', turned: '>=' },
    COMPARE_GREATERTHAN: { kind: '>', turned: '<' },
    COMPARE_GREATERTHANOREQUALTO: { kind: '>=', turned: '<=' },
  };

function conditionsOf(test: Node, alias: string, parameters: readonly string[]): readonly Condition[] {
  const constant = (value: unknown) => constantOf(value, parameters);
  if (test.type === 'COMPARE_BETWEEN') {
    const column = columnOf(test.input, alias);
    const [lower, upper] = [constant(test.lower), constant(test.upper)];
    if (column === undefined || lower === undefined || upper === undefined) return [];
    return [
      { column, kind: '>=', values: [lower] },
      { column, kind: '<=', values: [upper] },
    ];
  }
  if (test.type === 'COMPARE_IN') {
    const [first, ...rest] = test.children as readonly unknown[];
    const column = columnOf(first, alias);
    const values = rest.map(constant);
    if (column === undefined || !values.every((value) => value !== undefined)) return [];
    return [{ column, kind: 'in', values: values as string[] }];
  }
  const comparison = comparisons[String(test.type)];
  if (!comparison) return [];
  const [left, right] = [columnOf(test.left, alias), columnOf(test.right, alias)];
  if (left !== undefined) {
    const value = constant(test.right);
    return value === undefined ? [] : [{ column: left, kind: comparison.kind, values: [value] }];
  }
  const value = right === undefined ? undefined : constant(test.left);
  return right === undefined || value === undefined
    ? []
    : [{ column: right, kind: comparison.turned, values: [value] }];
}

/** The column's own name, when it may be one of this table. */
function columnOf(value: unknown, alias: string): string | undefined {
  if (!isNode(value) || value.class !== 'COLUMN_REF') return undefined;
  const names = (value.column_names as readonly string[]).map((name) => name.toLowerCase());
  if (names.length === 1) return names[0];
  return names.length === 2 && names[0] === alias ? names[1] : undefined;
}

function constantOf(value: unknown, parameters: readonly string[]): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.class === 'CAST') return constantOf(value.child, parameters);
  if (value.class === 'PARAMETER') return parameters[Number(value.identifier) - 1];
  if (value.class !== 'CONSTANT') return undefined;
  const { is_null, value: constant } = value.value as { readonly is_null: boolean; readonly value: unknown };
  return is_null ? undefined : String(constant);
}

/** Whether a partition's value passes a condition. Days and months compare as texts. */
export function passes(value: string, { kind, values }: Condition): boolean {
  const [bound = ''] = values;
  switch (kind) {
    case 'in':
      return values.includes(value);
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
  }
}
