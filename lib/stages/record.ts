/** Record: accept, intake, write, sweep, and the desk for dead letters. */
import { Stack } from 'aws-cdk-lib';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type DataStack, writerTimeoutSeconds } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { allow, type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import {
  announce,
  consume,
  deleteObjects,
  readObjects,
  readPresent,
  sealFields,
  send,
  writeObjects,
} from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';

export interface RecordProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Record extends Construct {
  readonly accept: Verb;
  readonly intake: Verb;
  readonly openIntake: Verb;
  readonly deadLetters: Verb;
  readonly writeCritical: Verb;
  readonly writeBulk: Verb;
  readonly sweep: Verb;

  constructor(scope: Construct, id: string, props: RecordProps) {
    super(scope, id);
    const { data, settings } = props;
    const stack = Stack.of(this);
    const control = { CONTROL_BUCKET: data.control.bucketName };
    const outlets = { CRITICAL_QUEUE_URL: data.critical.queueUrl, BULK_QUEUE_URL: data.bulk.queueUrl };
    const unreadable = { DEAD_LETTER_QUEUE_URL: data.unreadable.queueUrl };
    const intakePrefix = `trailkeep-${settings.stage}-intake-`;
    // Made at run time, one for a tenant that asks for it: a prefix is as exact as it gets.
    const intakeQueues = stack.formatArn({ service: 'sqs', resource: `${intakePrefix}*` });

    this.accept = makeVerb(this, 'Accept', props, {
      bundle: 'record-accept',
      memoryMb: 1024,
      timeoutSeconds: 29,
      canary: true,
      environment: { ...control, ...outlets },
      permissions: [
        ...readObjects(data, data.control, 'tenants/', 'claims/'),
        ...writeObjects(data, data.control, 'claims/'),
        ...send(data.critical, data.bulk),
      ],
    });

    this.intake = makeVerb(this, 'Intake', props, {
      bundle: 'record-intake',
      memoryMb: 1024,
      timeoutSeconds: 60,
      environment: { ...control, ...outlets, ...unreadable },
      permissions: [
        ...readObjects(data, data.control, 'tenants/', 'intake/'),
        ...send(data.critical, data.bulk, data.unreadable),
        ...consume(intakeQueues),
      ],
    });

    this.openIntake = makeVerb(this, 'OpenIntake', props, {
      bundle: 'record-open-intake',
      memoryMb: 512,
      timeoutSeconds: 29,
      canary: true,
      environment: {
        ...control,
        ...unreadable,
        INTAKE_QUEUE_PREFIX: intakePrefix,
        INTAKE_FUNCTION_ARN: this.intake.live.functionArn,
      },
      permissions: [
        ...readObjects(data, data.control, 'tenants/'),
        ...writeObjects(data, data.control, 'intake/'),
        allow(['sqs:CreateQueue', 'sqs:TagQueue', 'sqs:GetQueueUrl', 'sqs:GetQueueAttributes'], [intakeQueues]),
        allow(['sqs:GetQueueAttributes'], [data.unreadable.queueArn]),
        // A mapping has no ARN before it exists; the condition holds it to our function.
        allow(['lambda:CreateEventSourceMapping'], ['*'], {
          ArnLike: { 'lambda:FunctionArn': `${this.intake.function.functionArn}*` },
        }),
        allow(['lambda:ListEventSourceMappings'], ['*']),
      ],
    });

    const sources: readonly (readonly [string, Queue, Queue])[] = [
      ['critical', data.critical, data.criticalDead],
      ['bulk', data.bulk, data.bulkDead],
      ['unreadable', data.unreadable, data.unreadable],
    ];
    this.deadLetters = makeVerb(this, 'DeadLetters', props, {
      bundle: 'record-dead-letters',
      memoryMb: 512,
      timeoutSeconds: 29,
      canary: true,
      environment: {
        DEAD_LETTER_SOURCES: stack.toJsonString(
          sources.map(([name, queue, dead]) => ({ name, url: queue.queueUrl, deadLetterUrl: dead.queueUrl })),
        ),
      },
      permissions: [
        allow(
          ['sqs:GetQueueAttributes', 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'],
          sources.map(([, , dead]) => dead.queueArn),
        ),
        ...send(data.critical, data.bulk),
        allow(['sqs:SendMessage', 'sqs:GetQueueUrl'], [intakeQueues]),
      ],
    });

    const database = speaksPostgres(data, settings.stage, props.inside);
    const writer = {
      inside: database.inside,
      environment: {
        ...database.environment,
        ...control,
        ...unreadable,
        SEGMENTS_BUCKET: data.segments.bucketName,
        ANNOUNCE_TOPIC_ARN: data.announce.topicArn,
        TENANT_KEYS_KEY_ARN: data.tenantKeys.keyArn,
      },
      permissions: [
        ...database.permissions,
        ...sealFields(data),
        // Whose fields are what: tags in the tenant's schemas.
        ...readObjects(data, data.control, 'tenants/'),
        // After a lost answer: whether the object that is there already is our own.
        ...readPresent(data, data.segments, 'segments/'),
        ...writeObjects(data, data.segments, 'segments/'),
        ...announce(data),
        ...send(data.unreadable),
      ],
    };
    this.writeCritical = makeVerb(this, 'WriteCritical', props, {
      ...writer,
      bundle: 'record-write-critical',
      memoryMb: 1024,
      timeoutSeconds: writerTimeoutSeconds.critical,
      permissions: [...writer.permissions, ...consume(data.critical.queueArn)],
    });
    this.writeBulk = makeVerb(this, 'WriteBulk', props, {
      ...writer,
      bundle: 'record-write-bulk',
      memoryMb: 1769,
      timeoutSeconds: writerTimeoutSeconds.bulk,
      permissions: [...writer.permissions, ...consume(data.bulk.queueArn)],
    });
    this.sweep = makeVerb(this, 'Sweep', props, {
      bundle: 'record-sweep',
      memoryMb: 512,
      timeoutSeconds: 300,
      // Two sweeps would announce everything twice.
      ...(settings.deploy.canary ? { reservedConcurrency: 1 } : {}),
      inside: database.inside,
      environment: {
        ...database.environment,
        SEGMENTS_BUCKET: data.segments.bucketName,
        ANNOUNCE_TOPIC_ARN: data.announce.topicArn,
      },
      permissions: [
        ...database.permissions,
        // An orphan whose events nobody has is committed; what is left of one gets a segment of its own.
        ...readObjects(data, data.segments, 'segments/'),
        ...writeObjects(data, data.segments, 'segments/'),
        ...deleteObjects(data.segments, 'segments/'),
        ...announce(data),
      ],
    });

    // No window for the critical tier: its events are searchable at once.
    const executionsMax = settings.record.writersMax;
    mapQueue(this, 'Critical', this.writeCritical, data.critical, { batchSize: 10, executionsMax });
    const windowSeconds = settings.record.bulkWindowSeconds;
    mapQueue(this, 'Bulk', this.writeBulk, data.bulk, { batchSize: 200, windowSeconds, executionsMax });
  }
}
