/** Forecasting: what foretells usage and costs, and the verb that shows it. */
import { Construct } from 'constructs';
import { type DataStack, jobTimeoutSeconds } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { consume } from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';
import { sendsRuns } from '../parts/run-env.ts';

export interface ForecastingProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Forecasting extends Construct {
  readonly forecast: Verb;
  readonly forecasts: Verb;

  constructor(scope: Construct, id: string, props: ForecastingProps) {
    super(scope, id);
    const { data, settings, inside } = props;
    const loading = speaksPostgres(data, settings.stage, inside, 'trailkeep_loader');
    const runs = sendsRuns(data, data.forecast);
    this.forecast = makeVerb(scope, 'CostsForecast', props, {
      inside,
      bundle: 'costs-forecast',
      // A whole processor: it computes nearly all of its time.
      memoryMb: 1769,
      timeoutSeconds: jobTimeoutSeconds.part,
      environment: { ...loading.environment, ...runs.environment },
      permissions: [...loading.permissions, ...runs.permissions, ...consume(data.forecast.queueArn)],
    });
    mapQueue(this, 'CostsForecast', this.forecast, data.forecast, { batchSize: 1, executionsMax: 10 });
    this.forecasts = makeVerb(scope, 'CostsForecasts', props, {
      ...speaksPostgres(data, settings.stage, inside),
      bundle: 'costs-forecasts',
      memoryMb: 512,
      timeoutSeconds: 29,
      canary: true,
    });
  }
}
