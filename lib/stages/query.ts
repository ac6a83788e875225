/** Query: search, show, feed. */
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { readsReplicas, speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { openFields, readArchive, readObjects, sealFields, send } from '../parts/grants.ts';

export interface QueryProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Query extends Construct {
  readonly search: Verb;
  readonly show: Verb;
  readonly feed: Verb;

  constructor(scope: Construct, id: string, props: QueryProps) {
    super(scope, id);
    const { data, settings } = props;
    const database = speaksPostgres(data, settings.stage, props.inside);
    const common = {
      timeoutSeconds: 29,
      canary: true,
      inside: database.inside,
      environment: {
        ...database.environment,
        SEGMENTS_BUCKET: data.segments.bucketName,
        TENANT_KEYS_KEY_ARN: data.tenantKeys.keyArn,
        // Who looks is recorded before the answer.
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
      },
      permissions: [
        ...database.permissions,
        ...readObjects(data, data.segments, 'segments/'),
        ...send(data.critical, data.bulk),
      ],
    };
    const reading = { ...common, environment: { ...common.environment, ...readsReplicas(data, settings) } };
    // A tenant may ask for a person before it ever sent an event; what the others open was sealed under its key.
    const search = { ...reading, permissions: [...common.permissions, ...sealFields(data)] };
    const open = { ...reading, permissions: [...common.permissions, ...openFields(data)] };
    // The feed is younger than the archive.
    const deep = { ...reading.environment, ARCHIVE_BUCKET: data.archive.bucketName };
    this.search = makeVerb(this, 'Search', props, {
      ...search,
      bundle: 'query-search',
      memoryMb: 1769,
      environment: deep,
      permissions: [...search.permissions, ...readArchive(data)],
    });
    this.show = makeVerb(this, 'Show', props, {
      ...open,
      bundle: 'query-show',
      memoryMb: 1024,
      environment: deep,
      permissions: [...open.permissions, ...readArchive(data)],
    });
    this.feed = makeVerb(this, 'Feed', props, { ...open, bundle: 'query-feed', memoryMb: 1024 });
  }
}
