/** Views: what is summed beforehand over usage, costs, the CMDB and the trail, with its age. */
import {
  type ReadableView,
  type ReadableViewName,
  readableView,
  readableViewNames,
  type ViewValue,
} from '#core/costs/view-rows.ts';
import { type Command, type Invocation, text, words } from './command.ts';
import { UsageError } from './fail.ts';
import { say, table } from './print.ts';

/** What a page of the API holds at most. */
const pageRows = 1000;
const rowsDefault = 100;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out } = invocation;
  const width = out.isTTY ? out.columns : undefined;
  const asJson = flags.json === true;
  const { costViews } = invocation.open();
  if (invocation.words.length === 0) {
    const { views } = await costViews.list();
    if (asJson) for (const one of views) say({ out }, `${JSON.stringify(one)}\n`);
    else
      say(
        { out },
        table(
          ['VIEW', 'REFRESHED'],
          views.map((one) => [one.view, one.refreshed_at ?? 'never']),
          width,
        ),
      );
    return 0;
  }
  const [name] = words(invocation.words, ['The view']);
  const view = readableView(name!);
  if (!view)
    throw new UsageError(`There is no view ${JSON.stringify(name)}; there are ${readableViewNames.join(', ')}.`);
  return show(invocation, view, name as ReadableViewName, width);
}

async function show(
  { flags, out, err, open }: Invocation,
  view: ReadableView,
  name: ReadableViewName,
  width: number | undefined,
): Promise<number> {
  const { costViews } = open();
  const limit = limitOf(text(flags, 'limit'));
  const [from, to] = [text(flags, 'from'), text(flags, 'to')];
  const days = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  const rows: Readonly<Record<string, ViewValue>>[] = [];
  let page = await costViews.read(name, { ...days, limit: Math.min(limit, pageRows) });
  rows.push(...page.rows);
  while (page.next_cursor !== null && rows.length < limit) {
    page = await costViews.read(name, {
      ...days,
      limit: Math.min(limit - rows.length, pageRows),
      cursor: page.next_cursor,
    });
    rows.push(...page.rows);
  }
  if (flags.json === true) {
    for (const row of rows) say({ out }, `${JSON.stringify(row)}\n`);
    return 0;
  }
  // Numbers of members are for programs: their names stand beside them.
  const columns = Object.keys(view.columns).filter((column) => !column.endsWith('_id'));
  const head = columns.map((column) => column.toUpperCase().replaceAll('_', ' '));
  say(
    { out },
    table(
      head,
      rows.map((row) => columns.map((column) => cell(row[column]))),
      width,
    ),
  );
  const { refreshed_at, overrides, next_cursor } = page;
  const contained = overrides.length === 1 ? '1 override' : `${overrides.length} overrides`;
  err.write(
    refreshed_at === null
      ? 'It was never refreshed.\n'
      : `Refreshed ${refreshed_at}${view.overridden ? `, with ${contained}` : ''}.\n`,
  );
  if (next_cursor !== null) err.write('There are more: --limit.\n');
  return 0;
}

function limitOf(value: string | undefined): number {
  if (value === undefined) return rowsDefault;
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new UsageError(`--limit is a number of rows, not ${JSON.stringify(value)}.`);
  return Number(value);
}

function cell(value: ViewValue | undefined): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'object') return String(value);
  return (
    Object.entries(value)
      .map(([currency, amount]) => `${amount} ${currency}`)
      .join(', ') || '-'
  );
}

export const viewCommand: Command = {
  name: 'view',
  summary: 'show what is summed beforehand: costs, usage, licences, CMDB, events',
  usage: '[VIEW]',
  options: { from: { type: 'string' }, to: { type: 'string' }, limit: { type: 'string' } },
  flags: [
    ['--from DAY', 'first day or month, as 2026-10-01, for views that have one'],
    ['--to DAY', 'last one, included'],
    ['--limit N', `how many rows (${rowsDefault})`],
  ],
  examples: [
    ['trailkeep view', 'all views, and how old they are'],
    ['trailkeep view license_utilization --from 2026-10-01', 'who uses more than there is'],
  ],
  run,
};
