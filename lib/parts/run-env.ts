import { Stack } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Env } from '#functions/runtime/env.ts';
import type { DataStack } from '../data-stack.ts';
import { send } from './grants.ts';

/**
 * What whoever starts runs or does their parts needs, besides Postgres: the queues of its kinds, all when none is named, and
 * that which events of runs go by. A part that ends may let another run begin, but one of its own job.
 */
export function sendsRuns(
  data: DataStack,
  ...own: readonly Queue[]
): {
  readonly environment: Partial<Env>;
  readonly permissions: PolicyStatement[];
} {
  const { etl, refresh, forecast, work } = data;
  const queues = {
    etl,
    refresh,
    forecast,
    compare: work,
    report: work,
    export: work,
    retention: work,
    verify: work,
    'custom-webhook': work,
  };
  const urls = Object.fromEntries(Object.entries(queues).map(([kind, queue]) => [kind, queue.queueUrl]));
  return {
    environment: {
      JOB_QUEUES: Stack.of(data).toJsonString(urls),
      CRITICAL_QUEUE_URL: data.critical.queueUrl,
      BULK_QUEUE_URL: data.bulk.queueUrl,
    },
    permissions: send(...(own.length > 0 ? own : [etl, refresh, forecast, work]), data.bulk),
  };
}

/** What whoever answers a part of a run needs: the queue that it came from. */
export const answersRuns = (data: DataStack) => ({
  environment: {
    JOB_QUEUES: Stack.of(data).toJsonString({ verify: data.work.queueUrl, 'custom-webhook': data.work.queueUrl }),
  } satisfies Partial<Env>,
  permissions: send(data.work),
});
