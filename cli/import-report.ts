/** What an import of a table says of itself, to people and to programs. */
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { Comparison } from './import-commit.ts';
import { plain, type Streams } from './print.ts';
import { Progress } from './progress.ts';
import type { Staging } from './staging.ts';

export const count = (value: number): string => value.toLocaleString('en');
const shownMax = 5;

/** How far it is, by rows or events. */
export class Counter {
  total = 0;
  #done = 0;
  readonly #progress: Progress;

  constructor(err: Streams['err'], what: 'rows' | 'events') {
    this.#progress = new Progress(err, Date.now, what);
  }

  get seconds(): number {
    return this.#progress.seconds;
  }

  add(more: number): void {
    this.#done += more;
    this.#progress.show(this.#state);
  }

  end(): void {
    this.#progress.done(this.#state);
  }

  get #state() {
    return { bytes: this.#done, bytesTotal: this.total, events: this.#done };
  }
}

/** Counts of the folder. */
export function summaryOf(staging: Staging) {
  const { begin, ranges, staged, sent } = staging;
  const sum = new LinesSum();
  for (const { checksum, events } of ranges) sum.addSum(checksum, events);
  return {
    import: begin.import,
    table: begin.table,
    rows: ranges.reduce((all, { rows }) => all + rows, 0),
    events: sum.count,
    refused_rows: ranges.reduce((all, { refused }) => all + refused, 0),
    refused_events: [...sent.values()].reduce((all, { refused }) => all + refused.length, 0),
    without_key: staged?.withoutKey ?? 0,
    /** Rows that were there when the last one was read, and are not in the folder. */
    missed: staged ? Math.max(0, staged.counted - staged.withoutKey - staged.rows) : 0,
    checksum: sum.hex,
  };
}

/** What lies in the folder, and what to do next. */
export function stagedText(staging: Staging, folder: string): string {
  const { begin } = staging;
  const summary = summaryOf(staging);
  const bounds = [...(begin.from ? [`from ${begin.from}`] : []), ...(begin.to ? [`to ${begin.to}`] : [])];
  const lines = [
    `import        ${begin.import}`,
    `table         ${[`${begin.table} in ${begin.place}`, ...bounds].join(', ')}`,
    `rows          ${count(summary.rows)}`,
    `events        ${count(summary.events)}, in ${count(staging.ranges.length)} ranges`,
    `refused       ${count(summary.refused_rows)}`,
    ...staging.refusals(shownMax).map(({ row, code, detail }) => `    ${plain(row)}  ${code}  ${plain(detail)}`),
    ...(summary.refused_rows > shownMax ? [`    all of them: ${folder}/*.refused.jsonl`] : []),
    ...(summary.without_key > 0 ? [`without key   ${count(summary.without_key)} rows, which are left out`] : []),
    ...(summary.missed > 0 ? [`missed        ${count(summary.missed)} rows came in behind the reading`] : []),
    `checksum      ${summary.checksum}`,
    ...(staging.sending.size > 0
      ? [
          `sent          ${count(staging.sent.size)} of ${count(staging.ranges.length)} ranges; --commit goes on and compares.`,
        ]
      : [
          'Nothing was sent. Look at it, then add --commit; or take it back with --rollback.',
          `  zcat ${staging.eventsPath(1)} | head -1`,
        ]),
    `  trailkeep import postgres --stage ${folder} --commit`,
  ];
  return `${lines.join('\n')}\n`;
}

/** What the trail has of it, beside what the table had. */
export function outcomeText(staging: Staging, { sent, there, masked, different }: Comparison): string {
  const summary = summaryOf(staging);
  const refused = [...staging.sent.values()].flatMap((range) => range.refused);
  const lines = [
    `import        ${summary.import}`,
    `rows          ${count(summary.rows)}, of which ${count(summary.refused_rows)} are no events`,
    `refused       ${count(refused.length)} by the API`,
    ...refused.slice(0, shownMax).map(({ row, code, detail }) => `    ${plain(row)}  ${code}  ${plain(detail)}`),
    `the table     ${count(sent.events)} events  ${sent.checksum}`,
    `the trail     ${count(there.events)} events  ${there.checksum}`,
    ...different
      .slice(0, shownMax)
      .map(
        ({ range, sent: ours, there: theirs }) =>
          `    ${plain(range.first.join(', '))} to ${plain(range.last.join(', '))}: ${count(ours)} sent, ${count(theirs)} there${ours === theirs ? ', other fields' : ''}`,
      ),
    ...(masked > 0
      ? [
          `${count(masked)} events have fields that this key does not see, so they cannot be compared: --purpose, or another key.`,
        ]
      : []),
    different.length === 0
      ? 'The same. Every event of the import is in the trail, field by field.'
      : `Not the same in ${count(different.length)} ranges. Run the command again; if it stays, --rollback.`,
    `  trailkeep query --operation-id ${summary.import}`,
  ];
  return `${lines.join('\n')}\n`;
}
