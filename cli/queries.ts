/** Queries: what is too much for `query` is asked of the whole archive, and its results are read when they are there. */
import type { QueryCoverage, QueryView } from '#client/queries.ts';
import { type Command, type Invocation, whole, words } from './command.ts';
import { unknownVerb } from './key.ts';
import { bytesText } from './page-gaps.ts';
import { eventHead, eventRow, say, table } from './print.ts';
import { filterOf, queryCommand } from './query.ts';

const verbs = ['ask', 'show', 'results', 'cancel'] as const;
/** The API takes up to this. */
const limitMax = 100_000;
const pageSize = 1000;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err, now } = invocation;
  const [verb = '', ...rest] = invocation.words;
  const { queries } = invocation.open();
  const tell = (view: QueryView) => say({ out }, flags.json === true ? `${JSON.stringify(view)}\n` : viewText(view));
  switch (verb) {
    case 'ask': {
      words(rest, []);
      const limit = whole(flags, 'limit', 1, limitMax);
      const view = await queries.ask({ ...filterOf(flags, now()), ...(limit === undefined ? {} : { limit }) });
      if (flags.wait === true) return results(invocation, view.id);
      tell(view);
      if (flags.json !== true) err.write(`Its results, when they are there: trailkeep queries results ${view.id}\n`);
      return 0;
    }
    case 'show':
      tell(await queries.get(words(rest, ['The id of the query'])[0]!));
      return 0;
    case 'results':
      return results(invocation, words(rest, ['The id of the query'])[0]!);
    case 'cancel':
      await queries.cancel(words(rest, ['The id of the query'])[0]!);
      return 0;
    default:
      throw unknownVerb('queries', verb, verbs);
  }
}

async function results(invocation: Invocation, id: string): Promise<number> {
  const { flags, out, err, stop } = invocation;
  const { queries } = invocation.open();
  const view = await queries.ended(id);
  if (view.state !== 'succeeded') {
    err.write(viewText(view));
    return 1;
  }
  const rows: string[][] = [];
  let cursor: string | undefined;
  let limited = false;
  do {
    const page = await queries.page(id, cursor, pageSize);
    for (const event of page.events) {
      if (flags.json === true) say({ out }, `${JSON.stringify(event)}\n`);
      else rows.push(eventRow(event));
    }
    cursor = page.next_cursor ?? undefined;
    limited = page.limited;
  } while (cursor !== undefined && !stop.aborted);
  if (rows.length > 0) say({ out }, table(eventHead, rows, out.isTTY ? out.columns : undefined));
  if (limited) err.write(`There is more: the query asked for ${view.limit} events. Ask with a higher --limit.\n`);
  err.write(coverageText(view.coverage));
  return limited || !view.coverage.complete || cursor !== undefined ? 1 : 0;
}

const viewText = (view: QueryView): string =>
  `${view.id}  ${view.state}, ${bytesText(view.scanned_bytes)} scanned, ${view.cost_usd} US$\n${coverageText(view.coverage)}`;

function coverageText({ archived = [], pending }: QueryCoverage): string {
  const lines = archived.map(
    ({ day, month, category, events }) =>
      `Archived, and not in it: ${day ?? month} ${category}, up to ${events} events\n`,
  );
  if (archived.length > 0) lines.push('What it takes to bring them back: trailkeep help archive\n');
  if (pending) {
    lines.push(
      `${pending.events} events are not in the archive yet; trailkeep query --from ${pending.from} finds them.\n`,
    );
  }
  return lines.join('');
}

const { cursor: _cursor, ...filterOptions } = queryCommand.options;

export const queriesCommand: Command = {
  name: 'queries',
  summary: 'ask the whole archive what is too much for query',
  usage: 'ask | show ID | results ID | cancel ID',
  options: { ...filterOptions, wait: { type: 'boolean' } },
  flags: [
    ...queryCommand.flags.filter(([flag]) => !/^--(limit|cursor) /.test(flag)),
    ['--limit N', `at most so many events (1000, up to ${limitMax})`],
    ['--wait', 'wait for the results and print them'],
  ],
  examples: [
    ['trailkeep queries ask --actor ada --from 2019-01-01 --limit 100000', 'years of what somebody did'],
    ['trailkeep queries results 0198c0de-0000-7000-8000-000000000000 --json > ada.jsonl', 'when it has ended'],
  ],
  run,
};
