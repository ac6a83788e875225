/** Permissions by what a verb does, each on the exact resource, written at the consumer. */
import { Stack } from 'aws-cdk-lib';
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { DataStack } from '../data-stack.ts';
import { allow } from './function.ts';

/** The key, through one service only: nobody decrypts by hand. */
function keyThrough(data: DataStack, service: 's3' | 'sns', actions: string[]): PolicyStatement[] {
  if (!data.key) return [];
  const via = `${service}.${Stack.of(data).region}.amazonaws.com`;
  return [allow(actions, [data.key.keyArn], { StringEquals: { 'kms:ViaService': via } })];
}

/** Objects under prefixes that are known to be there. */
export const readPresent = (data: DataStack, bucket: Bucket, ...prefixes: string[]) => [
  allow(
    ['s3:GetObject'],
    prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`)),
  ),
  ...keyThrough(data, 's3', ['kms:Decrypt']),
];

export const listObjects = (bucket: Bucket) => [allow(['s3:ListBucket'], [bucket.bucketArn])];

/** Objects under prefixes. Listing turns S3's 403 for a missing object into an honest 404. */
export const readObjects = (data: DataStack, bucket: Bucket, ...prefixes: string[]) => [
  ...readPresent(data, bucket, ...prefixes),
  ...listObjects(bucket),
];

/** Archive files, of days and of months. */
export const readArchive = (data: DataStack) => readObjects(data, data.archive, 'audit-logs');

/** Asks for temporary copies of what is in Deep Archive, and how far they are. */
export const restoreArchive = (data: DataStack) => [
  ...readArchive(data),
  allow(['s3:RestoreObject'], [data.archive.arnForObjects('audit-logs*')]),
];

/** Writes archive files, each with its ladder's tag, and their sidecars; and deletes those that others replace. */
export const writeArchive = (data: DataStack) => [
  ...writeObjects(data, data.archive, 'audit-logs', 'index/audit-logs'),
  // Whether a file that was put twice is ours is seen in its checksum.
  allow(['s3:GetObject'], [data.archive.arnForObjects('index/audit-logs*')]),
  allow(['s3:PutObjectTagging'], [data.archive.arnForObjects('audit-logs*')]),
  ...deleteObjects(data.archive, 'audit-logs'),
  ...deleteObjects(data.archive, 'index/audit-logs'),
];

/** Puts in one piece; an upload in parts would need to decrypt as well. */
export const writeObjects = (data: DataStack, bucket: Bucket, ...prefixes: string[]) => [
  allow(
    ['s3:PutObject'],
    prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`)),
  ),
  ...keyThrough(data, 's3', ['kms:GenerateDataKey']),
];

export const deleteObjects = (bucket: Bucket, prefix: string) => [
  allow(['s3:DeleteObject'], [bucket.arnForObjects(`${prefix}*`)]),
];

/** Below it lie secrets that tenants gave us, by tenant and what they are for. */
export const tenantSecretsPath = (stage: string): string => `/trailkeep/${stage}/secrets`;
/** Who writes them cannot read them, and the other way round. */
export const tenantSecrets = (
  data: DataStack,
  stage: string,
  ...actions: ('ssm:GetParameter' | 'ssm:PutParameter' | 'ssm:DeleteParameter')[]
) => [
  allow(actions, [
    Stack.of(data).formatArn({ service: 'ssm', resource: 'parameter', resourceName: `trailkeep/${stage}/secrets/*` }),
  ]),
];

export const send = (...queues: Queue[]) => [
  allow(
    ['sqs:SendMessage'],
    queues.map((queue) => queue.queueArn),
  ),
];

/** What Lambda's poller does in a function's name. */
export const consume = (...queueArns: string[]) => [
  allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], queueArns),
];

const publishTo = (data: DataStack, topic: Topic) => [
  allow(['sns:Publish'], [topic.topicArn]),
  ...keyThrough(data, 'sns', ['kms:GenerateDataKey', 'kms:Decrypt']),
];
export const announce = (data: DataStack) => publishTo(data, data.announce);
export const notify = (data: DataStack) => publishTo(data, data.notices);

/** One purpose and always for a named tenant: the context is part of what KMS decrypts by, and stands in CloudTrail. */
const forTenant = (purpose: string) => ({
  StringEquals: { 'kms:EncryptionContext:purpose': purpose },
  Null: { 'kms:EncryptionContext:tenant': 'false' },
});

/** Tenants' key-encryption keys: make one that is missing, unwrap one that is there. */
export const sealFields = (data: DataStack) => [
  allow(['kms:GenerateDataKey', 'kms:Decrypt'], [data.tenantKeys.keyArn], forTenant('tenant-key')),
];

/** The same, for whoever only meets tenants whose key is there. */
export const openFields = (data: DataStack) => [
  allow(['kms:Decrypt'], [data.tenantKeys.keyArn], forTenant('tenant-key')),
];

/** Keys that are retained after an erasure go into the vault; no function of ours takes one out. */
export const vaultKeys = (data: DataStack) => [
  allow(['kms:Encrypt'], [data.vaultKey.keyArn], forTenant('vaulted-key')),
];

/** Logs as everybody may see them who may see them at all. */
export const readLogs = (data: DataStack) => readObjects(data, data.evidence, 't/');

/** The incarnations, which tie the bucket to the databases: `incarnation`, and `incarnation-1` of a shard. */
const incarnationsOf = ({ evidence, shards }: DataStack) => [
  evidence.arnForObjects('incarnation'),
  ...shards.map(({ number }) => evidence.arnForObjects(`incarnation-${number}`)),
];

/** What sealing and recovery do to logs: write, archive under lock, and take tiles away that others replace. */
export const writeLogs = (data: DataStack) => [
  ...readLogs(data),
  ...writeObjects(data, data.evidence, 't/'),
  allow(['s3:GetObject'], incarnationsOf(data)),
  ...deleteObjects(data.evidence, 't/*/tile/'),
];

/** Whoever renews it stops every worker from before. */
export const renewIncarnation = (data: DataStack) => [allow(['s3:PutObject'], incarnationsOf(data))];

/** Checkpoints in the archive get their lock with their first byte. */
export const lockArchived = (data: DataStack) => [
  allow(['s3:PutObjectRetention'], [data.evidence.arnForObjects('t/*/checkpoint-archive/*')]),
];

/** Cosignatures, kept beside the checkpoint and published with it. */
export const addCosignatures = (data: DataStack) => [
  allow(
    ['s3:PutObject'],
    [data.evidence.arnForObjects('t/*/checkpoint'), data.evidence.arnForObjects('t/*/cosignatures/*')],
  ),
  ...keyThrough(data, 's3', ['kms:GenerateDataKey']),
];

/** The public key alone. */
export const readSigningKey = (data: DataStack) => [allow(['kms:GetPublicKey'], [data.signingKey.keyArn])];

/** Signs messages themselves with Ed25519; the key's own policy says the same and names who. */
export const signCheckpoints = (data: DataStack) => [
  ...readSigningKey(data),
  allow(['kms:Sign'], [data.signingKey.keyArn], {
    StringEquals: { 'kms:SigningAlgorithm': 'ED25519_SHA_512', 'kms:MessageType': 'RAW' },
  }),
];

/** One schedule for each job of a tenant, in one group, that calls one function in one role's name. */
export const putSchedules = ({ schedules, role }: { readonly schedules: ScheduleGroup; readonly role: Role }) => [
  allow(
    ['scheduler:CreateSchedule', 'scheduler:UpdateSchedule', 'scheduler:DeleteSchedule'],
    [
      Stack.of(schedules).formatArn({
        service: 'scheduler',
        resource: 'schedule',
        resourceName: `${schedules.scheduleGroupName}/job-*`,
      }),
    ],
  ),
  allow(['iam:PassRole'], [role.roleArn], { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } }),
];

/** Log in to Postgres with an IAM token as one role. */
export const login = (data: DataStack, user: string) => [allow(['rds-db:connect'], data.loginArns(user))];

export const rootSecretParameter = (stage: string) => `/trailkeep/${stage}/root-secret`;

export const rootSecret = (data: DataStack, stage: string, ...actions: ('ssm:GetParameter' | 'ssm:PutParameter')[]) => [
  allow(actions, [
    Stack.of(data).formatArn({
      service: 'ssm',
      resource: 'parameter',
      resourceName: rootSecretParameter(stage).slice(1),
    }),
  ]),
];
