/**
 * Import: logs of other systems become events, through the same door as everybody's.
 *
 * Each batch carries an idempotency key made of its content, so that running the command again soon, after
 * Ctrl-C or a failure, adds nothing twice. Four batches are on their way at once, and reading waits for them.
 */
import { createHash } from 'node:crypto';
import { classify } from '#core/event/catalogue.ts';
import { type EventInput, eventBytesMax } from '#core/event/event.ts';
import { type MapPair, readMapping } from '#core/record/formats/mapping.ts';
import { type Command, type Invocation, text, texts, whole } from './command.ts';
import { CliError, explain, UsageError } from './fail.ts';
import { importPostgresCommand } from './import-postgres.ts';
import { type Format, formats, type Reading, rawEvent, readSource } from './import-reader.ts';
import { Tally } from './import-tally.ts';
import { say } from './print.ts';
import { Progress } from './progress.ts';
import { openSources, type Source } from './sources.ts';

const inFlightMax = 4;
/** Half of what a request may hold. */
const batchBytesMax = 2 * 1024 * 1024;

interface Batch {
  readonly lines: string[];
  /** Where each event came from, for what is said of a refused one. */
  readonly places: string[];
  bytes: number;
}

/** Nobody wants to begin again: a batch is tried for a quarter of a minute, and longer where Retry-After asks. */
const retriesOfImport = 8;

async function run(invocation: Invocation): Promise<number> {
  const { flags, words, err, out, stop, now } = invocation;
  const format = formatOf(text(flags, 'format'));
  if (words.length === 0) throw new UsageError('Which file? Name one or more, or - for standard input.');
  const pairs = pairsOf(texts(flags, 'map'), format);
  const year = whole(flags, 'year', 1970, 9999);
  const batchMax = whole(flags, 'batch', 1, 1000) ?? 500;
  const unrecognised = text(flags, 'unrecognised') ?? 'skip';
  if (unrecognised !== 'skip' && unrecognised !== 'raw') {
    throw new UsageError(`--unrecognised is skip or raw, not ${JSON.stringify(unrecognised)}.`);
  }
  const sources = await openSources(words, invocation.stdin);
  const client = flags['dry-run'] === true ? undefined : invocation.open('tenant', retriesOfImport);

  const tally = new Tally(words.length > 1);
  const progress = new Progress(err, Date.now);
  const bytesTotal = totalOf(sources);
  let bytesRead = 0;
  const state = () => ({ bytes: bytesRead, bytesTotal, events: tally.settled });
  const inFlight = new Set<Promise<void>>();
  let failure: unknown;

  const send = async ({ lines, places }: Batch): Promise<void> => {
    const body = `${lines.join('\n')}\n`;
    try {
      const answer = await client?.sendLines(body, { idempotencyKey: keyOf(format, body) });
      if (answer) tally.answered(answer, places);
    } catch (error) {
      failure ??= error;
    }
    progress.show(state());
  };
  let batch: Batch = { lines: [], places: [], bytes: 0 };
  const flush = async (): Promise<void> => {
    if (batch.lines.length === 0 || failure !== undefined) return;
    const sent = send(batch);
    batch = { lines: [], places: [], bytes: 0 };
    inFlight.add(sent);
    void sent.finally(() => inFlight.delete(sent));
    if (inFlight.size >= inFlightMax) await Promise.race(inFlight);
  };

  read: for (const source of sources) {
    const readings = readSource(
      source.text((bytes) => {
        bytesRead += bytes;
      }),
      { format, pairs, year, now: now() },
    );
    for await (const reading of readings) {
      if (stop.aborted || failure !== undefined) break read;
      const place = `${sources.length > 1 ? `${source.name}:` : 'line '}${reading.line}`;
      const event = take(tally, reading, place, unrecognised === 'raw');
      if (event === undefined) continue;
      if (client === undefined) {
        tally.wouldSend(event, classify(event.action, event).tier);
        continue;
      }
      // Our own shape goes out as it came, to the byte.
      const line = format === 'jsonl' && pairs === undefined ? reading.text.trim() : JSON.stringify(event);
      const bytes = Buffer.byteLength(line) + 1;
      if (bytes > eventBytesMax) {
        tally.refuse('event_too_large', `The event has more than ${eventBytesMax} bytes.`, place);
        continue;
      }
      if (batch.bytes + bytes > batchBytesMax) await flush();
      batch.lines.push(line);
      batch.places.push(place);
      batch.bytes += bytes;
      if (batch.lines.length >= batchMax) await flush();
      progress.show(state());
    }
  }
  if (!stop.aborted) await flush();
  await Promise.all(inFlight);

  progress.done(state());
  const summary = tally.summary(progress.seconds, client === undefined);
  say({ out }, flags.json === true ? `${JSON.stringify(summary.json)}\n` : summary.text);
  const again = 'Run the same command again to go on: what went in already is not added twice.';
  if (failure !== undefined) {
    const first = explain(failure, invocation.origin);
    throw new CliError(first.join('\n'), tally.settled > 0 ? again : undefined);
  }
  if (stop.aborted) throw new CliError('Stopped before the end.', again);
  return tally.accepted === 0 && tally.read > 0 && client !== undefined ? 1 : 0;
}

/** The event of a reading, or undefined after it was counted as something else. */
function take(tally: Tally, { text: line, found }: Reading, place: string, keepRaw: boolean): EventInput | undefined {
  tally.read += 1;
  if (found === 'unrecognised') tally.unrecognise(line, place);
  const event = found === 'unrecognised' ? (keepRaw ? rawEvent(line) : undefined) : found;
  if (event === undefined || event === 'unrecognised') return undefined;
  if (event.ok) return event.value;
  tally.refuse(event.fault.code, event.fault.detail, place);
  return undefined;
}

const keyOf = (format: Format, body: string): string =>
  `import-${createHash('sha256').update(`${format}\n${body}`).digest('hex')}`;

function formatOf(given: string | undefined): Format {
  if (given === undefined) throw new UsageError(`Say what the files hold: --format ${formats.join('|')}.`);
  const format = formats.find((one) => one === given);
  if (!format) throw new UsageError(`--format is one of ${formats.join(', ')}, not ${JSON.stringify(given)}.`);
  return format;
}

function pairsOf(given: readonly string[], format: Format): readonly MapPair[] | undefined {
  if (given.length === 0) return undefined;
  if (format !== 'csv' && format !== 'jsonl') throw new UsageError(`--map is for csv and jsonl; ${format} needs none.`);
  const read = readMapping(given);
  if (!read.ok) throw new UsageError(read.fault.detail);
  return read.value;
}

const totalOf = (sources: readonly Source[]): number | undefined =>
  sources.some(({ size }) => size === undefined) ? undefined : sources.reduce((sum, { size }) => sum + size!, 0);

export const importCommand: Command = {
  name: 'import',
  parts: [importPostgresCommand],
  summary: 'read logs of other systems into the trail',
  usage: '--format openssh|cloudtrail|jsonl|csv FILE… | postgres …',
  options: {
    format: { type: 'string', short: 'f' },
    map: { type: 'string', multiple: true },
    year: { type: 'string' },
    'dry-run': { type: 'boolean' },
    batch: { type: 'string' },
    unrecognised: { type: 'string' },
  },
  flags: [
    ['-f, --format FORMAT', 'openssh, cloudtrail, jsonl (events, or anything with --map) or csv (with a header)'],
    [
      '--map FIELD=COLUMN,…',
      'fills a field from a column, or with a fixed text: --map "actor.id=user,action=\'file.read\'"',
    ],
    ['--year YEAR', 'of syslog times, which have none; else the newest that is not in the future'],
    ['--dry-run', 'reads and judges everything and sends nothing'],
    ['--batch N', 'events a request, 1 to 1000 (500)'],
    ['--unrecognised WHAT', 'skip (default), or raw: keep such lines as log.line events'],
  ],
  examples: [
    ['trailkeep import -f openssh /var/log/auth.log', 'log-ins of a server'],
    ['trailkeep import -f cloudtrail AWSLogs/**/*.json.gz', 'files as AWS delivers them'],
    ['trailkeep import -f csv access.csv --map "time=when,actor=who,action=did" --dry-run', 'a table, on trial'],
    ['trailkeep import postgres --help', 'an audit table of a database, with checksums, resume and rollback'],
    ['journalctl -u ssh -o short | trailkeep import -f openssh -', 'standard input'],
  ],
  run,
};
