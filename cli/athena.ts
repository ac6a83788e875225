/** Athena: where an analyst asks the archive in SQL. Prints names and examples; it runs nothing. */
import { isUuid } from '#core/event/uuid.ts';
import { athenaExamples, athenaNames, athenaTables, eventColumns, lineColumns } from '#core/query/athena-tables.ts';
import { type Command, type Invocation, text, words } from './command.ts';
import { UsageError } from './fail.ts';
import { say, table } from './print.ts';

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, now } = invocation;
  words(invocation.words, []);
  const stage = text(flags, 'stage') ?? 'dev';
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(stage)) throw new UsageError(`${JSON.stringify(stage)} is no stage.`);
  const tenant = text(flags, 'tenant') ?? (await invocation.open('tenant').whoami()).tenant;
  if (!isUuid(tenant)) throw new UsageError(`--tenant takes the id of a tenant, not ${JSON.stringify(tenant)}.`);
  const names = athenaNames(stage);
  const examples = athenaExamples(tenant, now().toISOString().slice(0, 10));
  if (flags.json === true) {
    const tables = athenaTables.map(({ name, partitions, columns }) => ({
      name,
      partitions,
      columns: columns.map(([column, type, about]) => ({
        name: column,
        type,
        ...(about === undefined ? {} : { about }),
      })),
    }));
    say(
      { out },
      `${JSON.stringify({ work_group: names.workGroup, database: names.database, tenant, tables, examples })}\n`,
    );
    return 0;
  }
  say({ out }, `workgroup  ${names.workGroup}\ndatabase   ${names.database}\ntenant     ${tenant}\n\n`);
  say(
    { out },
    table(
      ['TABLE', 'HOLDS', 'PARTITIONS'],
      athenaTables.map(({ name, about, partitions }) => [name, about, partitions.join(', ')]),
    ),
  );
  const rows = (columns: typeof eventColumns) =>
    columns.map(([name, type, about = '']) => [name, shorter(type), about]);
  say({ out }, `\n${table(['COLUMN', 'TYPE', 'ABOUT'], [...rows(eventColumns), ...rows(lineColumns)])}`);
  say(
    { out },
    '\nEvery query names its tenant for every table, and its days or months; else it fails, or takes long.\n',
  );
  for (const { about, sql } of examples) say({ out }, `\n-- ${about}\n${sql};\n`);
  return 0;
}

/** `struct<type,id>`: the types inside are nearly all texts. */
const shorter = (type: string): string => type.replaceAll(':string', '');

export const athenaCommand: Command = {
  name: 'athena',
  summary: 'where an analyst asks the archive in SQL',
  usage: '',
  options: { stage: { type: 'string' }, tenant: { type: 'string' } },
  flags: [
    ['--stage NAME', 'the stage whose workgroup and database are meant (dev)'],
    ['--tenant ID', 'the tenant that the examples are for; else the tenant of the key'],
  ],
  examples: [['trailkeep athena --stage prod --tenant 01890000-0000-7000-8000-00000000000a', 'without a key']],
  run,
};
