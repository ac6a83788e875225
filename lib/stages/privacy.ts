/** Privacy: requests of data subjects, legal holds, and what time does to them. */
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { openFields, readObjects, readPresent, sealFields, send, vaultKeys, writeObjects } from '../parts/grants.ts';

export interface PrivacyProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

/** What executing a request needs: the events to look for, the keys to end, and a place for packages. */
function executes({ data, settings, inside }: PrivacyProps) {
  const database = speaksPostgres(data, settings.stage, inside);
  return {
    inside: database.inside,
    environment: {
      ...database.environment,
      CONTROL_BUCKET: data.control.bucketName,
      SEGMENTS_BUCKET: data.segments.bucketName,
      ARCHIVE_BUCKET: data.archive.bucketName,
      CRITICAL_QUEUE_URL: data.critical.queueUrl,
      BULK_QUEUE_URL: data.bulk.queueUrl,
      TENANT_KEYS_KEY_ARN: data.tenantKeys.keyArn,
      VAULT_KEY_ARN: data.vaultKey.keyArn,
    },
    permissions: [
      ...database.permissions,
      ...vaultKeys(data),
      ...readPresent(data, data.segments, 'segments/'),
      ...readPresent(data, data.archive, 'audit-logs'),
      ...writeObjects(data, data.control, 'privacy/'),
      // What we record of requests and holds is critical, whatever a tenant's own rules say.
      ...send(data.critical),
    ],
  };
}

export class Privacy extends Construct {
  readonly requests: Verb;
  readonly holds: Verb;

  constructor(scope: Construct, id: string, props: PrivacyProps) {
    super(scope, id);
    const { data, settings } = props;
    const answering = { timeoutSeconds: 29, canary: true };
    const executing = executes(props);
    this.requests = makeVerb(this, 'Requests', props, {
      ...answering,
      ...executing,
      bundle: 'privacy-requests',
      memoryMb: 1769,
      permissions: [...executing.permissions, ...sealFields(data), ...readObjects(data, data.control, 'privacy/')],
    });
    const database = speaksPostgres(data, settings.stage, props.inside);
    this.holds = makeVerb(this, 'Holds', props, {
      ...answering,
      bundle: 'privacy-holds',
      memoryMb: 512,
      inside: database.inside,
      environment: {
        ...database.environment,
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
        TENANT_KEYS_KEY_ARN: data.tenantKeys.keyArn,
      },
      permissions: [...database.permissions, ...sealFields(data), ...send(data.critical)],
    });
  }
}

/** The verb of the schedule; it lives with the other jobs. */
export function makeAdvance(scope: Construct, props: PrivacyProps): Verb {
  const { data, settings } = props;
  const executing = executes(props);
  return makeVerb(scope, 'AdvanceRequests', props, {
    ...executing,
    bundle: 'privacy-advance',
    memoryMb: 1769,
    timeoutSeconds: 300,
    // Two at once would do everything twice, of which one counts.
    ...(settings.deploy.canary ? { reservedConcurrency: 1 } : {}),
    environment: { ...executing.environment, BACKUP_DAYS: String(settings.aurora.backupDays) },
    permissions: [...executing.permissions, ...openFields(data)],
  });
}
