/** What an operator asks for after a loss of the database: the archive's catalogue, and critical events in Postgres. */
import type { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { readArchive, readObjects, readPresent, send } from '../parts/grants.ts';

interface RebuildingProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

const reading = (data: DataStack) => ({
  ARCHIVE_BUCKET: data.archive.bucketName,
  SEGMENTS_BUCKET: data.segments.bucketName,
  CRITICAL_QUEUE_URL: data.critical.queueUrl,
  BULK_QUEUE_URL: data.bulk.queueUrl,
});

/** Reads every sidecar of a tenant. API Gateway stops listening after 29 s; the work goes on. */
export function makeRebuild(scope: Construct, props: RebuildingProps): Verb {
  const { data, settings, inside } = props;
  const database = speaksPostgres(data, settings.stage, inside, 'trailkeep_archiver');
  return makeVerb(scope, 'Rebuild', props, {
    bundle: 'archive-rebuild',
    memoryMb: 3008,
    timeoutSeconds: 900,
    inside: database.inside,
    environment: { ...database.environment, ...reading(data) },
    permissions: [
      ...database.permissions,
      ...readArchive(data),
      ...readObjects(data, data.archive, 'index/'),
      ...readPresent(data, data.segments, 'segments/'),
      ...send(data.critical),
    ],
  });
}

/** A step a request. */
export function makeReplay(scope: Construct, props: RebuildingProps): Verb {
  const { data, settings, inside } = props;
  const database = speaksPostgres(data, settings.stage, inside, 'trailkeep_recovery');
  return makeVerb(scope, 'Replay', props, {
    bundle: 'archive-replay',
    memoryMb: 1769,
    timeoutSeconds: 60,
    inside: database.inside,
    environment: { ...database.environment, ...reading(data) },
    permissions: [
      ...database.permissions,
      ...readArchive(data),
      ...readPresent(data, data.segments, 'segments/'),
      ...send(data.critical),
    ],
  });
}
