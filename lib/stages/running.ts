/** Running jobs: what does the parts of runs that no area has a function of its own for, and what finds lost ones. */
import type { Construct } from 'constructs';
import { type DataStack, jobTimeoutSeconds } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { consume, sealFields, send, tenantSecrets, tenantSecretsPath, writeObjects } from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';
import { answersRuns, sendsRuns } from '../parts/run-env.ts';

export interface RunningProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

/** Sends again what was lost. Whose runs there are only trailkeep_app may list. */
export function makeSweepRuns(scope: Construct, props: RunningProps): Verb {
  const { data, settings, inside } = props;
  const database = speaksPostgres(data, settings.stage, inside);
  const runs = sendsRuns(data);
  return makeVerb(scope, 'Sweep', props, {
    bundle: 'jobs-sweep',
    memoryMb: 512,
    timeoutSeconds: 300,
    inside: database.inside,
    environment: { ...database.environment, ...runs.environment },
    permissions: [...database.permissions, ...runs.permissions],
  });
}

/** Does the parts of all kinds that no area has a function of its own for. */
export function makeWork(scope: Construct, props: RunningProps): Verb {
  const { data, settings, inside } = props;
  const database = speaksPostgres(data, settings.stage, inside);
  const runs = sendsRuns(data, data.work);
  const verb = makeVerb(scope, 'JobsWork', props, {
    bundle: 'jobs-work',
    // A statement of a year is built in memory.
    memoryMb: 1024,
    timeoutSeconds: jobTimeoutSeconds.part,
    inside: database.inside,
    environment: {
      ...database.environment,
      ...runs.environment,
      CALLS_QUEUE_URL: data.calls.queueUrl,
      VERIFY_QUEUE_URL: data.verifyParts.queueUrl,
      COMPACT_QUEUE_URL: data.compact.queueUrl,
      EVENT_EXPORT_QUEUE_URL: data.eventExports.queueUrl,
      CONTROL_BUCKET: data.control.bucketName,
      TENANT_KEYS_KEY_ARN: data.tenantKeys.keyArn,
    },
    permissions: [
      ...database.permissions,
      ...runs.permissions,
      ...consume(data.work.queueArn),
      ...send(data.calls, data.verifyParts, data.compact, data.eventExports, data.critical),
      // Plans of exports are sealed.
      ...sealFields(data),
      ...writeObjects(data, data.control, 'reports/'),
    ],
  });
  mapQueue(scope, 'JobsWork', verb, data.work, { batchSize: 1, executionsMax: 4 });
  return verb;
}

/** Calls tenants' webhooks: outside the network, without a login to anything of ours but their secrets. */
export function makeCall(scope: Construct, props: RunningProps): Verb {
  const { data, settings } = props;
  const answers = answersRuns(data);
  const verb = makeVerb(scope, 'JobsCall', props, {
    bundle: 'jobs-call',
    memoryMb: 512,
    timeoutSeconds: jobTimeoutSeconds.call,
    environment: { ...answers.environment, TENANT_SECRETS_PATH: tenantSecretsPath(settings.stage) },
    permissions: [
      ...answers.permissions,
      ...consume(data.calls.queueArn),
      ...tenantSecrets(data, settings.stage, 'ssm:GetParameter'),
    ],
  });
  mapQueue(scope, 'JobsCall', verb, data.calls, { batchSize: 1, executionsMax: 10 });
  return verb;
}
