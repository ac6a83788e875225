/** What Lambda itself needs of every role, which CDK does not add to a role of our own and no validator misses. */
import { runSimulation } from '@cloud-copilot/iam-simulate';
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

const keyArn = (name: string) => {
  const key = assembly.all('AWS::KMS::Key').find(({ id }) => id.replace(/[0-9A-F]{8}$/, '') === name)!;
  return resolve.arn(key.stack, key.id);
};

test('the key works through S3 only', async () => {
  const id = functions.find((one) => one.id.startsWith('RecordWriteCritical'))!.id;
  const arn = keyArn('Key');
  const through = { 'kms:ViaService': `s3.${region}.amazonaws.com` };
  expect(await simulate(id, 'kms:GenerateDataKey', arn, through)).toBe('Allowed');
  expect(await simulate(id, 'kms:GenerateDataKey', arn)).not.toBe('Allowed');
});

test("tenants' keys open for writers and readers, for their purpose and a named tenant only", async () => {
  const arn = keyArn('TenantKeys');
  const context = { 'kms:EncryptionContext:tenant': 'a', 'kms:EncryptionContext:purpose': 'tenant-key' };
  const { 'kms:EncryptionContext:tenant': _, ...nobody } = context;
  const wrong = [{}, nobody, { ...context, 'kms:EncryptionContext:purpose': 'vaulted-key' }];
  // Verbs of data subjects' requests have rights of their own; see lib/stages/privacy.ts.
  const others = /^(Privacy|JobsAdvanceRequests)/;
  const makers = /^(RecordWrite(Critical|Bulk)|Query(Search|AskExport|Queries)|JobsWork)[0-9A-F]{8}$/;
  const openers =
    /^(RecordWrite(Critical|Bulk)|Query(Search|Show|Feed|AskExport|BuildExport|Queries)|Proof(Prove|Build)|JobsWork)[0-9A-F]{8}$/;
  for (const { id } of functions) {
    for (const action of ['kms:GenerateDataKey', 'kms:Decrypt']) {
      const may = (action === 'kms:Decrypt' ? openers : makers).test(id);
      const allowed = (await simulate(id, action, arn, context)) === 'Allowed';
      if (!others.test(id)) expect(allowed, `${id} ${action}`).toBe(may);
      for (const one of wrong) expect(await simulate(id, action, arn, one), id).not.toBe('Allowed');
    }
    for (const action of ['kms:Encrypt', 'kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:PutKeyPolicy']) {
      expect(await simulate(id, action, arn, context), `${id} ${action}`).not.toBe('Allowed');
    }
  }
});

test('those who answer data subjects fill the vault, and nobody opens it', async () => {
  const context = { 'kms:EncryptionContext:tenant': 'a', 'kms:EncryptionContext:purpose': 'vaulted-key' };
  for (const { id } of functions) {
    const fills = /^(PrivacyRequests|JobsAdvanceRequests)[0-9A-F]{8}$/.test(id);
    expect((await simulate(id, 'kms:Encrypt', keyArn('VaultKey'), context)) === 'Allowed', id).toBe(fills);
    expect(await simulate(id, 'kms:Decrypt', keyArn('VaultKey'), context), id).not.toBe('Allowed');
  }
});

test('sealers alone sign, and messages themselves alone', async () => {
  const how = { 'kms:SigningAlgorithm': 'ED25519_SHA_512', 'kms:MessageType': 'RAW' };
  const wrong = [{}, { ...how, 'kms:MessageType': 'DIGEST' }, { ...how, 'kms:SigningAlgorithm': 'ED25519_PH_SHA_512' }];
  for (const { id } of functions) {
    const sealer = /^Proof(Seal|Sweep)[0-9A-F]{8}$/.test(id);
    expect((await simulate(id, 'kms:Sign', keyArn('SigningKey'), how)) === 'Allowed', id).toBe(sealer);
    for (const one of wrong) expect(await simulate(id, 'kms:Sign', keyArn('SigningKey'), one), id).not.toBe('Allowed');
    expect(await simulate(id, 'kms:ScheduleKeyDeletion', keyArn('SigningKey')), id).not.toBe('Allowed');
  }
});

test('the key itself refuses whoever is no sealer, even with every permission that IAM has', async () => {
  const key = assembly.all('AWS::KMS::Key').find(({ id }) => id.startsWith('SigningKey'))!;
  const everything = { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }], Version: '2012-10-17' };
  const ask = async (role: string, action: string) => {
    const principal = `arn:aws:iam::${account}:role/${role}`;
    const result = await runSimulation(
      {
        identityPolicies: [{ name: 'everything', policy: everything }],
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        resourcePolicy: resolve.value(key.Properties.KeyPolicy, key.stack),
        request: {
          principal,
          action,
          resource: { resource: keyArn('SigningKey'), accountId: account },
          contextVariables: {
            'aws:PrincipalArn': principal,
            ...(action === 'kms:Sign' ? { 'kms:SigningAlgorithm': 'ED25519_SHA_512', 'kms:MessageType': 'RAW' } : {}),
          },
        },
      } as Parameters<typeof runSimulation>[0],
      {},
    );
    return (result as { overallResult?: string }).overallResult;
  };
  expect(await ask(`trailkeep-prod-${region}-proof-seal`, 'kms:Sign')).toBe('Allowed');
  expect(await ask('Administrator', 'kms:Sign')).toBe('ExplicitlyDenied');
  expect(await ask('Administrator', 'kms:ScheduleKeyDeletion')).toBe('ExplicitlyDenied');
  expect(await ask('Administrator', 'kms:PutKeyPolicy')).toBe('Allowed');
});
