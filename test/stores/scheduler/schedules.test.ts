/** Schedules of jobs, on our own scheduler and, where it is installed, on moto's. */
import {
  CreateScheduleGroupCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Job } from '#core/jobs/job.ts';
import { scheduleName } from '#core/jobs/timing.ts';
import { Unavailable } from '#core/record/ports.ts';
import { JobSchedules } from '#stores/scheduler/schedules.ts';
import { type TestCloud, testCloud } from '#test/local/cloud/cloud.ts';
import { motoInstalled, startMoto } from '#test/support/moto.ts';

const tenant = '01890000-0000-7000-8000-00000000000a';
const now = new Date('2026-11-21T12:00:00Z');
const target = {
  groupName: 'trailkeep-jobs',
  targetArn: 'arn:aws:lambda:eu-west-1:123456789012:function:start:live',
  roleArn: 'arn:aws:iam::123456789012:role/scheduler',
  deadLetterArn: 'arn:aws:sqs:eu-west-1:123456789012:dead',
};
let made = 0;
const jobOf = (more: Partial<Job> = {}): Job => ({
  tenant,
  id: `01890000-0000-7000-8000-${String(++made).padStart(12, '0')}`,
  name: `job ${made}`,
  kind: 'etl',
  timing: { every: 'day', time: '02:30' },
  timeZone: 'Europe/Berlin',
  config: {},
  overlap: 'refuse',
  attemptsMax: 3,
  backoffSeconds: 60,
  enabled: true,
  createdBy: 'ada',
  createdAt: now,
  changedAt: now,
  ...more,
});

function contract(endpoint: () => string) {
  let client: SchedulerClient;
  let schedules: JobSchedules;
  let clock = now;
  beforeAll(async () => {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    client = new SchedulerClient({ endpoint: endpoint(), region: 'eu-west-1', credentials, maxAttempts: 1 });
    await client.send(new CreateScheduleGroupCommand({ Name: target.groupName }));
    schedules = new JobSchedules(client, target, () => clock);
  });
  const find = async (job: Job) => {
    try {
      return await client.send(new GetScheduleCommand({ Name: scheduleName(job.id), GroupName: target.groupName }));
    } catch (error) {
      expect((error as Error).name).toBe('ResourceNotFoundException');
      return undefined;
    }
  };

  test('an enabled job has one, in its time zone, that names tenant, job and due time', async () => {
    const job = jobOf();
    await schedules.put(job);
    const found = await find(job);
    expect(found).toMatchObject({
      ScheduleExpression: 'cron(30 2 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
      State: 'ENABLED',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: target.targetArn, RoleArn: target.roleArn, DeadLetterConfig: { Arn: target.deadLetterArn } },
    });
    expect(JSON.parse(found!.Target!.Input!)).toEqual({
      ...{ tenant, job: job.id, scheduled_for: '<aws.scheduler.scheduled-time>' },
    });
  });

  test('putting it again changes nothing, and brings another timing up to date', async () => {
    const job = jobOf();
    await schedules.put(job);
    await schedules.put(job);
    await schedules.put({ ...job, timing: { every: 'month', time: '01:00', day: 'last' } });
    expect(await find(job)).toMatchObject({ ScheduleExpression: 'cron(0 1 L * ? *)' });
    const { Schedules } = await client.send(
      new ListSchedulesCommand({ GroupName: target.groupName, NamePrefix: scheduleName(job.id) }),
    );
    expect(Schedules).toHaveLength(1);
  });

  test('a disabled job has none, and neither has a deleted one; twice is as well', async () => {
    for (const end of [{ enabled: false }, { deletedAt: now }]) {
      const job = jobOf();
      await schedules.put(job);
      await schedules.put({ ...job, ...end });
      await schedules.put({ ...job, ...end });
      expect(await find(job)).toBeUndefined();
    }
  });

  test('one that runs once goes after it; while it may still be tried again it is not touched, then it goes', async () => {
    const job = jobOf({ timing: { once: '2026-11-21T14:00' } });
    await schedules.put(job);
    expect(await find(job)).toMatchObject({
      ScheduleExpression: 'at(2026-11-21T14:00:00)',
      ActionAfterCompletion: 'DELETE',
    });
    clock = new Date('2026-11-21T13:30:00Z');
    await schedules.put(job);
    expect(await find(job)).toBeDefined();
    clock = new Date('2026-11-21T14:01:00Z');
    await schedules.put(job);
    expect(await find(job)).toBeUndefined();
    clock = new Date('2026-11-21T13:30:00Z');
    await schedules.put(job);
    expect(await find(job), 'a run that was is not asked for again').toBeUndefined();
    clock = now;
  });
}

describe('on the local scheduler', () => {
  let cloud: TestCloud;
  beforeAll(async () => {
    cloud = await testCloud();
  });
  afterAll(() => cloud.end());
  contract(() => cloud.url);

  test('an expression that it does not take is the caller’s fault; a group that is missing is ours', async () => {
    const schedules = new JobSchedules(cloud.clients.scheduler, target, () => now);
    await expect(schedules.put(jobOf({ timing: { cron: '0 9 * * *' } }))).rejects.toMatchObject({
      fault: { code: 'request_invalid', pointer: '/timing' },
    });
    const nowhere = new JobSchedules(cloud.clients.scheduler, { ...target, groupName: 'nowhere' }, () => now);
    await expect(nowhere.put(jobOf())).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('down or throttled is unavailable', async () => {
    const schedules = new JobSchedules(cloud.clients.scheduler, target, () => now);
    for (const fault of [{ status: 500 as const }, { status: 503 as const, code: 'ThrottlingException' }]) {
      cloud.faults.add({ service: 'scheduler', operation: 'UpdateSchedule', ...fault });
      await expect(schedules.put(jobOf())).rejects.toThrow(Unavailable);
    }
  });
});

if (motoInstalled) {
  describe('on moto', () => {
    let moto: Awaited<ReturnType<typeof startMoto>>;
    beforeAll(async () => {
      moto = await startMoto();
    });
    afterAll(() => moto.stop());
    contract(() => moto.endpoint);
  });
} else {
  test('moto_server is not installed: schedules were not compared with it', () => {
    console.log('moto_server is not installed (pip install "moto[server]"): schedules not compared');
  });
}
