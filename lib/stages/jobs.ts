/** Jobs: what runs by the clock. */
import { Duration } from 'aws-cdk-lib';
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { reachesPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { makeDeadLetterQueue } from '../parts/queue.ts';
import { makeSchedule } from '../parts/schedule.ts';
import { makeAge, makePurge } from './ageing.ts';
import { makeCompact, makeCompactSweep } from './compacting.ts';
import { makeMoveTenants } from './moving.ts';
import { makeAdvance } from './privacy.ts';
import type { Proof } from './proof.ts';
import { makeRefreshNightly } from './refreshing.ts';
import { makeSweepRuns } from './running.ts';

export interface JobsProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
  readonly sweep: Verb;
  readonly proof: Proof;
}

export class Jobs extends Construct {
  readonly preparePartitions: Verb;
  readonly advanceRequests: Verb;
  readonly age: Verb;
  readonly purge: Verb;
  readonly compactSweep: Verb;
  readonly compact: Verb;
  /** Where there are shards. */
  readonly moveTenants: Verb | undefined;
  readonly sweepRuns: Verb;
  readonly refreshNightly: Verb;
  /** Calls that failed to the last retry. */
  readonly missed: Queue;

  constructor(scope: Construct, id: string, props: JobsProps) {
    super(scope, id);
    const { data, settings } = props;
    this.preparePartitions = makeVerb(this, 'PreparePartitions', props, {
      ...reachesPostgres(data, props.inside),
      bundle: 'jobs-prepare-partitions',
      memoryMb: 512,
      timeoutSeconds: 60,
    });
    this.advanceRequests = makeAdvance(this, props);
    this.age = makeAge(this, props);
    this.purge = makePurge(this, props);
    this.compactSweep = makeCompactSweep(this, props);
    this.compact = makeCompact(this, props);
    this.sweepRuns = makeSweepRuns(this, props);
    this.refreshNightly = makeRefreshNightly(this, props);
    this.missed = makeDeadLetterQueue(this, 'Missed');
    const common = {
      group: new ScheduleGroup(this, 'Group'),
      deadLetterQueue: this.missed,
    };
    makeSchedule(this, 'SweepRegularly', {
      ...common,
      verb: props.sweep,
      every: Duration.minutes(settings.jobs.sweepMinutes),
    });
    makeSchedule(this, 'RequestsRegularly', {
      ...common,
      verb: this.advanceRequests,
      every: Duration.minutes(settings.jobs.privacyMinutes),
    });
    makeSchedule(this, 'SealRegularly', {
      ...common,
      verb: props.proof.sweep,
      every: Duration.minutes(settings.proof.sweepMinutes),
    });
    makeSchedule(this, 'VerifyRegularly', {
      ...common,
      verb: props.proof.verify,
      every: Duration.minutes(settings.proof.verifyMinutes),
    });
    // Cosignatures are an hour old at most, also while nothing is written.
    makeSchedule(this, 'AnchorsRegularly', { ...common, verb: props.proof.anchorSweep, every: Duration.minutes(30) });
    makeSchedule(this, 'CompactRegularly', {
      ...common,
      verb: this.compactSweep,
      every: Duration.minutes(settings.archive.compactEveryMinutes),
    });
    // Four looks a day let a month that takes several runs go within days.
    makeSchedule(this, 'AgeRegularly', { ...common, verb: this.age, every: Duration.hours(6) });
    makeSchedule(this, 'PurgeRegularly', { ...common, verb: this.purge, every: Duration.hours(6) });
    makeSchedule(this, 'RunsRegularly', {
      ...common,
      verb: this.sweepRuns,
      every: Duration.minutes(settings.jobs.runsMinutes),
    });
    // Nothing that nobody loaded costs anything: views that did not move are left alone.
    makeSchedule(this, 'RefreshDaily', { ...common, verb: this.refreshNightly, every: Duration.days(1) });
    this.moveTenants = data.shards.length === 0 ? undefined : makeMoveTenants(this, props);
    if (this.moveTenants) {
      makeSchedule(this, 'MovesRegularly', { ...common, verb: this.moveTenants, every: Duration.minutes(1) });
    }
    makeSchedule(this, 'PartitionsDaily', { ...common, verb: this.preparePartitions, every: Duration.days(1) });
  }
}
