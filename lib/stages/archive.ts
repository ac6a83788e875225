/** Archive: what becomes of events with time. Its verbs of the API; what runs by the clock lives with the other jobs. */
import { Construct } from 'constructs';
import { type DataStack, restoreTimeoutSeconds } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { consume, readArchive, restoreArchive, send, writeObjects } from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';
import { makeRebuild, makeReplay } from './rebuilding.ts';

export interface ArchiveProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Archive extends Construct {
  readonly retention: Verb;
  readonly rebuild: Verb;
  readonly replay: Verb;
  readonly restores: Verb;
  readonly restore: Verb;

  constructor(scope: Construct, id: string, props: ArchiveProps) {
    super(scope, id);
    const { data, settings } = props;
    this.rebuild = makeRebuild(this, props);
    this.replay = makeReplay(this, props);
    const database = speaksPostgres(data, settings.stage, props.inside);
    this.retention = makeVerb(this, 'Retention', props, {
      bundle: 'archive-retention',
      memoryMb: 512,
      timeoutSeconds: 29,
      canary: true,
      inside: database.inside,
      environment: {
        ...database.environment,
        CONTROL_BUCKET: data.control.bucketName,
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
      },
      // What is decided of retention is critical, whatever a tenant's own rules say.
      permissions: [...database.permissions, ...writeObjects(data, data.control, 'tenants/'), ...send(data.critical)],
    });
    const restoring = {
      inside: database.inside,
      environment: {
        ...database.environment,
        ARCHIVE_BUCKET: data.archive.bucketName,
        RESTORE_QUEUE_URL: data.restores.queueUrl,
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
      },
      // Who restores is critical, whatever a tenant's own rules say; what is left of a restore is sent again.
      permissions: [...database.permissions, ...send(data.critical, data.restores)],
    };
    this.restores = makeVerb(this, 'Restores', props, {
      ...restoring,
      bundle: 'archive-restores',
      // An estimate asks S3 about thousands of files.
      memoryMb: 1769,
      timeoutSeconds: 29,
      canary: true,
      permissions: [...restoring.permissions, ...readArchive(data)],
    });
    this.restore = makeVerb(this, 'Restore', props, {
      ...restoring,
      bundle: 'archive-restore',
      memoryMb: 1769,
      timeoutSeconds: restoreTimeoutSeconds,
      permissions: [...restoring.permissions, ...restoreArchive(data), ...consume(data.restores.queueArn)],
    });
    // As few at once as SQS allows: S3 takes a thousand of these requests a second, from everybody.
    mapQueue(this, 'Restores', this.restore, data.restores, { batchSize: 1, executionsMax: 2 });
  }
}
