/** Refreshing: what keeps the materialized views up to date, for tenants that ask and once a day for all. */
import type { Construct } from 'constructs';
import { type DataStack, jobTimeoutSeconds } from '../data-stack.ts';
import { reachesPostgres, speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { consume } from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';
import { sendsRuns } from '../parts/run-env.ts';

export interface RefreshingProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

/** Does the parts of runs that refresh. */
export function makeRefresh(scope: Construct, props: RefreshingProps): Verb {
  const { data, settings, inside } = props;
  const database = speaksPostgres(data, settings.stage, inside, 'trailkeep_loader');
  const runs = sendsRuns(data, data.refresh);
  const verb = makeVerb(scope, 'CostsRefresh', props, {
    bundle: 'costs-refresh',
    // It waits for the database.
    memoryMb: 512,
    timeoutSeconds: jobTimeoutSeconds.part,
    inside: database.inside,
    environment: { ...database.environment, ...runs.environment },
    permissions: [...database.permissions, ...runs.permissions, ...consume(data.refresh.queueArn)],
  });
  // They take turns: more would only hold sessions while they wait.
  mapQueue(scope, 'CostsRefresh', verb, data.refresh, { batchSize: 1, executionsMax: 2 });
  return verb;
}

/** Hands out what was refreshed. */
export const makeViews = (scope: Construct, props: RefreshingProps): Verb =>
  makeVerb(scope, 'CostsViews', props, {
    ...speaksPostgres(props.data, props.settings.stage, props.inside),
    bundle: 'costs-views',
    memoryMb: 512,
    timeoutSeconds: 29,
    canary: true,
  });

/** Refreshes for all tenants, by the clock. It knows no tenant, and so no secret that their contexts are signed with. */
export const makeRefreshNightly = (scope: Construct, props: RefreshingProps): Verb =>
  makeVerb(scope, 'CostsRefreshNightly', props, {
    ...reachesPostgres(props.data, props.inside, 'trailkeep_loader'),
    bundle: 'costs-refresh-nightly',
    memoryMb: 512,
    timeoutSeconds: jobTimeoutSeconds.part,
  });
