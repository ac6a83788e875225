/** EventBridge Scheduler's API, through the real SDK client. */

import { CreateBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListSchedulesCommand,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { refusal, type TestCloud, testCloud } from './cloud.ts';

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await testCloud();
});
afterEach(() => cloud.end());

const schedule = (Name: string, more: Partial<CreateScheduleCommandInput> = {}): CreateScheduleCommandInput => ({
  Name,
  ScheduleExpression: 'cron(0 6 * * ? *)',
  FlexibleTimeWindow: { Mode: 'OFF' },
  Target: { Arn: 'arn:aws:lambda:eu-west-1:0:function:f:live', RoleArn: 'arn:aws:iam::0:role/r' },
  ...more,
});
const create = (...of: Parameters<typeof schedule>) =>
  cloud.clients.scheduler.send(new CreateScheduleCommand(schedule(...of)));

test('what was created is read back with its defaults, also after a restart', async () => {
  const { ScheduleArn } = await create('a', { ScheduleExpressionTimezone: 'Asia/Tokyo', Description: 'Once' });
  cloud = await cloud.restart();
  const found = await cloud.clients.scheduler.send(new GetScheduleCommand({ Name: 'a' }));
  expect(found).toMatchObject({
    ...{ Arn: ScheduleArn, GroupName: 'default', State: 'ENABLED', ActionAfterCompletion: 'NONE' },
    ...{ ScheduleExpressionTimezone: 'Asia/Tokyo', Description: 'Once', CreationDate: expect.any(Date) },
  });
  expect(found).not.toHaveProperty('ClientToken');
});

test('an update says everything anew', async () => {
  await create('a', { ScheduleExpressionTimezone: 'Asia/Tokyo', Description: 'Once' });
  await cloud.clients.scheduler.send(new UpdateScheduleCommand(schedule('a', { State: 'DISABLED' })));
  const found = await cloud.clients.scheduler.send(new GetScheduleCommand({ Name: 'a' }));
  expect(found).toMatchObject({ ScheduleExpressionTimezone: 'UTC', State: 'DISABLED' });
  expect(found.Description).toBeUndefined();
});

test('a second of the same name is a conflict, unless it is the same call once more', async () => {
  await create('a', { ClientToken: 'one' });
  await create('a', { ClientToken: 'one' });
  expect(await refusal(create('a', { ClientToken: 'two' }))).toEqual({ status: 409, name: 'ConflictException' });
});

test('groups: a schedule needs one that is there, and names are unique inside', async () => {
  const { scheduler } = cloud.clients;
  expect(await refusal(create('a', { GroupName: 'g' }))).toEqual({ status: 404, name: 'ResourceNotFoundException' });
  await scheduler.send(new CreateScheduleGroupCommand({ Name: 'g' }));
  await create('a', { GroupName: 'g' });
  await create('a');
  expect(await scheduler.send(new GetScheduleGroupCommand({ Name: 'g' }))).toMatchObject({ State: 'ACTIVE' });
  await scheduler.send(new DeleteScheduleCommand({ Name: 'a', GroupName: 'g' }));
  expect(await refusal(scheduler.send(new GetScheduleCommand({ Name: 'a', GroupName: 'g' })))).toMatchObject({
    name: 'ResourceNotFoundException',
  });
  await scheduler.send(new GetScheduleCommand({ Name: 'a' }));
});

test('lists go page by page, by group, prefix and state', async () => {
  for (const name of ['job-3', 'job-1', 'other', 'job-2'])
    await create(name, { State: name === 'job-2' ? 'DISABLED' : 'ENABLED' });
  const names: (string | undefined)[] = [];
  let NextToken: string | undefined;
  do {
    const page = await cloud.clients.scheduler.send(
      new ListSchedulesCommand({ GroupName: 'default', NamePrefix: 'job-', MaxResults: 2, NextToken }),
    );
    names.push(...page.Schedules!.map(({ Name }) => Name), '|');
    NextToken = page.NextToken;
  } while (NextToken);
  expect(names).toEqual(['job-1', 'job-2', '|', 'job-3', '|']);
  const disabled = await cloud.clients.scheduler.send(new ListSchedulesCommand({ State: 'DISABLED' }));
  expect(disabled.Schedules).toMatchObject([{ Name: 'job-2', State: 'DISABLED' }]);
});

test.each<[string, Partial<CreateScheduleCommandInput>]>([
  ['an expression', { ScheduleExpression: 'cron(0 6 * * *)' }],
  ['a time zone', { ScheduleExpressionTimezone: 'Europe/Nowhere' }],
  ['a target', { Target: undefined }],
  ['a target without a role', { Target: { Arn: 'a', RoleArn: undefined } }],
  ['retries', { Target: { Arn: 'a', RoleArn: 'b', RetryPolicy: { MaximumRetryAttempts: 200 } } }],
])('%s that is wrong is refused', async (_, wrong) => {
  expect(await refusal(create('a', wrong))).toEqual({ status: 400, name: 'ValidationException' });
});

test('what it does not do is said', async () => {
  const flexible = create('a', { FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 5 } });
  expect((await refusal(flexible)).status).toBe(501);
  const templated = create('a', { Target: { Arn: 'a', RoleArn: 'b', SqsParameters: { MessageGroupId: 'x' } } });
  expect((await refusal(templated)).status).toBe(501);
});

test('listeners hear of what is there, of every change, and of what goes after its last run', async () => {
  await create('a');
  const heard: string[] = [];
  cloud.scheduler.onChange((key, one) => heard.push(`${key} ${one?.ScheduleExpression ?? 'gone'}`));
  await create('b', { ScheduleExpression: 'at(2030-01-01T00:00:00)', ActionAfterCompletion: 'DELETE' });
  cloud.scheduler.complete('default/a');
  cloud.scheduler.complete('default/b');
  expect(heard).toEqual(['default/a cron(0 6 * * ? *)', 'default/b at(2030-01-01T00:00:00)', 'default/b gone']);
});

test('a bucket may be called schedules', async () => {
  await cloud.clients.s3.send(new CreateBucketCommand({ Bucket: 'schedules' }));
  const listed = await cloud.clients.s3.send(new ListObjectsV2Command({ Bucket: 'schedules' }));
  expect(listed.Name).toBe('schedules');
});
