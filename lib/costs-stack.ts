/** Jobs of tenants and what they load, sum up and forecast: usage and costs. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { DataStack } from './data-stack.ts';
import type { Inside, Place, Verb } from './parts/function.ts';
import { Charging } from './stages/charging.ts';
import { Forecasting } from './stages/forecasting.ts';
import { JobDefinitions } from './stages/job-definitions.ts';
import { Loading } from './stages/loading.ts';
import { makeRefresh, makeViews } from './stages/refreshing.ts';
import { makeCall, makeWork } from './stages/running.ts';
import { Starting } from './stages/starting.ts';

export interface CostsProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class CostsStack extends Stack {
  readonly starting: Starting;
  readonly definitions: JobDefinitions;
  readonly work: Verb;
  readonly call: Verb;
  readonly refresh: Verb;
  readonly charging: Charging;
  readonly forecasting: Forecasting;
  readonly views: Verb;
  readonly loading: Loading;

  constructor(scope: Construct, id: string, costs: CostsProps, props: StackProps) {
    super(scope, id, props);
    this.starting = new Starting(this, 'Starting', costs);
    this.definitions = new JobDefinitions(this, 'Jobs', { ...costs, starting: this.starting });
    this.work = makeWork(this, costs);
    this.call = makeCall(this, costs);
    this.refresh = makeRefresh(this, costs);
    this.charging = new Charging(this, 'Charging', costs);
    this.forecasting = new Forecasting(this, 'Forecasting', costs);
    this.views = makeViews(this, costs);
    this.loading = new Loading(this, 'Loading', costs);
  }
}
