/** Moving: who carries tenants from one cluster to another, where there are several. */
import type { Construct } from 'constructs';
import { speaksPostgres } from '../parts/database-env.ts';
import { makeVerb, type Verb } from '../parts/function.ts';
import type { JobsProps } from './jobs.ts';

/** It logs in as trailkeep_mover, on every cluster, and reaches nothing else. */
export function makeMoveTenants(scope: Construct, props: JobsProps): Verb {
  const { data, settings, inside } = props;
  return makeVerb(scope, 'MoveTenants', props, {
    ...speaksPostgres(data, settings.stage, inside, 'trailkeep_mover'),
    bundle: 'access-move-tenants',
    // Pages of rows on their way, a few megabytes each; what is large is compared in the databases.
    memoryMb: 1024,
    timeoutSeconds: 900,
  });
}
