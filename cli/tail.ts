/** Tail: events as they are committed. It polls the feed, whose cursor misses nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, type Invocation, text, whole, words } from './command.ts';
import { eventHead, eventRow, say, table } from './print.ts';

/** Wide enough for most, because the rows to come are not known. */
const widths = [23, 28, 24, 8, 40, 15];
const pageEvents = 200;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err, stop } = invocation;
  words(invocation.words, []);
  const waitMs = (whole(flags, 'every', 1, 3600) ?? 2) * 1000;
  const client = invocation.open();
  const json = flags.json === true;
  let after = text(flags, 'after');
  // Without a cursor the story begins now: what is there already is passed over.
  let passing = after === undefined && flags.all !== true;
  if (!json) say({ out }, line(eventHead));
  for (;;) {
    const page = await client.feed(after, passing ? 1000 : pageEvents);
    after = page.next;
    if (page.since !== undefined && !passing) {
      err.write(`The feed begins with ${page.since}; find what is older with: trailkeep query --to ${page.since}\n`);
    }
    for (const { file, block } of page.damaged ?? []) {
      err.write(`A block is damaged and its events are left out: block ${block} of ${file}\n`);
    }
    for (const key of page.missing ?? []) err.write(`A segment is gone and its events are left out: ${key}\n`);
    if (!passing) {
      for (const event of page.events) say({ out }, json ? `${JSON.stringify(event)}\n` : line(eventRow(event)));
    }
    if (stop.aborted) break;
    if (page.events.length > 0) continue;
    passing = false;
    await sleep(waitMs, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) break;
  }
  if (!json) err.write(`\nGo on later with: trailkeep tail --after ${after}\n`);
  return 0;
}

const line = (cells: readonly string[]): string =>
  table(
    cells.map((cell, column) => cell.padEnd(widths[column]!).slice(0, Math.max(widths[column]!, cell.length))),
    [],
  );

export const tailCommand: Command = {
  name: 'tail',
  summary: 'follow the trail as it is written',
  usage: '',
  options: { after: { type: 'string' }, all: { type: 'boolean' }, every: { type: 'string' } },
  flags: [
    ['--after CURSOR', 'goes on where an earlier tail ended; else it begins now'],
    ['--all', 'begins at the very first event'],
    ['--every SECONDS', 'how often it asks when there is nothing new (2)'],
  ],
  examples: [
    ['trailkeep tail', 'until Ctrl-C'],
    ['trailkeep tail --all --json > trail.jsonl', 'everything, then what comes'],
  ],
  run,
};
