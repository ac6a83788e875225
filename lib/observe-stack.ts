/**
 * Alarms, each with the reason to wake somebody, and one dashboard. Names functions and queues by their metrics
 * only, so that nothing depends on this stack.
 */
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { CostsStack } from './costs-stack.ts';
import type { DataStack } from './data-stack.ts';
import type { Verb } from './parts/function.ts';
import type { ReadStack } from './read-stack.ts';
import type { Settings } from './settings.ts';
import type { ShardStack } from './shard-stack.ts';
import type { Jobs } from './stages/jobs.ts';
import type { Proof } from './stages/proof.ts';
import type { Record } from './stages/record.ts';
import type { TrailStack } from './trail-stack.ts';

export interface ObserveProps {
  readonly settings: Settings;
  readonly data: DataStack;
  readonly record: Record;
  readonly proof: Proof;
  readonly trail: TrailStack;
  readonly costs: CostsStack;
  readonly read: ReadStack;
  readonly jobs: Jobs;
}

export class ObserveStack extends Stack {
  readonly #topic: Topic | undefined;

  constructor(scope: Construct, id: string, all: ObserveProps, props: StackProps) {
    super(scope, id, props);
    const { settings } = all;
    if (settings.observe.alarms) {
      this.#topic = new Topic(this, 'Alarms', { enforceSSL: true });
      const { alarmEmail } = settings.observe;
      if (alarmEmail !== undefined) this.#topic.addSubscription(new EmailSubscription(alarmEmail));
      this.#watch(all);
    }
    this.#draw(all);
  }

  #watch({ data, record, proof, trail, costs, jobs, settings, read }: ObserveProps): void {
    const minute = { period: Duration.minutes(1), statistic: 'Maximum' };
    const age = (queue: DataStack['critical']) => queue.metricApproximateAgeOfOldestMessage(minute);
    this.#alarm('CriticalAge', age(data.critical), 30, 'Critical events wait to be searchable', 3);
    this.#alarm('BulkAge', age(data.bulk), 600, 'Bulk events wait to be stored', 3);
    for (const [name, queue] of [
      ['CriticalDead', data.criticalDead],
      ['BulkDead', data.bulkDead],
      ['Unreadable', data.unreadable],
      ['ProofDead', data.proofDead],
      ['JobsDead', data.jobsDead],
      ['Missed', jobs.missed],
      ['RunsMissed', costs.starting.missed],
    ] as const) {
      const visible = queue.metricApproximateNumberOfMessagesVisible(minute);
      this.#alarm(`${name}Waits`, visible, 1, 'Dead letters wait for a person: GET /v1/dead-letters');
    }
    for (const [name, verb] of [
      ['Accept', record.accept],
      ['WriteCritical', record.writeCritical],
      ['WriteBulk', record.writeBulk],
      ['Sweep', record.sweep],
      ['PreparePartitions', jobs.preparePartitions],
      ['Restore', trail.archive.restore],
    ] as const) {
      const troubles = troublesOf(verb);
      this.#alarm(`${name}Troubles`, troubles, 5, `${verb.bundle} throws or is throttled`, 2);
    }
    this.#watchProof(settings, proof);
    this.#watchArchive(settings, jobs);
    const { api } = read.door;
    this.#alarm('Api5xx', api.metricServerError({ period: Duration.minutes(1) }), 5, 'Callers get 5xx', 2);
    const p99 = api.metricLatency({ period: Duration.minutes(5), statistic: 'p99' });
    this.#alarm('ApiSlow', p99, 5000, 'One request in a hundred takes more than five seconds', 3);
    const utilization = data.cluster.metric('ACUUtilization', { period: Duration.minutes(5) });
    this.#alarm('AuroraFull', utilization, 90, `Aurora is near its ${settings.aurora.maxAcu} ACU`, 3);
    const connections = data.cluster.metricDatabaseConnections({ period: Duration.minutes(5), statistic: 'Maximum' });
    this.#alarm('AuroraConnections', connections, 500, 'More connections than writers and readers should open', 2);
    for (const shard of data.shards) this.#watchShard(shard);
    if (jobs.moveTenants) {
      this.#alarm(
        'MovesTroubles',
        troublesOf(jobs.moveTenants),
        5,
        `${jobs.moveTenants.bundle} throws or is throttled`,
        2,
      );
      const failed = new Metric({
        namespace: 'Trailkeep',
        metricName: 'movesFailed',
        dimensionsMap: { stage: settings.stage, area: 'access' },
        statistic: 'Maximum',
        period: Duration.minutes(5),
      });
      this.#alarm('MovesFailed', failed, 1, 'A tenant cannot be moved: docs/operating/shards.md', 3);
    }
  }

  #watchShard({ number, cluster, maxAcu }: ShardStack): void {
    const period = Duration.minutes(5);
    const name = `Shard${number}`;
    const utilization = cluster.metric('ACUUtilization', { period });
    this.#alarm(`${name}Full`, utilization, 90, `Shard ${number} is near its ${maxAcu} ACU`, 3);
    const connections = cluster.metricDatabaseConnections({ period, statistic: 'Maximum' });
    this.#alarm(`${name}Connections`, connections, 500, `More connections to shard ${number} than should be open`, 2);
  }

  /** What functions say of logs, and that they say anything. */
  #watchProof(settings: Settings, proof: Proof): void {
    const told = (metricName: string, statistic: string, period: Duration) =>
      new Metric({
        namespace: 'Trailkeep',
        metricName,
        dimensionsMap: { stage: settings.stage, area: 'proof' },
        statistic,
        period,
      });
    const five = Duration.minutes(5);
    const guide = 'docs/operating/logs.md';
    for (const [id, name, reason] of [
      ['LogsFrozen', 'frozenLogs', `A log signs nothing until somebody has looked: ${guide}`],
      ['LogsFenced', 'fenced', `The database is not the one that S3 knows; recover the log: ${guide}`],
      ['SealFailed', 'sealFailed', `A log cannot be sealed, and not because a place is down: ${guide}`],
      ['VerificationFailed', 'verificationFailures', `What is stored is not what was sealed: ${guide}`],
      ['WitnessRefused', 'witnessRefused', 'A witness and a log contradict each other: docs/guides/witness.md'],
    ] as const) {
      this.#alarm(id, told(name, 'Maximum', five), 1, reason);
    }
    // Half a minute more than was promised is a seal under way.
    this.#alarm(
      'SealLate',
      told('overdueMs', 'Maximum', five),
      30_000,
      `Events wait longer for proof than promised: ${guide}`,
      2,
    );
    for (const [id, name, everyMinutes, reason] of [
      ['SealSilent', 'overdueMs', settings.proof.sweepMinutes, 'Nobody looks for what has to be sealed'],
      ['VerifySilent', 'verified', settings.proof.verifyMinutes, 'Nobody reads again what is stored'],
    ] as const) {
      const runs = told(name, 'SampleCount', Duration.minutes(Math.max(5, everyMinutes)));
      this.#alarm(id, runs, 1, reason, 3, true);
    }
    for (const verb of [proof.seal, proof.sweep, proof.build, proof.anchor, proof.verify]) {
      const reason = `${verb.bundle} throws or is throttled`;
      this.#alarm(`Proof${verb.function.node.id}Troubles`, troublesOf(verb), 5, reason, 2);
    }
  }

  /** What functions say of the archive's ages, and that they say anything. */
  #watchArchive(settings: Settings, jobs: Jobs): void {
    const told = (metricName: string, statistic: string, period: Duration) =>
      new Metric({
        namespace: 'Trailkeep',
        metricName,
        dimensionsMap: { stage: settings.stage, area: 'archive' },
        statistic,
        period,
      });
    const guide = 'docs/operating/ageing.md';
    for (const [id, name, reason] of [
      ['AgeMismatch', 'ageMismatches', `The archive lacks events that Postgres has: ${guide}`],
      ['RetentionOverdue', 'overdueFiles', `Events are past their end and still there: ${guide}`],
    ] as const) {
      this.#alarm(id, told(name, 'Maximum', Duration.hours(6)), 1, reason);
      this.#alarm(`${id}Silent`, told(name, 'SampleCount', Duration.hours(6)), 1, 'Nobody looks', 3, true);
    }
    const compaction = 'docs/operating/archive.md';
    const { compactEveryMinutes, compactAfterMinutes } = settings.archive;
    this.#alarm(
      'CompactFailed',
      told('compactFailed', 'Maximum', Duration.hours(1)),
      1,
      `A tenant cannot be compacted: ${compaction}`,
    );
    // A tenant waits until it is looked for once more, and two hours are for the work.
    const lateMs = (compactAfterMinutes + 2 * compactEveryMinutes + 120) * 60_000;
    const oldest = told('uncompactedMs', 'Maximum', Duration.hours(1));
    this.#alarm('CompactLate', oldest, lateMs, `Events wait too long for compaction: ${compaction}`, 2);
    const looks = told('uncompacted', 'SampleCount', Duration.minutes(Math.max(60, compactEveryMinutes)));
    this.#alarm('CompactSilent', looks, 1, 'Nobody looks for what has to be compacted', 3, true);
    for (const verb of [jobs.age, jobs.purge, jobs.compactSweep, jobs.compact]) {
      this.#alarm(`${verb.function.node.id}Troubles`, troublesOf(verb), 1, `${verb.bundle} throws or is throttled`);
    }
  }

  /** `silent`: nothing at all is what wakes somebody. */
  #alarm(id: string, metric: IMetric, threshold: number, reason: string, periods = 1, silent = false): void {
    const alarm = new Alarm(this, id, {
      metric,
      threshold,
      evaluationPeriods: periods,
      alarmDescription: reason,
      comparisonOperator: silent
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: silent ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.#topic!));
  }

  #draw({ data, record, trail, read }: ObserveProps): void {
    const graph = (title: string, ...left: IMetric[]) => new GraphWidget({ title, left, width: 8 });
    const of = (metric: (verb: Verb) => IMetric) =>
      [record.accept, record.writeCritical, record.writeBulk, trail.query.search].map(metric);
    new Dashboard(this, 'Overview', {
      widgets: [
        [
          graph(
            'Requests',
            read.door.api.metricCount(),
            read.door.api.metricClientError(),
            read.door.api.metricServerError(),
          ),
          graph('Latency p99', read.door.api.metricLatency({ statistic: 'p99' })),
          graph('Errors', ...of((verb) => verb.function.metricErrors())),
        ],
        [
          graph(
            'Oldest message, s',
            data.critical.metricApproximateAgeOfOldestMessage(),
            data.bulk.metricApproximateAgeOfOldestMessage(),
          ),
          graph('Duration p99, ms', ...of((verb) => verb.function.metricDuration({ statistic: 'p99' }))),
          graph(
            'Aurora ACU',
            ...[data, ...data.shards].flatMap(({ cluster }) => [
              clusterMetric(cluster, 'ServerlessDatabaseCapacity'),
              cluster.metricDatabaseConnections(),
            ]),
          ),
        ],
      ],
    });
  }
}

const clusterMetric = (cluster: DataStack['cluster'], metricName: string) =>
  new Metric({
    namespace: 'AWS/RDS',
    metricName,
    dimensionsMap: { DBClusterIdentifier: cluster.clusterIdentifier },
  });

function troublesOf(verb: Verb): IMetric {
  const period = Duration.minutes(1);
  return new MathExpression({
    label: `${verb.bundle} errors and throttles`,
    expression: 'errors + throttles',
    usingMetrics: {
      errors: verb.function.metricErrors({ period }),
      throttles: verb.function.metricThrottles({ period }),
    },
    period,
  });
}
