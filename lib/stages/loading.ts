/**
 * Loading: what signs in at tenants' sources, outside our network and without a database, and what puts their answers into
 * Postgres, inside it.
 */
import { Construct } from 'constructs';
import { type DataStack, jobTimeoutSeconds } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import {
  consume,
  listObjects,
  readObjects,
  send,
  tenantSecrets,
  tenantSecretsPath,
  writeObjects,
} from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';
import { sendsRuns } from '../parts/run-env.ts';

export interface LoadingProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Loading extends Construct {
  readonly sources: Verb;
  readonly prices: Verb;
  readonly fetch: Verb;
  readonly load: Verb;

  constructor(scope: Construct, id: string, props: LoadingProps) {
    super(scope, id);
    const { data, settings, inside } = props;
    const { stage } = settings;
    const imports = { IMPORTS_BUCKET: data.imports.bucketName };
    const secrets = { TENANT_SECRETS_PATH: tenantSecretsPath(stage) };
    const answering = speaksPostgres(data, stage, inside);
    const tells = { CRITICAL_QUEUE_URL: data.critical.queueUrl, BULK_QUEUE_URL: data.bulk.queueUrl };
    const common = { inside, memoryMb: 512, timeoutSeconds: 29, canary: true };
    this.sources = makeVerb(scope, 'CostsSources', props, {
      ...common,
      bundle: 'costs-sources',
      environment: { ...answering.environment, ...tells, ...imports, ...secrets },
      permissions: [
        ...answering.permissions,
        ...send(data.critical),
        // It signs addresses for whoever uploads, with what it may do itself.
        ...writeObjects(data, data.imports, 'inbox/'),
        ...listObjects(data.imports),
        ...tenantSecrets(data, stage, 'ssm:PutParameter', 'ssm:DeleteParameter'),
      ],
    });
    this.prices = makeVerb(scope, 'CostsPrices', props, {
      ...common,
      bundle: 'costs-prices',
      environment: { ...answering.environment, ...tells },
      permissions: [...answering.permissions, ...send(data.critical)],
    });

    this.fetch = makeVerb(scope, 'CostsFetch', props, {
      bundle: 'costs-fetch',
      // Pages of a month are held as text and as JSON.
      memoryMb: 1769,
      timeoutSeconds: jobTimeoutSeconds.fetch,
      environment: { ...imports, ...secrets, ETL_QUEUE_URL: data.etl.queueUrl },
      permissions: [
        ...consume(data.fetch.queueArn),
        ...writeObjects(data, data.imports, 'fetched/'),
        ...tenantSecrets(data, stage, 'ssm:GetParameter'),
        ...send(data.etl),
      ],
    });
    // Controllers have limits that they do not tell.
    mapQueue(this, 'Fetch', this.fetch, data.fetch, { batchSize: 1, executionsMax: 5 });

    const loading = speaksPostgres(data, stage, inside, 'trailkeep_loader');
    const runs = sendsRuns(data, data.etl);
    this.load = makeVerb(scope, 'CostsLoad', props, {
      inside,
      bundle: 'costs-load',
      memoryMb: 1769,
      timeoutSeconds: jobTimeoutSeconds.part,
      environment: { ...loading.environment, ...runs.environment, ...imports, FETCH_QUEUE_URL: data.fetch.queueUrl },
      permissions: [
        ...loading.permissions,
        ...runs.permissions,
        ...consume(data.etl.queueArn),
        ...send(data.fetch),
        ...readObjects(data, data.imports, 'inbox/', 'fetched/'),
      ],
    });
    // Loads of one tenant wait for each other; each that waits holds a session.
    mapQueue(this, 'Load', this.load, data.etl, { batchSize: 1, executionsMax: 4 });
  }
}
