/** Charging: what costs are, who bears them, and what people changed about it. Its verbs of the API. */
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { send } from '../parts/grants.ts';

export interface ChargingProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Charging extends Construct {
  readonly figures: Verb;
  readonly statement: Verb;
  readonly overrides: Verb;
  readonly lineage: Verb;

  constructor(scope: Construct, id: string, props: ChargingProps) {
    super(scope, id);
    const { data, settings } = props;
    // Their ids in the stack are the names of their bundles.
    const database = speaksPostgres(data, settings.stage, props.inside);
    const reading = { ...database, timeoutSeconds: 29, canary: true };
    // What is decided of costs is critical, whatever a tenant's own rules say.
    const deciding = {
      ...reading,
      environment: {
        ...database.environment,
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
      },
      permissions: [...database.permissions, ...send(data.critical)],
    };
    this.figures = makeVerb(scope, 'CostsFigures', props, { ...reading, bundle: 'costs-figures', memoryMb: 1024 });
    // A statement of ten thousand lines is built and hashed while its reader waits.
    this.statement = makeVerb(scope, 'CostsStatement', props, {
      ...deciding,
      bundle: 'costs-statement',
      memoryMb: 1769,
    });
    this.overrides = makeVerb(scope, 'CostsOverrides', props, {
      ...deciding,
      bundle: 'costs-overrides',
      memoryMb: 512,
    });
    this.lineage = makeVerb(scope, 'CostsLineage', props, { ...reading, bundle: 'costs-lineage', memoryMb: 512 });
  }
}
