/** What must hold in every template, whatever the parts look like. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { athenaNames } from '#core/query/athena-tables.ts';
import { account, type Resolver, resolverOf } from './support/resolve.ts';
import { type Assembly, type Json, synthesize } from './support/synthesize.ts';

const stages: readonly (readonly [string, Assembly, Resolver])[] = ['dev', 'prod'].map((stage) => {
  const assembly = synthesize(stage);
  return [stage, assembly, resolverOf(assembly)] as const;
});
const dev = stages[0]![1];
const prod = stages[1]![1];
const stateful = /^AWS::(S3::Bucket|RDS::DBCluster|KMS::Key|SQS::Queue|SNS::Topic)$/;
const order = ['network', 'data', 'people', 'record', 'proof', 'trail', 'costs', 'read', 'jobs', 'observe'];
const byName = [...order].sort();

describe.each(stages)('%s', (stage, assembly, resolve) => {
  test('stacks need only what comes before them', () => {
    const place = (name: string) => order.indexOf(name.split('-').at(-1)!);
    const back = Object.entries(assembly.needs).flatMap(([name, needs]) =>
      needs.filter((other) => place(other) >= place(name)).map((other) => `${name} → ${other}`),
    );
    expect(back).toEqual([]);
    expect(
      Object.keys(assembly.templates)
        .map((name) => name.split('-').at(-1))
        .sort(),
    ).toEqual(byName);
  });

  test('logical ids of what holds data are the ones that were deployed', () => {
    const ids = assembly
      .all()
      .filter(({ Type, stack }) => stateful.test(Type) && stack.endsWith('-data'))
      .map(({ Type, id }) => `${Type} ${id}`)
      .sort();
    const pinned = JSON.parse(readFileSync(new URL('./stateful-ids.json', import.meta.url), 'utf8')) as Record<
      string,
      string[]
    >;
    expect(ids).toEqual(pinned[assembly.stage]);
  });

  test('every queue has a dead-letter queue or is one', () => {
    const dead = new Set<string>();
    const arn = (one: { stack: string; id: string }) => resolve.arn(one.stack, one.id);
    for (const queue of assembly.all('AWS::SQS::Queue')) {
      const policy = resolve.value(queue.Properties.RedrivePolicy ?? {}, queue.stack) as Json;
      if (policy.deadLetterTargetArn) dead.add(String(policy.deadLetterTargetArn));
    }
    for (const { Properties, stack } of assembly.all('AWS::Scheduler::Schedule')) {
      const target = resolve.value(Properties.Target, stack) as { DeadLetterConfig?: { Arn: string } };
      expect(target.DeadLetterConfig).toBeDefined();
      dead.add(target.DeadLetterConfig!.Arn);
    }
    for (const { Properties, stack } of assembly.all('AWS::Lambda::EventInvokeConfig')) {
      const config = resolve.value(Properties.DestinationConfig, stack) as { OnFailure: { Destination: string } };
      dead.add(config.OnFailure.Destination);
    }
    const without = assembly
      .all('AWS::SQS::Queue')
      // Verbs put unreadable messages there by themselves; intake queues made at run time redrive to it.
      .filter((one) => !one.Properties.RedrivePolicy && !dead.has(arn(one)) && !one.id.startsWith('Unreadable'))
      .map(({ id }) => id);
    expect(without).toEqual([]);
  });

  test('mappings report item by item and their queue outwaits six time limits', () => {
    const mappings = assembly.all('AWS::Lambda::EventSourceMapping');
    expect(mappings).toHaveLength(16);
    for (const { Properties, stack } of mappings) {
      expect(Properties.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
      const queueArn = String(resolve.value(Properties.EventSourceArn, stack));
      const queue = assembly.all('AWS::SQS::Queue').find((one) => resolve.arn(one.stack, one.id) === queueArn)!;
      const target = String(resolve.value(Properties.FunctionName, stack));
      const fn = assembly.all('AWS::Lambda::Function').find((one) => target.endsWith(`${one.id}:live`))!;
      expect(Number(queue.Properties.VisibilityTimeout)).toBeGreaterThanOrEqual(6 * Number(fn.Properties.Timeout));
      // SQS refuses more than ten messages at once without a window.
      if (Number(Properties.BatchSize) > 10)
        expect(Number(Properties.MaximumBatchingWindowInSeconds)).toBeGreaterThan(0);
    }
  });

  test('every function has a log group of its own that forgets', () => {
    for (const { id, Properties, stack } of assembly.all('AWS::Lambda::Function')) {
      const { LogGroup } = Properties.LoggingConfig as { LogGroup: { Ref: string } };
      expect(assembly.templates[stack]!.Resources[LogGroup.Ref]!.Properties.RetentionInDays, id).toBeGreaterThan(0);
    }
  });

  test('no policy allows actions by wildcard', () => {
    const wild = assembly.all('AWS::IAM::Policy').flatMap(({ id, Properties }) => {
      const { Statement } = Properties.PolicyDocument as { Statement: { Action: string | string[] }[] };
      return Statement.flatMap(({ Action }) => [Action].flat())
        .filter((action) => action.includes('*'))
        .map((action) => `${id} ${action}`);
    });
    expect(wild).toEqual([]);
  });

  test('no bucket is public and each speaks TLS only', () => {
    for (const { Properties } of assembly.all('AWS::S3::Bucket')) {
      expect(Object.values(Properties.PublicAccessBlockConfiguration as Json)).toEqual([true, true, true, true]);
    }
    expect(assembly.all('AWS::S3::BucketPolicy')).toHaveLength(5);
  });

  test('the keys of personal fields rotate, and the account decides who may use them', () => {
    const keys = assembly.all('AWS::KMS::Key').filter(({ id }) => /^(TenantKeys|VaultKey)/.test(id));
    expect(keys).toHaveLength(2);
    for (const { Properties, DeletionPolicy, stack } of keys) {
      expect([Properties.EnableKeyRotation, DeletionPolicy]).toEqual([true, stage === 'prod' ? 'Retain' : 'Delete']);
      const { Statement } = resolve.value(Properties.KeyPolicy, stack) as { Statement: Json[] };
      expect(Statement).toEqual([
        { Action: 'kms:*', Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Resource: '*' },
      ]);
    }
  });

  test('the key that signs checkpoints signs for sealers alone, and notes alone', () => {
    const [key] = assembly.all('AWS::KMS::Key').filter(({ id }) => id.startsWith('SigningKey'));
    expect(key!.Properties).toMatchObject({ KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' });
    expect(key!.DeletionPolicy).toBe(stage === 'prod' ? 'Retain' : 'Delete');
    const { Statement } = resolve.value(key!.Properties.KeyPolicy, key!.stack) as { Statement: Json[] };
    const refusals = Statement.filter(({ Effect }) => Effect === 'Deny');
    expect(refusals.every(({ Principal }) => JSON.stringify(Principal) === '{"AWS":"*"}')).toBe(true);
    expect(refusals.map(({ Sid }) => Sid)).toEqual([
      'OnlySealersSign',
      'OnlyEd25519',
      'OnlyMessages',
      ...(stage === 'prod' ? ['NobodyEndsIt'] : []),
    ]);
  });

  test('evidence is written on conditions, and archived checkpoints under lock where the stage is kept', () => {
    const [bucket] = assembly.all('AWS::S3::Bucket').filter(({ id }) => id.startsWith('Evidence'));
    expect(bucket!.Properties.ObjectLockEnabled).toBe(stage === 'prod' ? true : undefined);
    // A default would lock tiles, which recovery must be able to replace.
    expect(bucket!.Properties.ObjectLockConfiguration).toBeUndefined();
    const [policy] = assembly.all('AWS::S3::BucketPolicy').filter(({ id }) => id.startsWith('Evidence'));
    const { Statement } = resolve.value(policy!.Properties.PolicyDocument, bucket!.stack) as { Statement: Json[] };
    const about = (sid: string) => Statement.find(({ Sid }) => Sid === sid);
    expect(about('EveryWriteIsConditional')).toMatchObject({
      Effect: 'Deny',
      Action: 's3:PutObject',
      Condition: {
        Null: { 's3:if-none-match': 'true', 's3:if-match': 'true' },
        Bool: { 's3:ObjectCreationOperation': 'true' },
      },
    });
    const locked = [about('ArchivedIsLocked'), about('ArchivedStays')].map((one) => one?.Effect);
    expect(locked).toEqual(stage === 'prod' ? ['Deny', 'Deny'] : [undefined, undefined]);
  });

  test('Athena asks one database, up to a limit, and a query that names no tenant fails', () => {
    const [workGroup, ...others] = assembly.all('AWS::Athena::WorkGroup');
    expect(others).toEqual([]);
    const { Name, RecursiveDeleteOption, WorkGroupConfiguration } = workGroup!.Properties as Json;
    expect([Name, RecursiveDeleteOption]).toEqual([athenaNames(stage).workGroup, true]);
    const { ResultConfiguration, ...configuration } = WorkGroupConfiguration as Json;
    expect(configuration).toMatchObject({ EnforceWorkGroupConfiguration: true });
    expect(Number(configuration.BytesScannedCutoffPerQuery)).toBeGreaterThan(10_000_000);
    const { OutputLocation } = resolve.value(ResultConfiguration, workGroup!.stack) as Json;
    expect(OutputLocation).toMatch(/^s3:\/\/control\w*\/athena\/results\/$/);
    const tables = assembly.all('AWS::Glue::Table').map(({ Properties }) => Properties as Json);
    expect(tables).toHaveLength(4);
    for (const { DatabaseName, TableInput } of tables) {
      expect(DatabaseName).toBe(athenaNames(stage).database);
      expect((TableInput as Json).Parameters).toMatchObject({ 'projection.tenant.type': 'injected' });
    }
  });

  test('everything but health and the docs asks who calls', () => {
    const open = assembly
      .all('AWS::ApiGateway::Method')
      .filter(({ Properties }) => Properties.AuthorizationType !== 'CUSTOM');
    expect(open).toHaveLength(6);
    expect(assembly.all('AWS::ApiGateway::Method')).toHaveLength(137);
  });
});

describe('dev', () => {
  test('nothing is paid by the hour but the keys of personal fields and the one that signs', () => {
    const hourly =
      /NatGateway|DBProxy|ServerlessCache|OpenSearch|WebACL|ConfigurationRecorder|GuardDuty|KMS::Key|CloudWatch::Alarm/;
    const found = dev
      .all()
      .filter(
        ({ Type, Properties }) =>
          hourly.test(Type) || (Type === 'AWS::EC2::VPCEndpoint' && Properties.VpcEndpointType === 'Interface'),
      );
    expect(found.map(({ id }) => id.replace(/[0-9A-F]{8}$/, '')).sort()).toEqual([
      'SigningKey',
      'TenantKeys',
      'VaultKey',
    ]);
  });

  test('Aurora pauses', () => {
    const [cluster] = dev.all('AWS::RDS::DBCluster');
    expect(cluster!.Properties.ServerlessV2ScalingConfiguration).toMatchObject({
      MinCapacity: 0,
      SecondsUntilAutoPause: 300,
    });
  });
});

describe('prod', () => {
  test('what holds data outlives its stack', () => {
    for (const { id, Type, DeletionPolicy } of prod.all()) {
      if (/^AWS::(S3::Bucket|KMS::Key|RDS::DBCluster)$/.test(Type))
        expect(DeletionPolicy, id).toMatch(/Retain|Snapshot/);
    }
  });
});

test('package pins: the CDK CLI is 2.x exactly, Powertools agree', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  expect(devDependencies!['aws-cdk']).toMatch(/^2\.\d+\.\d+$/);
  const powertools = Object.entries(dependencies!).filter(([name]) => name.startsWith('@aws-lambda-powertools/'));
  expect(new Set(powertools.map(([, version]) => version)).size).toBe(1);
});
