/** Compacting: what segments held goes into archive files, as the login that reads no event in Postgres. */
import type { Construct } from 'constructs';
import { archiveTimeoutSeconds } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { makeVerb, type Verb } from '../parts/function.ts';
import { consume, deleteObjects, readArchive, readObjects, send, writeArchive } from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';
import type { ArchiveProps } from './archive.ts';

const login = 'trailkeep_archiver';

/** Finds tenants with something to compact, and deletes segments that nobody needs any longer. */
export function makeCompactSweep(scope: Construct, props: ArchiveProps): Verb {
  const { data, settings } = props;
  const database = speaksPostgres(data, settings.stage, props.inside, login);
  return makeVerb(scope, 'ArchiveCompactSweep', props, {
    bundle: 'archive-compact-sweep',
    memoryMb: 512,
    timeoutSeconds: archiveTimeoutSeconds.sweep,
    inside: database.inside,
    environment: {
      ...database.environment,
      SEGMENTS_BUCKET: data.segments.bucketName,
      COMPACT_QUEUE_URL: data.compact.queueUrl,
      COMPACT_AFTER_MINUTES: String(settings.archive.compactAfterMinutes),
      FEED_DAYS: String(settings.archive.feedDays),
    },
    permissions: [...database.permissions, ...deleteObjects(data.segments, 'segments/'), ...send(data.compact)],
  });
}

/** Compacts one tenant a message. */
export function makeCompact(scope: Construct, props: ArchiveProps): Verb {
  const { data, settings } = props;
  const database = speaksPostgres(data, settings.stage, props.inside, login);
  const verb = makeVerb(scope, 'ArchiveCompact', props, {
    bundle: 'archive-compact',
    // Inflating, hashing and deflating are the work of one core; a step holds a file of 64 MB and two blocks of each run.
    memoryMb: 1769,
    timeoutSeconds: archiveTimeoutSeconds.compact,
    inside: database.inside,
    environment: {
      ...database.environment,
      SEGMENTS_BUCKET: data.segments.bucketName,
      ARCHIVE_BUCKET: data.archive.bucketName,
      CONTROL_BUCKET: data.control.bucketName,
      CRITICAL_QUEUE_URL: data.critical.queueUrl,
      BULK_QUEUE_URL: data.bulk.queueUrl,
      COMPACT_QUEUE_URL: data.compact.queueUrl,
      FEED_DAYS: String(settings.archive.feedDays),
    },
    permissions: [
      ...database.permissions,
      ...readObjects(data, data.segments, 'segments/'),
      ...readArchive(data),
      ...writeArchive(data),
      // A tenant's classes of retention are in its policy.
      ...readObjects(data, data.control, 'tenants/'),
      // Copies that end here are told of, and that is critical.
      ...send(data.critical, data.compact),
      ...consume(data.compact.queueArn),
    ],
  });
  // Each has a session of Aurora; a tenant is compacted by one of them, and another that meets it stops.
  mapQueue(scope, 'ArchiveCompact', verb, data.compact, { batchSize: 1, executionsMax: 4 });
  return verb;
}
