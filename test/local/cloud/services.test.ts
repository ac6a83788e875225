/** SNS, SSM, Lambda mappings, secrets and faults, through the real SDK clients. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  InvokeCommand,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  ListTopicsCommand,
  PublishCommand,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import {
  DeleteParameterCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  PutParameterCommand,
} from '@aws-sdk/client-ssm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { refusal, type TestCloud, testCloud } from './cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await testCloud();
});
afterEach(() => cloud.faults.clear());
afterAll(() => cloud.end());

const received = async (QueueUrl: string) => {
  const { Messages = [] } = await cloud.clients.sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
  );
  return Messages;
};

describe('SNS', () => {
  const subscribe = (TopicArn: string, queue: string, Attributes: Record<string, string>) =>
    cloud.clients.sns.send(
      new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: cloud.sqs.arnOf(queue), Attributes }),
    );

  test('delivers to each queue that subscribed, raw or in its envelope, and by its filter', async () => {
    const { TopicArn } = await cloud.clients.sns.send(new CreateTopicCommand({ Name: 'news' }));
    const [raw, wrapped, filtered] = ['raw', 'wrapped', 'filtered'].map((name) => cloud.sqs.createQueue(name));
    await subscribe(TopicArn!, 'raw', { RawMessageDelivery: 'true' });
    await subscribe(TopicArn!, 'raw', { RawMessageDelivery: 'true' });
    await subscribe(TopicArn!, 'wrapped', {});
    await subscribe(TopicArn!, 'filtered', { RawMessageDelivery: 'true', FilterPolicy: '{"tier":["critical"]}' });
    const { Subscriptions } = await cloud.clients.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(Subscriptions?.map(({ Endpoint }) => Endpoint)).toEqual(['raw', 'wrapped', 'filtered'].map(cloud.sqs.arnOf));
    const MessageAttributes = { tier: { DataType: 'String', StringValue: 'bulk' } };
    await cloud.clients.sns.send(new PublishCommand({ TopicArn, Message: '<&> ä', MessageAttributes }));
    expect(await received(raw!)).toMatchObject([{ Body: '<&> ä', MessageAttributes }]);
    const [envelope] = await received(wrapped!);
    expect(JSON.parse(envelope!.Body!)).toMatchObject({ Type: 'Notification', Message: '<&> ä', TopicArn });
    expect(await received(filtered!)).toEqual([]);
  });

  test('what a queue that is gone cannot take goes where its subscription says', async () => {
    const { TopicArn } = await cloud.clients.sns.send(new CreateTopicCommand({ Name: 'lost' }));
    const dead = cloud.sqs.createQueue('lost-letters');
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: cloud.sqs.arnOf('lost-letters') });
    await subscribe(TopicArn!, 'never-made', { RawMessageDelivery: 'true', RedrivePolicy });
    await cloud.clients.sns.send(new PublishCommand({ TopicArn, Message: 'found again' }));
    expect((await received(dead)).map(({ Body }) => Body)).toEqual(['found again']);
  });

  test('refuses an unknown topic, an unknown protocol and an unknown operation', async () => {
    const { sns } = cloud.clients;
    const TopicArn = cloud.sns.createTopic('refusing');
    expect((await refusal(sns.send(new PublishCommand({ TopicArn: `${TopicArn}x`, Message: 'm' })))).status).toBe(404);
    const mail = { TopicArn, Protocol: 'email', Endpoint: 'a@example.org' };
    expect((await refusal(sns.send(new SubscribeCommand(mail)))).status).toBe(501);
    expect((await refusal(sns.send(new ListTopicsCommand({})))).status).toBe(501);
  });
});

describe('SSM', () => {
  const put = (Name: string, Value: string, Overwrite?: boolean) =>
    cloud.clients.ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite }));

  test('a parameter is made once, and replaced only when that is said', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => put('/once', `${n}`)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await refusal(put('/once', 'x'))).name).toBe('ParameterAlreadyExists');
    expect((await put('/once', 'second', true)).Version).toBe(2);
    const { Parameter } = await cloud.clients.ssm.send(
      new GetParameterCommand({ Name: '/once', WithDecryption: true }),
    );
    expect(Parameter).toMatchObject({ Value: 'second', Version: 2, Type: 'SecureString' });
    expect(statSync(join(cloud.folder, 'ssm/parameters.json')).mode & 0o777).toBe(0o600);
  });

  test('are read together and by path, and a missing one is named', async () => {
    const { ssm } = cloud.clients;
    for (const name of ['/app/a', '/app/b/c', '/apple']) await put(name, name);
    const some = await ssm.send(new GetParametersCommand({ Names: ['/app/a', '/none'] }));
    expect([some.Parameters?.map(({ Value }) => Value), some.InvalidParameters]).toEqual([['/app/a'], ['/none']]);
    const byPath = async (Recursive: boolean) =>
      (await ssm.send(new GetParametersByPathCommand({ Path: '/app', Recursive }))).Parameters?.map(({ Name }) => Name);
    expect([await byPath(false), await byPath(true)]).toEqual([['/app/a'], ['/app/a', '/app/b/c']]);
    await ssm.send(new DeleteParameterCommand({ Name: '/apple' }));
    expect((await refusal(ssm.send(new GetParameterCommand({ Name: '/apple' })))).name).toBe('ParameterNotFound');
    expect((await refusal(ssm.send(new DescribeParametersCommand({})))).status).toBe(501);
  });
});

describe('Lambda', () => {
  test('a mapping is kept and announced once, to those who listened before and after', async () => {
    const { lambda } = cloud.clients;
    const before: string[] = [];
    cloud.lambda.onMapping(({ EventSourceArn }) => before.push(EventSourceArn));
    const names = { EventSourceArn: cloud.sqs.arnOf('mapped'), FunctionName: 'intake' };
    const made = await lambda.send(new CreateEventSourceMappingCommand({ ...names, BatchSize: 7 }));
    expect((await refusal(lambda.send(new CreateEventSourceMappingCommand(names)))).name).toBe(
      'ResourceConflictException',
    );
    const after: string[] = [];
    cloud.lambda.onMapping(({ EventSourceArn }) => after.push(EventSourceArn));
    expect([before, after]).toEqual([[names.EventSourceArn], [names.EventSourceArn]]);
    const { EventSourceMappings } = await lambda.send(new ListEventSourceMappingsCommand(names));
    expect(EventSourceMappings).toMatchObject([{ UUID: made.UUID, BatchSize: 7, State: 'Enabled' }]);
    const { UUID } = made;
    expect(await lambda.send(new GetEventSourceMappingCommand({ UUID }))).toMatchObject({ UUID });
    await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
    expect((await refusal(lambda.send(new GetEventSourceMappingCommand({ UUID })))).status).toBe(404);
    expect((await refusal(lambda.send(new ListFunctionsCommand({})))).status).toBe(501);
  });

  test('an invocation reaches the function, and its fault comes back as one', async () => {
    const started: string[] = [];
    cloud.lambda.onInvoke(async (reference, event, mode) => {
      if (mode === 'start') started.push(event);
      if (reference === 'broken')
        throw Object.assign(new Error('no'), { fault: { errorType: 'E', errorMessage: 'no' } });
      return JSON.stringify({ reference, event: JSON.parse(event) });
    });
    const invoke = (FunctionName: string, InvocationType: 'Event' | 'RequestResponse') =>
      cloud.clients.lambda.send(new InvokeCommand({ FunctionName, InvocationType, Payload: Buffer.from('{"a":1}') }));
    const answer = await invoke('echo', 'RequestResponse');
    expect(JSON.parse(answer.Payload!.transformToString())).toEqual({ reference: 'echo', event: { a: 1 } });
    const broken = await invoke('broken', 'RequestResponse');
    expect([broken.FunctionError, JSON.parse(broken.Payload!.transformToString())]).toEqual([
      'Unhandled',
      { errorType: 'E', errorMessage: 'no' },
    ]);
    expect((await invoke('echo', 'Event')).StatusCode).toBe(202);
    expect(started).toEqual(['{"a":1}']);
  });
});

test('a secret is what was put there, and nothing else is done with it', async () => {
  const SecretId = 'arn:aws:secretsmanager:eu-west-1:000000000000:secret:db-AbCdEf';
  const { secrets } = cloud.clients;
  expect((await refusal(secrets.send(new GetSecretValueCommand({ SecretId })))).name).toBe('ResourceNotFoundException');
  cloud.secrets.put(SecretId, '{"username":"postgres","password":"local"}');
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId }));
  expect(JSON.parse(SecretString!)).toEqual({ username: 'postgres', password: 'local' });
  expect((await refusal(secrets.send(new DescribeSecretCommand({ SecretId })))).status).toBe(501);
});

describe('faults', () => {
  const put = (Key: string) =>
    cloud.clients.s3.send(new PutObjectCommand({ Bucket: 'faulty', Key, Body: 'x', ChecksumAlgorithm: 'CRC32' }));

  test('hit the operation they name as often as they say, before or after the effect', async () => {
    cloud.s3.createBucket('faulty');
    const injected = cloud.faults.injected;
    cloud.faults.add({ service: 's3', operation: 'PutObject', times: 2, status: 503, code: 'SlowDown' });
    expect(await refusal(put('lost'))).toEqual({ status: 503, name: 'SlowDown' });
    expect(
      (await refusal(cloud.clients.s3.send(new HeadObjectCommand({ Bucket: 'faulty', Key: 'lost' })))).status,
    ).toBe(404);
    expect((await refusal(put('lost'))).status).toBe(503);
    await put('kept');
    cloud.faults.add({ service: 's3', status: 500, afterEffect: true });
    expect((await refusal(put('answer-lost'))).status).toBe(500);
    await cloud.clients.s3.send(new GetObjectCommand({ Bucket: 'faulty', Key: 'answer-lost' }));
    expect(cloud.faults.injected - injected).toBe(3);
  });

  test('a share of calls fails, the same ones each time, until that is cleared', async () => {
    const url = cloud.sqs.createQueue('faulty');
    const run = async () => {
      cloud.faults.add({ service: 'sqs', operation: 'SendMessage', probability: 0.3, seed: 7, status: 500 });
      const results: boolean[] = [];
      for (let n = 0; n < 30; n++) {
        const sending = cloud.clients.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: `${n}` }));
        results.push(
          await sending.then(
            () => true,
            () => false,
          ),
        );
      }
      cloud.faults.clear();
      return results;
    };
    const first = await run();
    expect(await run()).toEqual(first);
    expect(new Set(first)).toEqual(new Set([true, false]));
    await cloud.clients.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'fine' }));
  });
});
