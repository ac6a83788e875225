/**
 * `import postgres`: an audit table that is there already becomes events of the trail.
 *
 * First into a folder, where it can be looked at and thrown away; then, with --commit, out of the folder into the trail,
 * and back again to be compared. Both halves go on where they were stopped.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { classify } from '#core/event/catalogue.ts';
import type { EventInput } from '#core/event/event.ts';
import { rowName } from '#core/record/formats/imported.ts';
import { mappingSchema, readTableMapping, type TableMapping } from '#core/record/formats/table-mapping.ts';
import { type Command, type Invocation, text, words } from './command.ts';
import { CliError, UsageError } from './fail.ts';
import { commit, compare, refuseTwice } from './import-commit.ts';
import { exampleMapping } from './import-example.ts';
import { Counter, count, outcomeText, stagedText, summaryOf } from './import-report.ts';
import { eventOfRow, stage } from './import-stage.ts';
import { Tally } from './import-tally.ts';
import { type Bounds, withTable } from './postgres-table.ts';
import { say } from './print.ts';
import { type Begin, Staging } from './staging.ts';
import { readTime } from './time.ts';

/** Ranges that go out are tried for a quarter of a minute, and longer where Retry-After asks. */
const retriesOfImport = 8;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out } = invocation;
  words(invocation.words, ['postgres']);
  if (flags.example === true) return print(out, JSON.stringify(exampleMapping, null, 2));
  if (flags.schema === true) return print(out, JSON.stringify(mappingSchema(), null, 2));
  if (flags['dry-run'] === true) return dryRun(invocation);
  const folder = text(flags, 'stage') ?? text(flags, 'rollback');
  if (folder === undefined) {
    throw new UsageError('Say --dry-run to try the mapping, or --stage DIR for a folder to read the table into.');
  }
  if (text(flags, 'rollback') !== undefined) return rollback(invocation, folder);
  const staging = await openOrCreate(invocation, folder);
  try {
    if (staging.withdrawn !== undefined) {
      throw new CliError(
        `This import was withdrawn by event ${staging.withdrawn}.`,
        'Stage it again in another folder.',
      );
    }
    if (!staging.staged && !(await readOn(invocation, staging))) return stopped(invocation, folder, 'reading');
    if (flags.commit === true) return await sendOut(invocation, staging, folder);
    const summary = summaryOf(staging);
    say(invocation, flags.json === true ? `${JSON.stringify(summary)}\n` : stagedText(staging, folder));
    return summary.missed === 0 ? 0 : 1;
  } finally {
    await staging.close();
  }
}

const print = (out: Invocation['out'], told: string): number => {
  say({ out }, `${told}\n`);
  return 0;
};

async function mappingOf(path: string): Promise<TableMapping> {
  const read = await readFile(path, 'utf8').catch(() => {
    throw new CliError(
      `There is no mapping ${path}.`,
      '"trailkeep import postgres --example > mapping.json" writes one to begin with.',
    );
  });
  const mapping = readTableMapping(read);
  if (!mapping.ok) throw new CliError(`${path} cannot be used: ${mapping.fault.detail}`);
  return mapping.value;
}

function sourceOf({ flags }: Invocation): string {
  const url = text(flags, 'source') ?? process.env.SOURCE_DATABASE_URL;
  if (url) return url;
  throw new CliError(
    'Which database? There is no --source and no SOURCE_DATABASE_URL.',
    'Write it as postgres://user@host:5432/database; the password is in it or in PGPASSWORD.',
  );
}

function boundsOf({ flags, now }: Invocation): Bounds {
  const [from, to] = [text(flags, 'from'), text(flags, 'to')];
  return {
    ...(from === undefined ? {} : { from: readTime(from, now(), 'from') }),
    ...(to === undefined ? {} : { to: readTime(to, now(), 'to') }),
  };
}

/** Everything but sending and writing: what the rows become, and what is wrong with the others. */
async function dryRun(invocation: Invocation): Promise<number> {
  const { flags, err, stop } = invocation;
  const path = text(flags, 'map');
  if (path === undefined) throw new UsageError('Which mapping? --map FILE; --example prints one.');
  const mapping = await mappingOf(path);
  const bounds = boundsOf(invocation);
  const tally = new Tally(false);
  const counter = new Counter(err, 'rows');
  const found = await withTable(sourceOf(invocation), mapping, async (table) => {
    const counted = await table.count(bounds);
    counter.total = counted.rows - counted.withoutKey;
    for await (const page of table.pages(bounds, undefined)) {
      for (const row of page) {
        const event = eventOfRow(row, table.name, mapping, { id: 'dry-run', range: 1 });
        tally.read += 1;
        if (event.ok) tally.wouldSend(event.value, classify(event.value.action, event.value).tier);
        else
          tally.refuse(
            event.fault.code,
            event.fault.detail,
            rowName(table.name, row.key, row.nth, (one) => one),
          );
      }
      counter.add(page.length);
      if (stop.aborted) throw new CliError('Stopped before the end.');
    }
    return { ...counted, table };
  });
  counter.end();
  const { table, rows, withoutKey } = found;
  const summary = tally.summary(counter.seconds, true);
  if (flags.json === true) {
    const { seconds: _, events_per_second: __, unrecognised: ___, ...json } = summary.json;
    say(invocation, `${JSON.stringify({ table: table.name, rows, without_key: withoutKey, ...json })}\n`);
    return 0;
  }
  const lines = [
    `table         ${table.name} in ${table.place}, by ${table.key.join(', ')}${table.isKeyUnique ? '' : ' (not unique)'}`,
    ...(withoutKey === 0 ? [] : [`without key   ${count(withoutKey)} rows, which an import leaves out`]),
  ];
  say(invocation, `${lines.join('\n')}\n${summary.text.replace(/^unrecognised.*\n/m, '')}`);
  return 0;
}

async function openOrCreate(invocation: Invocation, folder: string): Promise<Staging> {
  const { flags, now } = invocation;
  const path = text(flags, 'map');
  if (Staging.exists(folder)) {
    const mapping = path === undefined ? undefined : await mappingOf(path);
    const staging = await Staging.open(folder);
    if (mapping === undefined || JSON.stringify(mapping) === JSON.stringify(staging.begin.mapping)) return staging;
    await staging.close();
    throw new CliError(`${folder} was begun with another mapping.`, 'Roll it back, or take another folder.');
  }
  if (path === undefined) throw new UsageError(`There is no import in ${folder} yet; begin it with --map FILE.`);
  const mapping = await mappingOf(path);
  const bounds = boundsOf(invocation);
  const at = now();
  const begin = await withTable(sourceOf(invocation), mapping, async ({ name, place }): Promise<Begin> => {
    const id = `import-${at.toISOString().slice(0, 10)}-${randomBytes(6).toString('hex')}`;
    return { v: 1, import: id, table: name, place, ...bounds, mapping, at: at.toISOString() };
  });
  return Staging.create(folder, begin);
}

async function readOn(invocation: Invocation, staging: Staging): Promise<boolean> {
  const { err, stop } = invocation;
  const counter = new Counter(err, 'rows');
  const done = await withTable(sourceOf(invocation), staging.begin.mapping, async (table) => {
    if (table.name !== staging.begin.table || table.place !== staging.begin.place) {
      const { begin } = staging;
      throw new CliError(`This import reads ${begin.table} in ${begin.place}, not ${table.name} in ${table.place}.`);
    }
    const { rows, withoutKey } = await table.count(staging.begin);
    counter.total = rows - withoutKey;
    counter.add(staging.ranges.reduce((sum, range) => sum + range.rows, 0));
    return stage(table, staging, { stop, rows: (more) => counter.add(more) });
  });
  counter.end();
  return done;
}

function stopped({ err }: Invocation, folder: string, doing: string): number {
  err.write(`Stopped while ${doing}. The same command goes on: --stage ${folder}\n`);
  return 1;
}

async function sendOut(invocation: Invocation, staging: Staging, folder: string): Promise<number> {
  const { flags, err, stop, now } = invocation;
  const client = invocation.open('tenant', retriesOfImport);
  const { missed } = summaryOf(staging);
  if (missed > 0 && flags.incomplete !== true) {
    say(invocation, stagedText(staging, folder));
    throw new CliError(
      `${count(missed)} rows of the table are not in the folder.`,
      'Rows that came in behind the reading: stage again when nobody writes, or with --to; --incomplete sends what is there.',
    );
  }
  const { project, environment } = await client.whoami();
  const bound = { ...(project === null ? {} : { project }), ...(environment === null ? {} : { environment }) };
  if (staging.sending.size === 0 && flags.again !== true) await refuseTwice(client, staging);
  const counter = new Counter(err, 'events');
  counter.total = staging.ranges.reduce((sum, range) => sum + range.events, 0);
  counter.add([...staging.sent.values()].reduce((sum, range) => sum + range.events + range.refused.length, 0));
  const done = await commit(client, staging, bound, { stop, now, events: (more) => counter.add(more) });
  counter.end();
  if (!done) return stopped(invocation, folder, 'sending');
  err.write('Reading it back…\n');
  const comparison = await compare(client, staging, stop);
  if (stop.aborted) return stopped(invocation, folder, 'reading it back');
  const same = comparison.different.length === 0;
  const isFirst = staging.compared !== true;
  await staging.note({ is: 'compared', same, at: now().toISOString() });
  if (same && isFirst) await tell(invocation, staging, 'import.completed', { checksum: comparison.there.checksum });
  const summary = { ...summaryOf(staging), same, ...comparison, different: comparison.different.length };
  say(invocation, flags.json === true ? `${JSON.stringify(summary)}\n` : outcomeText(staging, comparison));
  return same ? 0 : 1;
}

/** The import is told in the trail that it went into. Resolves with the event's id. */
async function tell(
  invocation: Invocation,
  staging: Staging,
  action: 'import.completed' | 'import.withdrawn',
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const { begin, sent } = staging;
  const events = [...sent.values()].reduce((sum, range) => sum + range.events, 0);
  const client = invocation.open('tenant', retriesOfImport);
  const { key_id } = await client.whoami();
  const event: EventInput = {
    action,
    category: 'critical',
    severity: action === 'import.withdrawn' ? 'high' : 'medium',
    actor: { type: 'service', id: key_id },
    targets: [{ type: 'import', id: begin.import }],
    operation_id: begin.import,
    metadata: { table: begin.table, events, ...metadata },
  };
  return (await client.send(event, { idempotencyKey: `${begin.import}-${action}` })).id;
}

/** Before anything was sent the folder goes, and with it the import. Afterwards the trail says that it is withdrawn. */
async function rollback(invocation: Invocation, folder: string): Promise<number> {
  const staging = await Staging.open(folder);
  try {
    if (staging.withdrawn !== undefined) throw new CliError(`It was withdrawn before, by event ${staging.withdrawn}.`);
    if (staging.sending.size > 0) {
      const reason = text(invocation.flags, 'reason');
      if (reason === undefined) {
        throw new UsageError('Events of this import are in the trail. Say why they are withdrawn: --reason TEXT.');
      }
      const event = await tell(invocation, staging, 'import.withdrawn', { reason });
      await staging.note({ is: 'withdrawn', event, reason });
      say(
        invocation,
        `Withdrawn by event ${event}. An audit trail deletes nothing: what came in stays, marked as this import.\n` +
          `  trailkeep query --operation-id ${staging.begin.import}\n`,
      );
      return 0;
    }
  } finally {
    await staging.close();
  }
  await rm(folder, { recursive: true });
  say(invocation, `Nothing had been sent. ${folder} is gone, and with it the import.\n`);
  return 0;
}

export const importPostgresCommand: Command = {
  name: 'import postgres',
  summary: 'bring an audit table of a PostgreSQL database into the trail',
  usage: '--map FILE (--dry-run | --stage DIR [--commit]) | --rollback DIR',
  options: {
    source: { type: 'string' },
    map: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    'dry-run': { type: 'boolean' },
    stage: { type: 'string' },
    commit: { type: 'boolean' },
    rollback: { type: 'string' },
    reason: { type: 'string' },
    again: { type: 'boolean' },
    incomplete: { type: 'boolean' },
    example: { type: 'boolean' },
    schema: { type: 'boolean' },
  },
  flags: [
    [
      '--source URL',
      'the database, postgres://user@host/name; else SOURCE_DATABASE_URL. PGPASSWORD holds the password',
    ],
    ['--map FILE', 'which column fills which field, as JSON'],
    ['--example', 'prints a mapping to begin with'],
    ['--schema', 'prints the JSON Schema of mappings'],
    ['--dry-run', 'reads and judges every row; nothing is sent and nothing is written'],
    ['--stage DIR', 'reads the table into a folder; run it again to go on after a stop'],
    ['--commit', 'sends what the folder holds, reads it back and compares'],
    ['--rollback DIR', 'before --commit: deletes the folder. After: records that the import is withdrawn'],
    ['--reason TEXT', 'why it is withdrawn'],
    ['--from TIME, --to TIME', 'only rows of this time'],
    ['--incomplete', 'commits although rows came in behind the reading'],
    ['--again', 'commits although rows of this table are in the trail'],
  ],
  examples: [
    ['trailkeep import postgres --example > mapping.json', 'begin with this, and edit it'],
    [
      'trailkeep import postgres --source postgres://app@db/app --map mapping.json --dry-run',
      'what would become of it',
    ],
    ['trailkeep import postgres --source postgres://app@db/app --map mapping.json --stage moving', 'read the table'],
    ['trailkeep import postgres --stage moving --commit', 'send it, read it back, compare'],
    ['trailkeep import postgres --rollback moving --reason "wrong time zone"', 'take it back'],
  ],
  run,
};
