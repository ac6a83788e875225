/** Running jobs: what does the parts of runs that no area has a function of its own for, and what finds lost ones. */
import type { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { sendsRuns } from '../parts/run-env.ts';

export interface RunningProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

/** Sends again what was lost. Whose runs there are only trailkeep_app may list. */
export function makeSweepRuns(scope: Construct, props: RunningProps): Verb {
  const { data, settings, inside } = props;
  const database = speaksPostgres(data, settings.stage, inside);
  const runs = sendsRuns(data);
  return makeVerb(scope, 'JobsSweep', props, {
    bundle: 'jobs-sweep',
    memoryMb: 512,
    timeoutSeconds: 300,
    inside: database.inside,
    environment: { ...database.environment, ...runs.environment },
    permissions: [...database.permissions, ...runs.permissions],
  });
}
