/** Query: the flags are the filters of the API, and times may be said as `2h`. */
import type { EventFilter } from '#client/answers.ts';
import { listParameters, parseSearch } from '#core/query/filter.ts';
import { type Command, type Flags, type Invocation, text, texts, whole, words } from './command.ts';
import { UsageError } from './fail.ts';
import { bytesText, PageGaps } from './page-gaps.ts';
import { eventHead, eventRow, say, table } from './print.ts';
import { readTime } from './time.ts';

const flagOf = (parameter: string) => parameter.replaceAll('_', '-');

/** The filter of the flags under its wire names, judged before anything is sent. */
export function filterOf(flags: Flags, now: Date): EventFilter {
  const filter: Record<string, string | readonly string[]> = {};
  for (const name of Object.keys(listParameters)) {
    const values = texts(flags, flagOf(name)).flatMap((value) => value.split(','));
    if (values.length > 0) filter[name] = values;
  }
  for (const name of ['from', 'to'] as const) {
    const given = text(flags, name);
    if (given !== undefined) filter[name] = readTime(given, now, name);
  }
  const phrase = text(flags, 'text');
  if (phrase !== undefined) filter.text = phrase;
  const judged = parseSearch(filter);
  if (!judged.ok) throw new UsageError(judged.fault.detail);
  // Judged just now: the values are those that the type names.
  return filter as EventFilter;
}

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err, now, stop } = invocation;
  const [id, ...rest] = invocation.words;
  const client = invocation.open();
  if (id !== undefined) {
    words(rest, []);
    say({ out }, `${JSON.stringify(await client.get(id), null, flags.json === true ? undefined : 2)}\n`);
    return 0;
  }
  const filter = filterOf(flags, now());
  const limit = whole(flags, 'limit', 1, 1_000_000) ?? 50;
  const json = flags.json === true;
  const consistency = flags.strong === true ? 'strong' : undefined;
  const rows: string[][] = [];
  let cursor = text(flags, 'cursor');
  let incomplete = false;
  let shown = 0;
  let toScan: number | undefined;
  const gaps = new PageGaps();
  do {
    const page = await client.page({ ...filter, limit: Math.min(1000, limit - shown) }, cursor, consistency);
    shown += page.events.length;
    for (const event of page.events) {
      if (json) say({ out }, `${JSON.stringify(event)}\n`);
      else rows.push(eventRow(event));
    }
    cursor = page.next_cursor ?? undefined;
    // A scan that ran out of its budget is taken up again; what a person asked for decides when it is enough.
    incomplete = !page.complete;
    toScan = page.to_scan_bytes;
    gaps.add(page);
  } while (cursor !== undefined && shown < limit && !stop.aborted);
  if (rows.length > 0) say({ out }, table(eventHead, rows, out.isTTY ? out.columns : undefined));
  if (shown === 0)
    err.write('No event matches. Events of the bulk tier appear some seconds after they were accepted.\n');
  if (cursor !== undefined) {
    const why = incomplete ? 'The search is not complete' : `Shown are the newest ${shown}`;
    const left = toScan === undefined ? '' : ` (about ${bytesText(toScan)} are still to be scanned)`;
    err.write(
      `${why}${left}; go on with --cursor ${cursor}${shown >= limit ? ` or a higher --limit than ${limit}` : ''}\n`,
    );
  }
  err.write(gaps.text());
  return gaps.some ? 1 : 0;
}

const listFlags: readonly (readonly [string, string])[] = Object.entries(listParameters).map(
  ([name, { about, values }]) => [`--${flagOf(name)} ${values ? values.join('|') : 'TEXT'}`, about],
);

export const queryCommand: Command = {
  name: 'query',
  summary: 'find events of both tiers, newest first',
  usage: '[EVENT-ID]',
  options: {
    ...Object.fromEntries(
      Object.keys(listParameters).map((name) => [flagOf(name), { type: 'string' as const, multiple: true }]),
    ),
    from: { type: 'string' },
    to: { type: 'string' },
    text: { type: 'string' },
    limit: { type: 'string' },
    cursor: { type: 'string' },
    strong: { type: 'boolean' },
  },
  flags: [
    ['--from TIME', 'earliest: 2h, 30m, 7d ago, 2026-03-01, 2026-03-01T09:00:00Z'],
    ['--to TIME', 'before this'],
    ...listFlags,
    ['--text PHRASE', 'a part of any text of the event'],
    ['--limit N', 'at most so many (50)'],
    ['--cursor CURSOR', 'goes on where an earlier answer ended'],
    ['--strong', 'all that is stored by now; else the last seconds may be missing where there are read replicas'],
  ],
  examples: [
    ["trailkeep query --action 'ssh.*' --outcome failure --from 2h", 'failed log-ins of two hours'],
    ['trailkeep query --actor arn:aws:iam::123837392027:user/benjamin --limit 200', 'what somebody did'],
    ['trailkeep query --text payroll --json | jq .action', 'for programs'],
    ['trailkeep query 0198c0de-0000-7000-8000-000000000000', 'one event in full'],
  ],
  run,
};
