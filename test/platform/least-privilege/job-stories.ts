/** Jobs are made, switched, run by hand and by the clock, and their schedules are put right where somebody spoiled them. */
import {
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import { scheduleName } from '#core/jobs/timing.ts';
import { superuser, type World } from './world.ts';

/** One for each queue that runs go by; the first of them is looked at more closely. */
const queued = ['refresh', 'etl', 'forecast', 'retention'];
const timing = { every: 'day', time: '03:00' };
const webhook = { url: 'https://hooks.invalid/jobs' };

export async function definedJobs({ platform, ask }: World): Promise<void> {
  const { apiKey } = await platform.makeTenant('Has jobs');
  const make = (name: string, kind = 'refresh') => {
    const config = kind === 'custom-webhook' ? webhook : {};
    return ask(201, 'POST', '/v1/jobs', apiKey, { name, kind, timing, config, attempts_max: 1 });
  };
  const jobs: { readonly id: string }[] = [];
  for (const kind of queued) jobs.push(await make(kind, kind));
  const [spoiled, gone] = [await make('spoiled'), await make('gone', 'custom-webhook')];
  const job = jobs[0]!;
  await ask(200, 'GET', '/v1/jobs', apiKey);
  await ask(200, 'POST', `/v1/jobs/${job.id}/disable`, apiKey);
  await ask(200, 'POST', `/v1/jobs/${job.id}/enable`, apiKey);
  for (const { id } of jobs) await ask(202, 'POST', `/v1/jobs/${id}/run`, apiKey);
  await platform.settled();
  for (const view of ['', '/license_utilization']) await ask(200, 'GET', `/v1/costs/views${view}`, apiKey);

  const outsider = { accessKeyId: 'outsider', secretAccessKey: 'outsider' };
  const endpoint = platform.services.endpoints.scheduler;
  const scheduler = new SchedulerClient({ region: 'eu-west-1', endpoint, credentials: outsider });
  const sql = superuser(platform);
  const overBy = (state: 'running' | 'failed') => sql`update jobs.run
    set state = ${state}, ended_at = ${state === 'running' ? null : sql`now()`} where job_id in ${sql(jobs.map(({ id }) => id))}`;
  try {
    // Groups of schedules have names that a deployment makes.
    const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({ NamePrefix: scheduleName(job.id) }));
    const GroupName = Schedules[0]!.GroupName!;
    const inputOf = async (id: string, due: string) => {
      const { Target } = await scheduler.send(new GetScheduleCommand({ Name: scheduleName(id), GroupName }));
      return JSON.parse(Target!.Input!.replace('<aws.scheduler.scheduled-time>', due)) as object;
    };
    const start = async (id: string, due: string, state: string | undefined) => {
      const started = (await platform.functions.invoke('jobs-start', await inputOf(id, due))) as { state?: string };
      if (started.state !== state) throw new Error(`the clock made ${JSON.stringify(started)}`);
    };
    // Whatever became of the runs by hand: while one is under way another is refused, and then it is not.
    await overBy('running');
    await ask(409, 'POST', `/v1/jobs/${job.id}/run`, apiKey);
    await start(job.id, '2026-01-01T03:00:00Z', 'refused');
    await overBy('failed');
    for (const { id } of jobs) await start(id, '2026-01-02T03:00:00Z', 'queued');
    await start(job.id, '2026-01-02T03:00:00Z', undefined);
    await platform.settled();
    const { runs } = await ask(200, 'GET', `/v1/jobs/${job.id}/history`, apiKey);
    if (runs.length !== 4) throw new Error(`runs ${JSON.stringify(runs)}`);

    // Messages are lost, and so is the word that a run has ended.
    const lost = sql`select id from jobs.run where job_id in ${sql(jobs.map(({ id }) => id))} and cause = 'schedule'
      and scheduled_for = '2026-01-02T03:00:00Z'`;
    await sql`update jobs.run set state = 'running', ended_at = null, error = null, error_code = null, parts_open = 1,
      parts_done = 0, parts_failed = 0 where id in (${lost})`;
    await sql`update jobs.part set state = 'waiting', attempt = 0, sweep_at = now() - interval '1 hour',
      next_at = now() - interval '1 hour', ended_at = null, position = null where part = 'plan' and run_id in (${lost})`;
    await sql`update jobs.run set ended_event_at = null, ended_at = now() - interval '1 hour'
      where job_id = ${job.id} and cause = 'manual' and ended_at is not null`;
    const swept = (await platform.functions.invoke('jobs-sweep', {})) as {
      readonly sent: number;
      readonly told: number;
    };
    if (swept.sent < jobs.length || swept.told === 0) throw new Error(`swept ${JSON.stringify(swept)}`);
    await platform.settled();

    await scheduler.send(new DeleteScheduleCommand({ Name: scheduleName(spoiled.id), GroupName }));
    await ask(204, 'DELETE', `/v1/jobs/${gone.id}`, apiKey);
    await sql`update jobs.job set scheduled_at = null where id in ${sql([job.id, spoiled.id, gone.id])}`;
    const put = await platform.functions.invoke('jobs-put-schedules', {});
    if (JSON.stringify(put) !== '{"put":3,"refused":0,"whole":true}') throw new Error(`put ${JSON.stringify(put)}`);
    await scheduler.send(new GetScheduleCommand({ Name: scheduleName(spoiled.id), GroupName }));
  } finally {
    scheduler.destroy();
    await sql.end();
  }
}
