/** Ageing: what runs by the clock and takes events away, each as the login that alone may. */
import type { Construct } from 'constructs';
import { speaksPostgres } from '../parts/database-env.ts';
import { makeVerb, type Verb } from '../parts/function.ts';
import { readPresent, send } from '../parts/grants.ts';
import type { ArchiveProps } from './archive.ts';

/** Drops months of Postgres that the archive has. */
export function makeAge(scope: Construct, props: ArchiveProps): Verb {
  const { data, settings } = props;
  const database = speaksPostgres(data, settings.stage, props.inside, 'trailkeep_purger');
  return makeVerb(scope, 'ArchiveAge', props, {
    bundle: 'archive-age',
    // Reading a month again is the work of one core.
    memoryMb: 1769,
    timeoutSeconds: 900,
    // Two at once would verify everything twice, of which one counts.
    ...(settings.deploy.canary ? { reservedConcurrency: 1 } : {}),
    inside: database.inside,
    environment: {
      ...database.environment,
      ARCHIVE_BUCKET: data.archive.bucketName,
      HOT_DAYS: String(settings.archive.hotDays),
    },
    permissions: [...database.permissions, ...readPresent(data, data.archive, 'audit-logs')],
  });
}

/** Purges archive files past their end. */
export function makePurge(scope: Construct, props: ArchiveProps): Verb {
  const { data, settings } = props;
  const database = speaksPostgres(data, settings.stage, props.inside, 'trailkeep_purger');
  return makeVerb(scope, 'ArchivePurge', props, {
    bundle: 'archive-purge',
    memoryMb: 1769,
    timeoutSeconds: 900,
    ...(settings.deploy.canary ? { reservedConcurrency: 1 } : {}),
    inside: database.inside,
    environment: {
      ...database.environment,
      ARCHIVE_BUCKET: data.archive.bucketName,
      CRITICAL_QUEUE_URL: data.critical.queueUrl,
      BULK_QUEUE_URL: data.bulk.queueUrl,
    },
    // It reads the ids of events that have rows yet, and tells what it is about to do.
    permissions: [...database.permissions, ...readPresent(data, data.archive, 'audit-logs'), ...send(data.critical)],
  });
}
