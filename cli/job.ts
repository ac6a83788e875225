/** Jobs: what is done by the clock, what came of it, and doing it now. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobBody, JobView, RunView } from '#client/jobs.ts';
import type { JsonObject } from '#core/event/event.ts';
import { parseJson } from '#core/event/json.ts';
import { isUuid } from '#core/event/uuid.ts';
import { jobKinds } from '#core/jobs/run.ts';
import { type Command, type Flags, type Invocation, listMax, text, whole, words } from './command.ts';
import { CliError, UsageError } from './fail.ts';
import { historyTable, span } from './job-history.ts';
import { timingFlags, timingOf, timingOptions } from './job-timing.ts';
import { unknownVerb } from './key.ts';
import { fields, say, table } from './print.ts';

const verbs = ['list', 'create', 'show', 'history', 'enable', 'disable', 'run', 'delete'] as const;
const historyDefault = 20;
const lookEveryMs = 1000;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const { jobs } = invocation.open();
  const width = out.isTTY ? out.columns : undefined;
  const show = (one: JobView) => {
    say({ out }, json ? `${JSON.stringify(one)}\n` : fields(flat(one)));
    if (!json) warn(err, one);
  };
  const named = async () => find(invocation, words(rest, ['The name or the id of the job'])[0]!);
  switch (verb) {
    case 'list': {
      words(rest, []);
      const { jobs: all } = await jobs.list({ limit: listMax });
      if (json) for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
      else say({ out }, table(head, all.map(row), width));
      return 0;
    }
    case 'create': {
      const [name] = words(rest, ['The name of the job']);
      show(await jobs.create(bodyOf(name!, flags)));
      return 0;
    }
    case 'show':
      show(await named());
      return 0;
    case 'history': {
      const { id } = await named();
      const { runs, next_run: next } = await jobs.history(id, {
        limit: whole(flags, 'limit', 1, listMax) ?? historyDefault,
      });
      if (json) for (const one of runs) say({ out }, `${JSON.stringify(one)}\n`);
      else say({ out }, `${historyTable(runs, width)}\n${next === null ? 'No next run.' : `Next run: ${next}`}\n`);
      return 0;
    }
    case 'enable':
      show(await jobs.enable((await named()).id));
      return 0;
    case 'disable':
      show(await jobs.disable((await named()).id));
      return 0;
    case 'run': {
      const { id } = await named();
      const started = await jobs.run(id);
      const last = flags.wait === true ? await ended(invocation, started) : started;
      say({ out }, json ? `${JSON.stringify(last)}\n` : fields(flatRun(last)));
      return last.state === 'failed' || last.state === 'refused' ? 1 : 0;
    }
    case 'delete': {
      const { id, name } = await named();
      await jobs.remove(id);
      if (!json) err.write(`${name} is deleted; its history stays.\n`);
      return 0;
    }
    default:
      throw unknownVerb('job', verb, verbs);
  }
}

/** A job by its id, or by its name, which no other job of the tenant has. */
async function find(invocation: Invocation, given: string): Promise<JobView> {
  const { jobs } = invocation.open();
  if (isUuid(given)) return jobs.get(given);
  const { jobs: all } = await jobs.list({ limit: listMax });
  const found = all.find(({ name }) => name === given);
  if (!found) throw new CliError(`There is no job ${JSON.stringify(given)}.`, 'trailkeep job list');
  return jobs.get(found.id);
}

/** Looks at the run until it has ended; Ctrl-C ends the looking and not the run. */
async function ended({ open, stop, err }: Invocation, started: RunView): Promise<RunView> {
  const { jobs } = open();
  let last = started;
  while (last.ended_at === null) {
    await sleep(lookEveryMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) {
      err.write('The run goes on: trailkeep job history says how it ends.\n');
      break;
    }
    const { runs } = await jobs.history(last.job, { limit: listMax });
    last = runs.find(({ id }) => id === started.id) ?? last;
  }
  return last;
}

function bodyOf(name: string, flags: Flags): JobBody {
  const kind = jobKinds.find((one) => one === text(flags, 'kind'));
  if (!kind) throw new UsageError(`What does it do? Say --kind with one of ${jobKinds.join(', ')}.`);
  const overlap = text(flags, 'overlap');
  if (overlap !== undefined && overlap !== 'refuse' && overlap !== 'queue') {
    throw new UsageError('--overlap is refuse or queue.');
  }
  const zone = text(flags, 'zone');
  const config = text(flags, 'config');
  const attempts = whole(flags, 'attempts', 1, 10);
  const backoff = whole(flags, 'backoff', 1, 3600);
  return {
    name,
    kind,
    timing: timingOf(flags),
    ...(zone === undefined ? {} : { time_zone: zone }),
    ...(config === undefined ? {} : { config: configOf(config) }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(attempts === undefined ? {} : { attempts_max: attempts }),
    ...(backoff === undefined ? {} : { backoff_seconds: backoff }),
    ...(flags.disabled === true ? { enabled: false } : {}),
  };
}

function configOf(given: string): JsonObject {
  const parsed = parseJson(given);
  if (!parsed.ok) throw new UsageError(`--config is no JSON: ${parsed.fault.detail}`);
  const { value } = parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError('--config is a JSON object, as \'{"last_days":7}\'.');
  }
  return value as JsonObject;
}

const head = ['NAME', 'KIND', 'WHEN', 'ZONE', 'NEXT RUN (UTC)', 'ID'];
const row = (one: JobView): string[] => [
  ...[one.name, one.kind, one.expression, one.time_zone],
  one.enabled ? (one.next_run?.slice(0, 16).replace('T', ' ') ?? 'never') : 'disabled',
  one.id,
];

const flat = ({ timing: _, config, next_runs, left_out, ...rest }: JobView): Record<string, unknown> => ({
  ...rest,
  config: JSON.stringify(config),
  after_that: next_runs?.slice(1),
  left_out: left_out.length > 0 ? left_out : undefined,
});

function warn(err: Invocation['err'], { left_out, scheduled, time_zone }: JobView): void {
  for (const time of left_out) err.write(`There is no ${time} in ${time_zone}: the clock is put forward over it.\n`);
  if (!scheduled) err.write('Its schedule does not say this yet; it will within minutes.\n');
}

const flatRun = ({ duration_ms: ms, rows, parts, error, result, ...rest }: RunView): Record<string, unknown> => ({
  ...rest,
  took: ms === null ? undefined : span(ms),
  rows: `${rows.read} read, ${rows.written} written, ${rows.rejected} put aside`,
  parts: `${parts.done} done, ${parts.open} open, ${parts.failed} failed`,
  error: error ? `${error.code}: ${error.message}` : undefined,
  result: result ? JSON.stringify(result) : undefined,
});

export const jobCommand: Command = {
  name: 'job',
  summary: 'have things done by the clock, and see what came of it',
  usage: 'list | create NAME … | show JOB | history JOB | enable JOB | disable JOB | run JOB | delete JOB',
  options: {
    kind: { type: 'string' },
    ...timingOptions,
    config: { type: 'string' },
    overlap: { type: 'string' },
    attempts: { type: 'string' },
    backoff: { type: 'string' },
    disabled: { type: 'boolean' },
    limit: { type: 'string' },
    wait: { type: 'boolean' },
  },
  flags: [
    ['--kind WORD', jobKinds.join(', ')],
    ...timingFlags,
    ['--config JSON', 'what the kind asks for'],
    ['--overlap WORD', 'what becomes of a run that is due during another: refuse (the default) or queue'],
    ['--attempts N', 'tries of each part: 3'],
    ['--backoff SECONDS', 'before the second try; doubled before each later one: 60'],
    ['--disabled', 'made, and not run by the clock yet'],
    ['--limit N', `history: so many runs (${historyDefault})`],
    ['--wait', 'run: until it has ended; 1 means it failed'],
  ],
  examples: [
    ['trailkeep job create nightly --kind etl --daily 02:30 --zone Europe/Berlin', 'loads what is new every night'],
    ['trailkeep job create closing --kind report --monthly 1@06:00', "the last month's chargeback on each first"],
    ['trailkeep job run nightly --wait', 'now, and what came of it'],
  ],
  run,
};
