import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression, type ScheduleGroup, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Verb } from './function.ts';

export interface RegularProps {
  readonly every: Duration;
  readonly verb: Verb;
  readonly group: ScheduleGroup;
  /** Takes the call when all retries failed. */
  readonly deadLetterQueue: Queue;
}

/** Calls a function regularly with `{}`. */
export function makeSchedule(scope: Construct, id: string, props: RegularProps): Schedule {
  return new Schedule(scope, id, {
    schedule: ScheduleExpression.rate(props.every),
    scheduleGroup: props.group,
    target: new LambdaInvoke(props.verb.live as IFunction, {
      input: ScheduleTargetInput.fromObject({}),
      deadLetterQueue: props.deadLetterQueue,
      retryAttempts: 3,
      maxEventAge: Duration.hours(1),
    }),
  });
}
