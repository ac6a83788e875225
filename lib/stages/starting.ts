/** Starting runs: the function that tenants' schedules call, and what they need to call it. */
import { Duration } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { allow, type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { makeDeadLetterQueue } from '../parts/queue.ts';
import { sendsRuns } from '../parts/run-env.ts';

export interface StartingProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Starting extends Construct {
  readonly start: Verb;
  /** Where the schedules of tenants' jobs are. */
  readonly schedules: ScheduleGroup;
  /** What the scheduler becomes to call `start`; it may nothing else. */
  readonly role: Role;
  /** Calls that came to nothing. */
  readonly missed: Queue;

  constructor(scope: Construct, id: string, props: StartingProps) {
    super(scope, id);
    const { data, settings, inside } = props;
    const database = speaksPostgres(data, settings.stage, inside, 'trailkeep_loader');
    const runs = sendsRuns(data);
    this.missed = makeDeadLetterQueue(this, 'Missed');
    this.start = makeVerb(scope, 'JobsStart', props, {
      bundle: 'jobs-start',
      memoryMb: 512,
      timeoutSeconds: 300,
      inside: database.inside,
      environment: { ...database.environment, ...runs.environment },
      permissions: [...database.permissions, ...runs.permissions],
    });
    // The scheduler hands a call over and is done with it: what the function could not do is Lambda's to repeat, and here.
    this.start.live.configureAsyncInvoke({
      maxEventAge: Duration.hours(6),
      retryAttempts: 2,
      onFailure: new SqsDestination(this.missed),
    });
    this.schedules = new ScheduleGroup(this, 'Schedules');
    this.role = new Role(this, 'Scheduler', { assumedBy: new ServicePrincipal('scheduler.amazonaws.com') });
    this.role.addToPolicy(allow(['lambda:InvokeFunction'], [this.start.live.functionArn]));
    this.role.addToPolicy(allow(['sqs:SendMessage'], [this.missed.queueArn]));
  }
}
