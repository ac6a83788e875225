/** Answers of an instance of ServiceNow: its Table API, as far as encoded queries of keys and times go. */
import { notFound, type OpsAnswer } from './answer.ts';
import type { OpsRecord, OpsServiceNow } from './dataset.ts';

const limitMax = 10_000;

export class ServiceNowAnswers {
  readonly #data: OpsServiceNow;
  readonly #names: ReadonlyMap<string, string>;
  constructor(data: OpsServiceNow) {
    this.#data = data;
    this.#names = new Map(Object.values(data.tables).flatMap((rows) => rows.map((one) => [one.sys_id, one.name])));
  }

  answer(path: string, query: URLSearchParams): OpsAnswer {
    const table = /^\/api\/now\/table\/(\w+)$/.exec(path)?.[1];
    if (table === undefined) return notFound;
    const rows = this.#data.tables[table];
    if (!rows) return { status: 400, body: { error: { message: `Invalid table ${table}`, detail: null } } };
    const found = asked(rows, query.get('sysparm_query') ?? '');
    if (!found) return { status: 400, body: { error: { message: 'Invalid query', detail: null } } };
    const from = Number(query.get('sysparm_offset') ?? 0);
    const limit = Math.min(Number(query.get('sysparm_limit') ?? limitMax), limitMax);
    const fields = query.get('sysparm_fields')?.split(',').filter(Boolean);
    const both = query.get('sysparm_display_value') === 'all';
    const shown = (row: OpsRecord) =>
      Object.fromEntries(
        Object.entries(row)
          .filter(([field]) => !fields || fields.includes(field))
          .map(([field, value]) => [field, both ? { display_value: this.#named(field, value), value } : value]),
      );
    return { body: { result: found.slice(from, from + limit).map(shown) } };
  }

  /** A reference reads as the name of what it refers to. */
  #named = (field: string, value: string): string => (field === 'sys_id' ? value : (this.#names.get(value) ?? value));
}

/** Rows of an encoded query, in its order; undefined for one that we do not understand. */
function asked(rows: readonly OpsRecord[], encoded: string): readonly OpsRecord[] | undefined {
  const order: string[] = [];
  const branches = encoded.split('^NQ').map((branch) =>
    branch.split('^').flatMap((term) => {
      if (!term.startsWith('ORDERBY')) return [term];
      order.push(term.slice('ORDERBY'.length));
      return [];
    }),
  );
  const tests = branches.map((terms) => terms.filter((one) => one !== '').map(testOf));
  if (tests.flat().includes(undefined)) return undefined;
  const found = rows.filter((row) => tests.some((all) => all.every((one) => one!(row))));
  return found.toSorted((a, b) => {
    for (const field of order) {
      const [left, right] = [a[field] ?? '', b[field] ?? ''];
      if (left !== right) return left < right ? -1 : 1;
    }
    return 0;
  });
}

function testOf(term: string): ((row: OpsRecord) => boolean) | undefined {
  const [, field, operator, value = ''] = /^(\w+?)(>=|<=|>|<|=|ISNOTEMPTY)(.*)$/.exec(term) ?? [];
  if (field === undefined) return undefined;
  return (row) => {
    const held = row[field] ?? '';
    switch (operator) {
      case '>=':
        return held >= value;
      case '<=':
        return held <= value;
      case '>':
        return held > value;
      case '<':
        return held < value;
      case '=':
        return held === value;
      default:
        return held !== '';
    }
  };
}
