import { CreateEventSourceMappingCommand, LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { LambdaMappings } from '#stores/lambda/mappings.ts';

const client = new LambdaClient({ region: 'eu-west-1' });
const lambda = mockClient(client);
const mappings = new LambdaMappings(client, 'arn:aws:lambda:eu-west-1:0:function:intake:live');
const queueArn = 'arn:aws:sqs:eu-west-1:0:in-1';
const made = () => lambda.commandCalls(CreateEventSourceMappingCommand).map((call) => call.args[0].input);
beforeEach(() => lambda.reset());

test('a queue is mapped to the alias, and failures are reported message by message', async () => {
  lambda.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [] });
  lambda.on(CreateEventSourceMappingCommand).resolves({});
  await mappings.ensure(queueArn);
  expect(made()).toMatchObject([
    {
      EventSourceArn: queueArn,
      FunctionName: 'arn:aws:lambda:eu-west-1:0:function:intake:live',
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    },
  ]);
});

test('a queue that is mapped already is left alone, one whose mapping is being deleted is mapped anew', async () => {
  lambda.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [{ State: 'Enabled' }] });
  await mappings.ensure(queueArn);
  expect(made()).toEqual([]);
  lambda.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [{ State: 'Deleting' }] });
  lambda.on(CreateEventSourceMappingCommand).resolves({});
  await mappings.ensure(queueArn);
  expect(made()).toHaveLength(1);
});

test('someone who maps it at the same moment is no error', async () => {
  lambda.on(ListEventSourceMappingsCommand).resolves({});
  lambda
    .on(CreateEventSourceMappingCommand)
    .rejects(Object.assign(new Error('exists'), { name: 'ResourceConflictException' }));
  await mappings.ensure(queueArn);
});
