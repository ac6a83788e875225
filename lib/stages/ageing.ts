/** Ageing: what runs by the clock and takes events away, each as the login that alone may. */
import type { Construct } from 'constructs';
import { speaksPostgres } from '../parts/database-env.ts';
import { makeVerb, type Verb } from '../parts/function.ts';
import { readArchive } from '../parts/grants.ts';
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
    permissions: [...database.permissions, ...readArchive(data)],
  });
}
