/** Definitions of jobs: the verb that makes them, and what keeps their schedules in step with them. */
import { Duration, Stack } from 'aws-cdk-lib';
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { putSchedules, send, tenantSecrets, tenantSecretsPath } from '../parts/grants.ts';
import { sendsRuns } from '../parts/run-env.ts';
import { makeSchedule } from '../parts/schedule.ts';
import type { Starting } from './starting.ts';

export interface JobDefinitionsProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
  readonly starting: Starting;
}

export class JobDefinitions extends Construct {
  readonly define: Verb;
  readonly putSchedules: Verb;

  constructor(scope: Construct, id: string, props: JobDefinitionsProps) {
    super(scope, id);
    const { data, settings, inside, starting } = props;
    const database = speaksPostgres(data, settings.stage, inside);
    const runs = sendsRuns(data);
    const schedules = {
      environment: {
        ...database.environment,
        JOB_SCHEDULES: Stack.of(this).toJsonString({
          groupName: starting.schedules.scheduleGroupName,
          targetArn: starting.start.live.functionArn,
          roleArn: starting.role.roleArn,
          deadLetterArn: starting.missed.queueArn,
        }),
      },
      permissions: [...database.permissions, ...putSchedules(starting)],
    };
    this.define = makeVerb(this, 'Definitions', props, {
      bundle: 'jobs-definitions',
      memoryMb: 1024,
      timeoutSeconds: 29,
      canary: true,
      inside: database.inside,
      environment: {
        ...schedules.environment,
        ...runs.environment,
        TENANT_SECRETS_PATH: tenantSecretsPath(settings.stage),
      },
      permissions: [
        ...schedules.permissions,
        ...runs.permissions,
        // Who changed what is done is a critical event.
        ...send(data.critical),
        // What webhooks are signed with.
        ...tenantSecrets(data, settings.stage, 'ssm:PutParameter', 'ssm:DeleteParameter'),
      ],
    });
    this.putSchedules = makeVerb(this, 'PutSchedules', props, {
      ...schedules,
      bundle: 'jobs-put-schedules',
      memoryMb: 512,
      timeoutSeconds: 300,
      inside: database.inside,
    });
    makeSchedule(this, 'SchedulesRegularly', {
      verb: this.putSchedules,
      every: Duration.minutes(settings.jobs.runsMinutes),
      // Not among those of the jobs, which the verbs may change.
      group: new ScheduleGroup(this, 'Upkeep'),
      deadLetterQueue: starting.missed,
    });
  }
}
