/** What Lambda itself needs of every role, which CDK does not add to a role of our own and no validator misses. */
import { describe, expect, test } from 'vitest';
import { permissionsOf } from './support/permissions.ts';
import { account, region, resolverOf } from './support/resolve.ts';
import { synthesize } from './support/synthesize.ts';

const assembly = synthesize('prod');
const resolve = resolverOf(assembly);
const { functions, simulate } = permissionsOf(assembly);

describe.each(functions.map((one) => [one.id, one] as const))('%s', (id, { properties }) => {
  test('may write its log and its traces', async () => {
    const { LogGroup } = properties.LoggingConfig as { LogGroup: { Ref: string } };
    const stream = `arn:aws:logs:${region}:${account}:log-group:${LogGroup.Ref}:log-stream:x`;
    expect(await simulate(id, 'logs:CreateLogStream', stream)).toBe('Allowed');
    expect(await simulate(id, 'logs:PutLogEvents', stream)).toBe('Allowed');
    expect(await simulate(id, 'logs:PutLogEvents', stream.replace(LogGroup.Ref, 'Other'))).not.toBe('Allowed');
    expect(await simulate(id, 'xray:PutTraceSegments', '*')).toBe('Allowed');
  });

  test('may make network interfaces only inside the VPC', async () => {
    const eni = `arn:aws:ec2:${region}:${account}:network-interface/eni-1`;
    const inside = properties.VpcConfig !== undefined;
    expect((await simulate(id, 'ec2:DeleteNetworkInterface', eni)) === 'Allowed').toBe(inside);
    expect((await simulate(id, 'ec2:DescribeNetworkInterfaces', '*')) === 'Allowed').toBe(inside);
  });

  test('may receive from the queues mapped to it', async () => {
    for (const mapping of assembly.all('AWS::Lambda::EventSourceMapping')) {
      const target = String(resolve.value(mapping.Properties.FunctionName, mapping.stack));
      const queue = String(resolve.value(mapping.Properties.EventSourceArn, mapping.stack));
      const mine = target.endsWith(`${id}:live`);
      for (const action of ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes']) {
        expect((await simulate(id, action, queue)) === 'Allowed', `${action} ${queue}`).toBe(mine);
      }
    }
  });
});

test('the key works through S3 only', async () => {
  const id = functions.find((one) => one.id.startsWith('RecordWriteCritical'))!.id;
  const key = assembly.all('AWS::KMS::Key')[0]!;
  const arn = resolve.arn(key.stack, key.id);
  const through = { 'kms:ViaService': `s3.${region}.amazonaws.com` };
  expect(await simulate(id, 'kms:GenerateDataKey', arn, through)).toBe('Allowed');
  expect(await simulate(id, 'kms:GenerateDataKey', arn)).not.toBe('Allowed');
});
