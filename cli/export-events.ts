/**
 * Export events: asked for, waited for, and fetched file by file, each compared with its digest and its count.
 *
 * A download that broke is taken up with `--id`: files that are whole stay, and one that is not goes on at its end.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventExportFile, EventExportView } from '#client/event-exports.ts';
import type { Trailkeep } from '#client/trailkeep.ts';
import { type ExportFormat, exportFormats, partName, type Unread } from '#core/export/ports.ts';
import { listParameters } from '#core/query/filter.ts';
import { type Command, type Invocation, text, words } from './command.ts';
import { rowsIn } from './exported-rows.ts';
import { CliError, UsageError } from './fail.ts';
import { fetchFile, isWhole } from './fetch-file.ts';
import { count } from './import-report.ts';
import { fields, say } from './print.ts';
import { filterOf, queryCommand } from './query.ts';

/** Between two looks. */
const pauseMs = 2000;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err, stop, now } = invocation;
  words(invocation.words.slice(1), []);
  const client = invocation.open();
  const asked = text(flags, 'id');
  let made = asked === undefined ? await ask(invocation, client) : await client.exports.ofEvents(asked);
  if (asked === undefined) err.write(`Export ${made.id} is being built; --id ${made.id} takes it up again.\n`);
  for (let events = -1; made.state === 'building'; ) {
    if (stop.aborted) throw new CliError('Stopped. The export goes on.', `trailkeep export events --id ${made.id}`);
    if (made.events !== events)
      err.write(`${count(made.events)} events${made.reached === undefined ? '' : `, back to ${made.reached}`}\n`);
    events = made.events;
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => {});
    made = await client.exports.ofEvents(made.id);
  }
  if (made.state === 'failed') {
    throw new CliError(
      `The export failed: ${made.problem}${made.unread === undefined ? '' : `:${unreadText(made.unread)}`}.`,
      `docs/reference/errors/${made.problem}.md says what to do.`,
    );
  }
  const { id, format } = made;
  const folder = text(flags, 'out') ?? `events-${id}`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files: Omit<EventExportFile, 'url' | 'url_expires_at'>[] = [];
  let rows = 0;
  for (let after = 0; files.length < made.parts; ) {
    const { files: page = [] } = after === 0 ? made : await client.exports.ofEvents(id, after);
    if (page.length === 0) throw new CliError('The API names fewer files than the export has.', 'Try again.');
    for (const { url, url_expires_at: _, ...file } of page) {
      if (stop.aborted) throw new CliError('Stopped.', `trailkeep export events --id ${id} --out ${folder} goes on.`);
      const name = partName(id, format, file.part);
      const path = join(folder, name);
      if (!(await isWhole(path, file)))
        await fetchFile(client, { id, path, file, url: flags['through-api'] ? undefined : url });
      const found = await rowsIn(path, format, file.part);
      if (found !== file.events)
        throw new CliError(`${name} has ${found} events of ${file.events}.`, 'Ask for another export.');
      rows += found;
      files.push({ ...file, name });
      err.write(`${name}: ${count(found)} events\n`);
    }
    after = page.at(-1)!.part;
  }
  if (rows !== made.events)
    throw new CliError(`The files have ${rows} events of ${made.events}.`, 'Ask for another export.');
  const { files: _, next_after: __, ...view } = made;
  writeFileSync(
    join(folder, 'manifest.json'),
    `${JSON.stringify({ ...view, files, fetched_at: now().toISOString() }, null, 2)}\n`,
    { mode: 0o600 },
  );
  const shown = { folder, id, format, files: files.length, events: rows, bytes: made.bytes };
  say({ out }, flags.json === true ? `${JSON.stringify({ ...shown, unread: made.unread ?? [] })}\n` : fields(shown));
  if (made.unread) err.write(`Left out, as you asked:${unreadText(made.unread)}\n`);
  return 0;
}

async function ask({ flags, now }: Invocation, client: Trailkeep): Promise<EventExportView> {
  const format = text(flags, 'format') as ExportFormat | undefined;
  if (format === undefined || !exportFormats.includes(format)) {
    throw new UsageError(`Say --format ${exportFormats.join('|')}, or --id for an export that you asked for before.`);
  }
  return client.exports.events(filterOf(flags, now()), {
    format,
    ...(flags['skip-archived'] === true ? { skip_archived: true } : {}),
  });
}

const unreadText = (unread: readonly Unread[] = []): string =>
  unread
    .map((one) => (one.why === 'archived' ? ` ${one.day} ${one.category}` : ` ${one.key} is ${one.why}`).trimEnd())
    .join(',');

/** Flags of the filters: those of a page mean nothing here. */
const filterNames = new Set([
  'from',
  'to',
  'text',
  ...Object.keys(listParameters).map((name) => name.replaceAll('_', '-')),
]);
const filterOptions = Object.fromEntries(
  Object.entries(queryCommand.options).filter(([name]) => filterNames.has(name)),
);
const filterFlags = queryCommand.flags.filter(([flag]) => filterNames.has(flag.slice(2).split(' ')[0]!));

export const exportEventsCommand: Command = {
  name: 'export events',
  summary: 'take events along as files: JSONL, CSV or Parquet',
  usage: '--format jsonl|csv|parquet [filters]',
  options: {
    ...filterOptions,
    format: { type: 'string' },
    'skip-archived': { type: 'boolean' },
    id: { type: 'string' },
    out: { type: 'string' },
    'through-api': { type: 'boolean' },
  },
  flags: [
    ['--format jsonl|csv|parquet', 'gzip JSON lines, gzip CSV that spreadsheets may open, or Parquet'],
    ...filterFlags,
    ['--skip-archived', 'leave out days that lie in Glacier, and name them, instead of failing'],
    ['--id EXPORT-ID', 'go on with an export that you asked for before'],
    ['--out FOLDER', 'where to (events-<id>)'],
    ['--through-api', 'fetch the files through the API, where S3 cannot be reached'],
  ],
  examples: [
    ['trailkeep export events --format csv --from 2026-01-01 --to 2026-02-01', 'January, for a spreadsheet'],
    ["trailkeep export events --format parquet --action 'user.*' --out logins", 'for DuckDB or Athena'],
    ['trailkeep export events --id 0198c0de-0000-7000-8000-000000000000', 'go on after a broken download'],
  ],
  run,
};
