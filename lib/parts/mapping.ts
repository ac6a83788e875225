import { Duration } from 'aws-cdk-lib';
import { EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Verb } from './function.ts';

export interface MappingProps {
  /** More than ten need a window. */
  readonly batchSize: number;
  /** How long Lambda gathers a batch. */
  readonly windowSeconds?: number | undefined;
  /** Executions at once; at least two, says SQS. */
  readonly executionsMax?: number | undefined;
}

/** Takes messages of a queue to a function, which says for each whether it is done. */
export function mapQueue(scope: Construct, id: string, verb: Verb, queue: Queue, props: MappingProps): void {
  const { batchSize, windowSeconds, executionsMax } = props;
  const mapping = new EventSourceMapping(scope, `${id}Mapping`, {
    target: verb.live as IFunction,
    eventSourceArn: queue.queueArn,
    batchSize,
    ...(windowSeconds === undefined ? {} : { maxBatchingWindow: Duration.seconds(windowSeconds) }),
    reportBatchItemFailures: true,
    ...(executionsMax === undefined ? {} : { maxConcurrency: executionsMax }),
  });
  // Creating a mapping checks that the role may receive.
  mapping.node.addDependency(verb.function.role!);
}
