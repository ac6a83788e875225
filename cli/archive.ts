/** Archive, for operators: the catalogue of a tenant's archive files, made again from S3. */
import type { RebuiltView } from '#client/rebuild.ts';
import { archiveRestoreCommand, archiveRestoresCommand } from './archive-restore.ts';
import { type Command, type Invocation, words } from './command.ts';
import { UsageError } from './fail.ts';
import { plain, say } from './print.ts';

const count = (value: number): string => value.toLocaleString('en');

async function run(invocation: Invocation): Promise<number> {
  const { flags } = invocation;
  const [what, tenant] = words(invocation.words, ['What to do (rebuild)', 'The id of the tenant']);
  if (what !== 'rebuild') throw new UsageError(`archive has no ${JSON.stringify(what)}.`);
  const done = await invocation.open('admin').tenants.rebuildArchive(tenant!);
  say(invocation, flags.json === true ? `${JSON.stringify(done)}\n` : textOf(done));
  return done.missing_leaves === 0 && done.broken.length === 0 ? 0 : 1;
}

function textOf(done: RebuiltView): string {
  const { files } = done;
  const reasons = [
    ...(files.superseded > 0 ? [`${count(files.superseded)} that newer files replace`] : []),
    ...(files.unfinished > 0 ? [`${count(files.unfinished)} of a compaction that broke off`] : []),
    ...(files.purged > 0 ? [`${count(files.purged)} that were purged`] : []),
    ...(files.twice > 0 ? [`${count(files.twice)} that were in the catalogue twice`] : []),
  ];
  const lines = [
    `on S3        ${count(files.found)} files`,
    `added        ${count(files.added)}`,
    ...(reasons.length > 0 ? [`left out     ${reasons.join(', ')}`] : []),
    ...done.totals.map(
      ({ category, files: own, events }) =>
        `             ${category.padEnd(14)} ${count(events)} events in ${count(own)} files`,
    ),
    `leaves       ${count(done.leaves)}`,
    `  in files   ${count(done.in_files)}`,
    `  in parts   ${count(done.in_parts)}`,
    `  purged     ${count(done.purged)}`,
    `  missing    ${count(done.missing_leaves)}`,
    ...done.missing.map(({ from, to }) => `    ${from} to ${to - 1}`),
    ...done.broken.map(({ key, reason }) => `broken       ${plain(key)}: ${plain(reason)}`),
    done.missing_leaves === 0
      ? 'Every leaf of the log is accounted for.'
      : 'Leaves are missing: their events are in no file and in no part.',
  ];
  return `${lines.join('\n')}\n`;
}

export const archiveCommand: Command = {
  name: 'archive',
  summary: "read again what went to Deep Archive; make the archive's catalogue again from S3",
  usage: 'restore … | restores [ID] | rebuild TENANT',
  options: {},
  flags: [],
  examples: [
    [
      'trailkeep archive rebuild 0198c0de-0000-7000-8000-000000000000',
      'after a loss of the database and "trailkeep log recover" (admin); 1 means: something is missing',
    ],
  ],
  parts: [archiveRestoreCommand, archiveRestoresCommand],
  run,
};
