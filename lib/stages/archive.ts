/** Archive: what becomes of events with time. Its verbs of the API; what runs by the clock lives with the other jobs. */
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { send, writeObjects } from '../parts/grants.ts';

export interface ArchiveProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Archive extends Construct {
  readonly retention: Verb;

  constructor(scope: Construct, id: string, props: ArchiveProps) {
    super(scope, id);
    const { data, settings } = props;
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
  }
}
