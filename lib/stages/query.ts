/** Query: search, show, feed, and exports of events. */
import { Construct } from 'constructs';
import { type DataStack, exportTimeoutSeconds } from '../data-stack.ts';
import { readsReplicas, speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { consume, openFields, readArchive, readObjects, sealFields, send, writeObjects } from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';

export interface QueryProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Query extends Construct {
  readonly search: Verb;
  readonly show: Verb;
  readonly feed: Verb;
  readonly askExport: Verb;
  readonly buildExport: Verb;

  constructor(scope: Construct, id: string, props: QueryProps) {
    super(scope, id);
    const { data, settings } = props;
    const database = speaksPostgres(data, settings.stage, props.inside);
    const stored = readObjects(data, data.segments, 'segments/');
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
      permissions: [...database.permissions, ...stored, ...send(data.critical, data.bulk)],
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

    const { SEGMENTS_BUCKET: _, ...asking } = common.environment;
    const exporting = { EVENT_EXPORT_QUEUE_URL: data.eventExports.queueUrl };
    this.askExport = makeVerb(this, 'AskExport', props, {
      ...common,
      bundle: 'query-ask-export',
      memoryMb: 1024,
      environment: { ...asking, ...exporting },
      // Asking, and that fields will be opened, are critical events.
      permissions: [...database.permissions, ...sealFields(data), ...send(data.critical, data.eventExports)],
    });
    const { CRITICAL_QUEUE_URL: _c, BULK_QUEUE_URL: _b, ...building } = common.environment;
    this.buildExport = makeVerb(this, 'BuildExport', props, {
      ...common,
      bundle: 'query-build-export',
      canary: false,
      memoryMb: 1769,
      timeoutSeconds: exportTimeoutSeconds,
      environment: {
        ...building,
        ...exporting,
        ARCHIVE_BUCKET: data.archive.bucketName,
        CONTROL_BUCKET: data.control.bucketName,
      },
      permissions: [
        ...database.permissions,
        ...stored,
        ...readArchive(data),
        ...openFields(data),
        ...writeObjects(data, data.control, 'exports/'),
        ...send(data.eventExports),
        ...consume(data.eventExports.queueArn),
      ],
    });
    // Each reads as much as it can; as few at once as SQS allows leave the database to those who wait.
    mapQueue(this, 'EventExports', this.buildExport, data.eventExports, { batchSize: 1, executionsMax: 2 });
  }
}
