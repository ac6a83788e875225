/** The witness's stack: alone, open to everybody, and with a key and a record that nothing else can touch. */
import { describe, expect, test } from 'vitest';
import { permissionsOf } from './support/permissions.ts';
import { account, region, resolverOf } from './support/resolve.ts';
import { type Json, type Resource, synthesize } from './support/synthesize.ts';

describe.each(['dev', 'prod'])('%s', (stage) => {
  const assembly = synthesize(stage, undefined, { witness: true });
  const stack = `trailkeep-${stage}-witness`;
  const resolve = resolverOf(assembly);
  const { functions, simulate } = permissionsOf(assembly);
  const all = (type: string): (Resource & { readonly id: string })[] =>
    assembly.all(type).filter((one) => one.stack === stack);
  const only = (type: string) => {
    const found = all(type);
    expect(found).toHaveLength(1);
    return found[0]!;
  };
  const fn = only('AWS::Lambda::Function');
  const key = resolve.arn(stack, only('AWS::KMS::Key').id);
  const bucket = resolve.arn(stack, only('AWS::S3::Bucket').id);

  test('needs no other stack and no other needs it, so it can stand in another account', () => {
    expect(assembly.needs[stack]).toEqual([]);
    expect(Object.entries(assembly.needs).filter(([, needs]) => needs.includes(stack))).toEqual([]);
    expect(JSON.stringify(assembly.templates[stack])).not.toContain('Fn::ImportValue');
    expect(JSON.stringify(Object.values(assembly.templates[stack]!.Outputs ?? {}))).not.toContain('Export');
  });

  test('its three routes ask nobody who they are, and are throttled', () => {
    const methods = all('AWS::ApiGateway::Method').map(({ Properties }) => [
      Properties.HttpMethod,
      Properties.AuthorizationType,
    ]);
    expect(methods.sort()).toEqual([
      ['GET', 'NONE'],
      ['GET', 'NONE'],
      ['POST', 'NONE'],
    ]);
    const { MethodSettings } = only('AWS::ApiGateway::Stage').Properties as { MethodSettings: Json[] };
    expect(MethodSettings[0]).toMatchObject({ ThrottlingRateLimit: 200, ThrottlingBurstLimit: 400 });
  });

  test('the function stands outside any VPC and knows its name, key, bucket and logs', () => {
    expect(fn.Properties.VpcConfig).toBeUndefined();
    const { Variables } = fn.Properties.Environment as { Variables: Json };
    expect(Object.keys(Variables).sort()).toEqual([
      'NODE_OPTIONS',
      'STAGE',
      'WITNESS_BUCKET',
      'WITNESS_KEY_ARN',
      'WITNESS_LOGS',
      'WITNESS_NAME',
    ]);
  });

  test('it signs messages with Ed25519 and nothing else, and nobody else signs', async () => {
    const ed25519 = { 'kms:SigningAlgorithm': 'ED25519_SHA_512', 'kms:MessageType': 'RAW' };
    expect(await simulate(fn.id, 'kms:Sign', key, ed25519)).toBe('Allowed');
    expect(await simulate(fn.id, 'kms:GetPublicKey', key)).toBe('Allowed');
    const others = [
      {},
      { ...ed25519, 'kms:MessageType': 'DIGEST' },
      { ...ed25519, 'kms:SigningAlgorithm': 'ED25519_PH_SHA_512' },
    ];
    for (const other of others) expect(await simulate(fn.id, 'kms:Sign', key, other)).not.toBe('Allowed');
    for (const action of ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:PutKeyPolicy', 'kms:CreateGrant']) {
      expect(await simulate(fn.id, action, key, ed25519), action).not.toBe('Allowed');
    }
    for (const { id } of functions.filter((one) => one.id !== fn.id)) {
      expect(await simulate(id, 'kms:Sign', key, ed25519), id).not.toBe('Allowed');
    }
    const { Statement } = resolve.value(only('AWS::KMS::Key').Properties.KeyPolicy, stack) as { Statement: Json[] };
    expect(Statement.find(({ Sid }) => Sid === 'OnlyTheWitnessSigns')).toMatchObject({
      Effect: 'Deny',
      Action: 'kms:Sign',
      Condition: {
        ArnNotEquals: { 'aws:PrincipalArn': expect.stringMatching(`^arn:aws:iam::${account}:role/Witness`) },
      },
    });
  });

  test('it replaces checkpoints, and deletes nothing and touches nothing else', async () => {
    const state = `${bucket}/logs/${'0'.repeat(64)}/checkpoint`;
    for (const [action, resource] of [
      ['s3:GetObject', state],
      ['s3:PutObject', state],
      ['s3:GetObject', `${bucket}/logs.txt`],
      ['s3:ListBucket', bucket],
    ] as const) {
      expect(await simulate(fn.id, action, resource), `${action} ${resource}`).toBe('Allowed');
    }
    for (const [action, resource] of [
      ['s3:PutObject', `${bucket}/logs.txt`],
      ['s3:DeleteObject', state],
      ['s3:DeleteObjectVersion', state],
      ['s3:PutBucketPolicy', bucket],
      ['s3:GetObject', 'arn:aws:s3:::evidence/t/x/checkpoint'],
      ['sqs:SendMessage', `arn:aws:sqs:${region}:${account}:Anchor`],
    ] as const) {
      expect(await simulate(fn.id, action, resource), `${action} ${resource}`).not.toBe('Allowed');
    }
  });

  test('its record cannot be deleted or overwritten blindly by anybody', () => {
    const { Statement } = resolve.value(only('AWS::S3::BucketPolicy').Properties.PolicyDocument, stack) as {
      Statement: Json[];
    };
    const about = (sid: string) => Statement.find(({ Sid }) => Sid === sid);
    expect(about('NothingIsForgotten')).toMatchObject({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      Resource: `${bucket}/logs/*`,
    });
    expect(about('EveryWriteIsConditional')).toMatchObject({
      Effect: 'Deny',
      Condition: { Null: { 's3:if-none-match': 'true', 's3:if-match': 'true' } },
    });
    expect(only('AWS::S3::Bucket').Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
  });

  test('where it is kept, key and record outlive the stack and it wakes somebody', () => {
    const kept = stage === 'prod' ? 'Retain' : 'Delete';
    expect([only('AWS::KMS::Key').DeletionPolicy, only('AWS::S3::Bucket').DeletionPolicy]).toEqual([kept, kept]);
    expect(all('AWS::CloudWatch::Alarm')).toHaveLength(stage === 'prod' ? 2 : 0);
  });
});

test('without being asked for, it is not there', () => {
  expect(Object.keys(synthesize('prod').templates)).not.toContain('trailkeep-prod-witness');
});
