/**
 * Makes what the template declares: buckets, queues, topics, subscriptions, parameters, keys, groups of schedules and Athena's tables,
 * through the same calls that anyone would make to AWS. Making what exists brings its settings up to date and keeps its data.
 *
 * Left out knowingly: encryption of what AWS stores, and the rotation and the policies of keys.
 */
import { CreateKeyCommand, DescribeKeyCommand, type KeySpec, type KeyUsageType, KMSClient } from '@aws-sdk/client-kms';
import {
  CreateBucketCommand,
  DeleteBucketLifecycleCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateScheduleGroupCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import postgres from 'postgres';
import { keyIdTag } from './cloud/kms.ts';
import { lifecycleRules } from './lifecycle.ts';
import { athenaOf, provisionAthena } from './provision-athena.ts';
import type { Sqs } from './sqs-client.ts';
import { type Loaded, type RunningResource, TemplateError } from './template.ts';

/** Where the local services listen: `http://127.0.0.1:PORT` each. */
export interface Endpoints {
  readonly s3: string;
  readonly sqs: string;
  readonly sns: string;
  readonly ssm: string;
  readonly kms: string;
  readonly lambda: string;
  readonly athena: string;
  readonly scheduler: string;
}

export async function provision(loaded: Loaded, endpoints: Endpoints, sqs: Sqs): Promise<void> {
  const common = { region: sqs.region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
  const s3 = new S3Client({ ...common, endpoint: endpoints.s3, forcePathStyle: true });
  const sns = new SNSClient({ ...common, endpoint: endpoints.sns });
  const ssm = new SSMClient({ ...common, endpoint: endpoints.ssm });
  const kms = new KMSClient({ ...common, endpoint: endpoints.kms });
  const scheduler = new SchedulerClient({ ...common, endpoint: endpoints.scheduler });
  try {
    await Promise.all(loaded.of('AWS::S3::Bucket').map((bucket) => makeBucket(s3, bucket)));
    await makeQueues(sqs, loaded.of('AWS::SQS::Queue'));
    await Promise.all(loaded.of('AWS::SNS::Topic').map((topic) => makeTopic(sns, topic)));
    await Promise.all(loaded.of('AWS::SNS::Subscription').map((one) => subscribe(sns, one)));
    await Promise.all(loaded.of('AWS::SSM::Parameter').map((parameter) => putParameter(ssm, parameter)));
    await Promise.all(loaded.of('AWS::KMS::Key').map((key) => makeKey(kms, key)));
    await Promise.all(loaded.of('AWS::Scheduler::ScheduleGroup').map((group) => makeScheduleGroup(scheduler, group)));
    await provisionAthena(endpoints.athena, athenaOf(loaded));
  } finally {
    for (const client of [s3, sns, ssm, kms, scheduler]) client.destroy();
  }
}

async function makeBucket(s3: S3Client, { id, attributes, properties }: RunningResource): Promise<void> {
  if (properties.NotificationConfiguration) throw new TemplateError(`${id}: bucket notifications are not run here`);
  const Bucket = attributes.ref;
  try {
    await s3.send(
      new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: properties.ObjectLockEnabled === true }),
    );
  } catch (error) {
    if (!['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes((error as Error).name)) throw error;
  }
  const versioning = properties.VersioningConfiguration as { readonly Status?: 'Enabled' | 'Suspended' } | undefined;
  if (versioning?.Status) {
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: versioning.Status } }));
  }
  await setLifecycle(s3, Bucket, properties.LifecycleConfiguration as Lifecycle | undefined);
  const lock = properties.ObjectLockConfiguration as { readonly Rule?: object } | undefined;
  if (lock) {
    const ObjectLockConfiguration = {
      ObjectLockEnabled: 'Enabled' as const,
      ...(lock.Rule ? { Rule: lock.Rule } : {}),
    };
    await s3.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
  }
}

interface Lifecycle {
  readonly Rules: readonly object[];
  readonly TransitionDefaultMinimumObjectSize?: 'all_storage_classes_128K' | 'varies_by_storage_class';
}

async function setLifecycle(s3: S3Client, Bucket: string, lifecycle: Lifecycle | undefined): Promise<void> {
  if (!lifecycle) {
    await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    return;
  }
  const { TransitionDefaultMinimumObjectSize } = lifecycle;
  const LifecycleConfiguration = { Rules: lifecycleRules(Bucket, lifecycle.Rules) };
  await s3.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration, TransitionDefaultMinimumObjectSize }),
  );
}

/** Attributes that are passed on; JSON ones as SQS wants them, as text. */
const queueAttributes = [
  'VisibilityTimeout',
  'MessageRetentionPeriod',
  'DelaySeconds',
  'MaximumMessageSize',
  'ReceiveMessageWaitTimeSeconds',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'FifoQueue',
  'ContentBasedDeduplication',
  'DeduplicationScope',
  'FifoThroughputLimit',
] as const;

async function makeQueues(sqs: Sqs, queues: readonly RunningResource[]): Promise<void> {
  // A dead-letter queue must be there before the queue that names it.
  const ordered = queues.toSorted(
    (a, b) => Number('RedrivePolicy' in a.properties) - Number('RedrivePolicy' in b.properties),
  );
  for (const { attributes, properties } of ordered) {
    const wanted = queueAttributes
      .filter((name) => properties[name] !== undefined)
      .map((name) => [name, asText(properties[name])] as const);
    await sqs.ensureQueue(attributes.QueueName!, Object.fromEntries(wanted));
  }
}

const asText = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

async function makeTopic(sns: SNSClient, { attributes }: RunningResource): Promise<void> {
  await sns.send(new CreateTopicCommand({ Name: attributes.TopicName }));
}

async function subscribe(sns: SNSClient, { id, properties }: RunningResource): Promise<void> {
  if (properties.Protocol !== 'sqs' && properties.Protocol !== 'lambda') {
    throw new TemplateError(`${id}: a subscription by ${String(properties.Protocol)} is not run here`);
  }
  const attributes = ['RawMessageDelivery', 'FilterPolicy', 'FilterPolicyScope', 'RedrivePolicy']
    .filter((name) => properties[name] !== undefined)
    .map((name) => [name, asText(properties[name])] as const);
  await sns.send(
    new SubscribeCommand({
      TopicArn: String(properties.TopicArn),
      Protocol: properties.Protocol,
      Endpoint: String(properties.Endpoint),
      Attributes: Object.fromEntries(attributes),
      ReturnSubscriptionArn: true,
    }),
  );
}

async function putParameter(ssm: SSMClient, { attributes, properties }: RunningResource): Promise<void> {
  await ssm.send(
    new PutParameterCommand({
      Name: attributes.ref,
      Value: String(properties.Value),
      Type: properties.Type === 'StringList' ? 'StringList' : 'String',
      Overwrite: true,
    }),
  );
}

async function makeKey(kms: KMSClient, { attributes, properties }: RunningResource): Promise<void> {
  const KeyId = attributes.KeyId!;
  try {
    await kms.send(new DescribeKeyCommand({ KeyId }));
  } catch (error) {
    if ((error as Error).name !== 'NotFoundException') throw error;
    await kms.send(
      new CreateKeyCommand({
        Description: String(properties.Description ?? ''),
        ...(properties.KeySpec === undefined ? {} : { KeySpec: properties.KeySpec as KeySpec }),
        ...(properties.KeyUsage === undefined ? {} : { KeyUsage: properties.KeyUsage as KeyUsageType }),
        Tags: [{ TagKey: keyIdTag, TagValue: KeyId }],
      }),
    );
  }
}

async function makeScheduleGroup(scheduler: SchedulerClient, { attributes }: RunningResource): Promise<void> {
  try {
    await scheduler.send(new CreateScheduleGroupCommand({ Name: attributes.ref }));
  } catch (error) {
    if ((error as Error).name !== 'ConflictException') throw error;
  }
}

/** What RDS makes with a cluster: its database, its master user, and the role that allows IAM logins. */
export async function prepareDatabase(
  loaded: Loaded,
  at: { readonly host: string; readonly port: number },
): Promise<void> {
  const clusters = loaded.of('AWS::RDS::DBCluster');
  if (clusters.length === 0) return;
  const sql = postgres({ ...at, database: 'postgres', user: 'postgres', max: 1, onnotice: () => {} });
  try {
    await ensureRole(sql, 'rds_iam', 'nologin');
    for (const { properties } of clusters) {
      // With a managed password the name is set here and the password is not.
      const master = String(properties.MasterUsername ?? 'postgres');
      await ensureRole(sql, master, 'login createrole createdb');
      if (master !== 'postgres') await sql`grant rds_iam to ${sql(master)} with admin option`;
      const name = properties.DatabaseName;
      if (typeof name !== 'string') continue;
      const [found] = await sql`select 1 from pg_database where datname = ${name}`;
      if (!found) await sql`create database ${sql(name)} owner ${sql(master)}`;
    }
  } finally {
    await sql.end();
  }
}

async function ensureRole(sql: postgres.Sql, name: string, options: string): Promise<void> {
  const [found] = await sql`select 1 from pg_roles where rolname = ${name}`;
  if (!found) await sql.unsafe(`create role "${name.replaceAll('"', '""')}" ${options}`);
}
