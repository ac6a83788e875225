/** Replay, for operators: a tenant's critical events come back into Postgres, step by step, each held against the archive. */
import { type Command, type Invocation, text, words } from './command.ts';
import { CliError } from './fail.ts';
import { plain, say } from './print.ts';
import { readTime } from './time.ts';

const count = (value: number): string => value.toLocaleString('en');

async function run(invocation: Invocation): Promise<number> {
  const { flags, err, stop, now } = invocation;
  const [tenant] = words(invocation.words, ['The id of the tenant']);
  const client = invocation.open('admin', 5);
  const times = Object.fromEntries(
    (['from', 'to'] as const).flatMap((name) => {
      const given = text(flags, name);
      return given === undefined ? [] : [[name, readTime(given, now(), name)] as const];
    }),
  );
  const done = { parts: 0, events: 0, added: 0, same: true, unread: [] as { key: string; reason: string }[] };
  let floor = '';
  for (let after = text(flags, 'after'); ; ) {
    const step = await client.tenants.replay(tenant!, { ...times, ...(after === undefined ? {} : { after }) });
    done.parts += step.parts;
    done.events += step.events;
    done.added += step.added;
    done.same &&= step.same;
    done.unread.push(...step.unread);
    floor = step.hot_floor;
    if (step.after === null) break;
    after = step.after;
    err.write(`${count(done.events)} events read, ${count(done.added)} put back\n`);
    if (stop.aborted) throw new CliError('Stopped before the end.', `Go on with --after ${after}`);
  }
  const isLater = times.from !== undefined && times.from > floor;
  const lines = [
    `read         ${count(done.events)} events of ${count(done.parts)} parts`,
    `put back     ${count(done.added)}`,
    `there before ${count(done.events - done.added)}`,
    ...done.unread.map(({ key, reason }) => `unread       ${plain(key)}: ${plain(reason)}`),
    done.same
      ? 'The rows are, to the byte, the lines of the archive.'
      : 'Some rows are not the lines of the archive: rows that were there differ. "trailkeep log" tells whether the log is sound.',
    ...(isLater
      ? [`Searches look for events since ${floor} in Postgres: replay those before ${times.from} as well.`]
      : []),
  ];
  say(invocation, flags.json === true ? `${JSON.stringify(done)}\n` : `${lines.join('\n')}\n`);
  return done.same && done.unread.length === 0 ? 0 : 1;
}

export const replayCommand: Command = {
  name: 'replay',
  summary: 'put critical events from the archive back into Postgres',
  usage: 'TENANT [--from TIME] [--to TIME]',
  options: { from: { type: 'string' }, to: { type: 'string' }, after: { type: 'string' } },
  flags: [
    ['--from TIME', 'events received since then; else all that searches look for in Postgres'],
    ['--to TIME', 'and before then'],
    ['--after PLACE', 'goes on where an earlier run was stopped'],
  ],
  examples: [
    ['trailkeep replay 0198c0de-0000-7000-8000-000000000000', 'after "trailkeep archive rebuild" (admin)'],
    ['trailkeep replay 0198c0de-0000-7000-8000-000000000000 --from 2026-01-01', 'those since New Year'],
  ],
  run,
};
