/** Athena over the archive: a database with its tables, a workgroup, and the verb that asks it. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import { CfnDatabase, CfnTable } from 'aws-cdk-lib/aws-glue';
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { eventTables } from '../parts/event-tables.ts';
import { allow, type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { readArchive, readObjects, sealFields, send, writeObjects } from '../parts/grants.ts';

export interface AthenaProps extends Place {
  readonly data: DataStack;
  /** The stage whose verb asks: searching and asking the archive are one area. */
  readonly query: Construct;
  readonly inside: Inside;
}

/** Results and questions lie below it, and expire after a week: see the control bucket. */
const folder = 'athena/';

export class Athena extends Construct {
  /** As `trailkeep athena` tells it: `trailkeep-<stage>`. */
  readonly workGroup: string;
  /** `trailkeep_<stage>`: names in SQL have no dashes. */
  readonly database: string;
  readonly queries: Verb;

  constructor(scope: Construct, id: string, props: AthenaProps) {
    super(scope, id);
    const { data, settings } = props;
    this.workGroup = `trailkeep-${settings.stage}`;
    this.database = `trailkeep_${settings.stage.replaceAll('-', '_')}`;
    this.#makeTables(data);
    this.#makeWorkGroup(data, settings.athena.scanBytesMax);
    const postgres = speaksPostgres(data, settings.stage, props.inside);
    this.queries = makeVerb(props.query, 'Queries', props, {
      bundle: 'query-queries',
      memoryMb: 1769,
      timeoutSeconds: 29,
      canary: true,
      inside: postgres.inside,
      environment: {
        ...postgres.environment,
        ATHENA_WORKGROUP: this.workGroup,
        ATHENA_DATABASE: this.database,
        ARCHIVE_BUCKET: data.archive.bucketName,
        CONTROL_BUCKET: data.control.bucketName,
        TENANT_KEYS_KEY_ARN: data.tenantKeys.keyArn,
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
      },
      permissions: [
        ...postgres.permissions,
        ...sealFields(data),
        ...send(data.critical, data.bulk),
        ...this.#asks(),
        // Athena reads files and writes results in the name of who asks.
        ...readArchive(data),
        ...readObjects(data, data.control, `${folder}questions/`, `${folder}results/`),
        ...writeObjects(data, data.control, `${folder}questions/`, `${folder}results/`),
        allow(['s3:GetBucketLocation'], [data.archive.bucketArn, data.control.bucketArn]),
        allow(['s3:ListBucketMultipartUploads'], [data.control.bucketArn]),
        allow(
          ['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
          [data.control.arnForObjects(`${folder}results/*`)],
        ),
      ],
    });
  }

  /** Executions in our workgroup, and the two tables that our own statements name. */
  #asks() {
    const arn = (service: string, resource: string, resourceName?: string) =>
      Stack.of(this).formatArn({
        service,
        resource,
        ...(resourceName === undefined
          ? { arnFormat: ArnFormat.NO_RESOURCE_NAME }
          : { resourceName, arnFormat: ArnFormat.SLASH_RESOURCE_NAME }),
      });
    return [
      allow(
        ['athena:StartQueryExecution', 'athena:GetQueryExecution', 'athena:StopQueryExecution'],
        [arn('athena', 'workgroup', this.workGroup)],
      ),
      allow(['glue:GetDatabase'], [arn('glue', 'catalog'), arn('glue', 'database', this.database)]),
      allow(
        ['glue:GetTable', 'glue:GetPartitions'],
        [
          arn('glue', 'catalog'),
          arn('glue', 'database', this.database),
          ...['event_lines', 'event_lines_monthly'].map((table) => arn('glue', 'table', `${this.database}/${table}`)),
        ],
      ),
    ];
  }

  #makeTables(data: DataStack): void {
    const catalogId = Stack.of(this).account;
    const database = new CfnDatabase(this, 'Database', {
      catalogId,
      databaseInput: { name: this.database, description: "Trailkeep's archive; every query names its tenant" },
    });
    for (const tableInput of eventTables(data.archive.bucketName)) {
      const table = new CfnTable(this, `Table-${tableInput.name}`, {
        catalogId,
        databaseName: this.database,
        tableInput,
      });
      table.addResourceDependency(database);
    }
  }

  #makeWorkGroup(data: DataStack, scanBytesMax: number): void {
    new CfnWorkGroup(this, 'WorkGroup', {
      name: this.workGroup,
      description: 'Questions to the archive, each up to a number of bytes',
      // A workgroup that holds queries cannot be deleted otherwise.
      recursiveDeleteOption: true,
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        bytesScannedCutoffPerQuery: scanBytesMax,
        publishCloudWatchMetricsEnabled: true,
        engineVersion: { selectedEngineVersion: 'Athena engine version 3' },
        resultConfiguration: {
          outputLocation: `s3://${data.control.bucketName}/${folder}results/`,
          expectedBucketOwner: Stack.of(this).account,
          encryptionConfiguration: data.key
            ? { encryptionOption: 'SSE_KMS', kmsKey: data.key.keyArn }
            : { encryptionOption: 'SSE_S3' },
        },
      },
    });
  }
}
