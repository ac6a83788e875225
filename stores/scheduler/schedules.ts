/** One schedule of EventBridge for each enabled job. What the port promises is in core/jobs/ports.ts. */
import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  DeleteScheduleCommand,
  type SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import { Problem } from '#core/event/problem.ts';
import type { Job } from '#core/jobs/job.ts';
import type { Schedules } from '#core/jobs/ports.ts';
import { expressionOf, nextRuns, scheduleName } from '#core/jobs/timing.ts';
import { nameOf, reach } from '../aws/clients.ts';

export interface ScheduleTarget {
  readonly groupName: string;
  /** What starts a run. */
  readonly targetArn: string;
  /** What the scheduler becomes to call it; it may nothing else. */
  readonly roleArn: string;
  /** Takes calls that came to nothing for an hour. */
  readonly deadLetterArn: string;
}

/** A schedule that has run keeps its right to be tried again for an hour. */
const retrySeconds = 3600;

export class JobSchedules implements Schedules {
  readonly #client: SchedulerClient;
  readonly #target: ScheduleTarget;
  readonly #clock: () => Date;

  constructor(client: SchedulerClient, target: ScheduleTarget, clock: () => Date) {
    this.#client = client;
    this.#target = target;
    this.#clock = clock;
  }

  async put(job: Job): Promise<void> {
    if (!job.enabled || job.deletedAt) return this.#remove(job);
    if ('once' in job.timing) {
      const ahead = (from: number) => nextRuns(job.timing, job.timeZone, new Date(from), 1).length > 0;
      const now = this.#clock().getTime();
      // While it may still be tried, what is there is left alone: a schedule made again would run again.
      if (!ahead(now)) return ahead(now - retrySeconds * 1000) ? undefined : this.#remove(job);
    }
    const schedule = this.#scheduleOf(job);
    const update = () => this.#client.send(new UpdateScheduleCommand(schedule));
    if (await taken(update, 'ResourceNotFoundException')) return;
    if (await taken(() => this.#client.send(new CreateScheduleCommand(schedule)), 'ConflictException')) return;
    // Someone made it between the two.
    await taken(update);
  }

  async #remove(job: Job): Promise<void> {
    const name = { Name: scheduleName(job.id), GroupName: this.#target.groupName };
    await taken(() => this.#client.send(new DeleteScheduleCommand(name)), 'ResourceNotFoundException');
  }

  #scheduleOf(job: Job): CreateScheduleCommandInput {
    const { groupName, targetArn, roleArn, deadLetterArn } = this.#target;
    return {
      Name: scheduleName(job.id),
      GroupName: groupName,
      ScheduleExpression: expressionOf(job.timing),
      ScheduleExpressionTimezone: job.timeZone,
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      ActionAfterCompletion: 'once' in job.timing ? 'DELETE' : 'NONE',
      Target: {
        Arn: targetArn,
        RoleArn: roleArn,
        Input: JSON.stringify({ tenant: job.tenant, job: job.id, scheduled_for: '<aws.scheduler.scheduled-time>' }),
        RetryPolicy: { MaximumRetryAttempts: 20, MaximumEventAgeInSeconds: retrySeconds },
        DeadLetterConfig: { Arn: deadLetterArn },
      },
    };
  }
}

/** Whether a call did what it should; false when it was refused with `expected`. */
async function taken(call: () => Promise<unknown>, expected?: string): Promise<boolean> {
  try {
    await reach('EventBridge Scheduler', call);
    return true;
  } catch (error) {
    if (nameOf(error) === expected) return false;
    if (nameOf(error) !== 'ValidationException') throw error;
    const detail = 'The scheduler does not take this timing or time zone.';
    throw new Problem('request_invalid', detail, { pointer: '/timing', cause: error });
  }
}
