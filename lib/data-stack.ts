/**
 * Everything that holds something: buckets, queues, the topic, keys and Aurora. Protected in prod; consumers write
 * their own permissions, so that this stack never depends on them.
 */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { DatabaseCluster } from 'aws-cdk-lib/aws-rds';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { SubscriptionFilter, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { ladderRules } from './ladders.ts';
import type { NetworkStack } from './network-stack.ts';
import { makeBucket } from './parts/bucket.ts';
import { loginOn, makeCluster, masterSecretOf } from './parts/cluster.ts';
import { makeEvidenceBucket, makeSigningKey } from './parts/evidence.ts';
import { makeDeadLetterQueue, makeTriggerQueue, makeWorkQueue } from './parts/queue.ts';
import { Valkey } from './parts/valkey.ts';
import type { Settings } from './settings.ts';
import type { ShardStack } from './shard-stack.ts';

/** Time limits of the writers, which the visibility of their queues follows. */
export const writerTimeoutSeconds = { critical: 30, bulk: 60 };
/** Time limits of what is done for logs. Recovery has the longest of those that write them, and waits as long for the others. */
export const proofTimeoutSeconds = { seal: 120, sweep: 300, anchor: 60, build: 900, recover: 900, verify: 300 };
/** One step of an export of events. */
export const exportTimeoutSeconds = 300;
/** One step of a restore: some hundred files that S3 is asked for. */
export const restoreTimeoutSeconds = 120;
/** Compaction: finding tenants, and compacting one. */
export const archiveTimeoutSeconds = { sweep: 300, compact: 900 };
/** A call that does a part of a run, one that asks a source outside, and one that calls a tenant's webhook. */
export const jobTimeoutSeconds = { part: 900, fetch: 900, call: 60 };
const databaseName = 'trailkeep';

export class DataStack extends Stack {
  readonly key: Key | undefined;
  /** Wraps the tenants' key-encryption keys. Without it no personal field of any tenant can be read again. */
  readonly tenantKeys: Key;
  /** Wraps keys that are retained after an erasure: other verbs hold it than those that read events. */
  readonly vaultKey: Key;
  readonly control: Bucket;
  readonly segments: Bucket;
  readonly archive: Bucket;
  /** Logs: tiles, checkpoints and their archive. */
  readonly evidence: Bucket;
  readonly signingKey: Key;
  /** Files to load, and what sources answered: tenants' own data, which they have elsewhere. */
  readonly imports: Bucket;
  readonly critical: Queue;
  readonly bulk: Queue;
  readonly criticalDead: Queue;
  readonly bulkDead: Queue;
  /** Unreadable messages, with the reason, and what intake queues could not deliver. */
  readonly unreadable: Queue;
  readonly announce: Topic;
  /** Announcements of segments with critical events, for the sealer. */
  readonly sealCritical: Queue;
  /** The same of bulk events, held back for a while. */
  readonly sealBulk: Queue;
  /** Checkpoints that witnesses are to see. */
  readonly anchor: Queue;
  /** Exports that auditors asked for. */
  readonly exports: Queue;
  /** Exports of events that somebody asked for. */
  readonly eventExports: Queue;
  /** Restores that somebody confirmed. */
  readonly restores: Queue;
  /** What sealer, anchor, builder and restorer could not do at all. */
  readonly proofDead: Queue;
  /** Tenants that are to be compacted. */
  readonly compact: Queue;
  /** Parts of runs, by what works them off: loading, refreshing views, forecasting, and all other kinds. */
  readonly etl: Queue;
  readonly refresh: Queue;
  readonly forecast: Queue;
  readonly work: Queue;
  /** What functions outside the network are asked: to call a tenant's webhook, to fetch pages of a source. */
  readonly calls: Queue;
  readonly fetch: Queue;
  /** Rounds of verification that runs ask for. */
  readonly verifyParts: Queue;
  /** Parts and questions that could not be handled at all. */
  readonly jobsDead: Queue;
  /** What people must know of now: somebody broke the glass. */
  readonly notices: Topic;
  readonly cluster: DatabaseCluster;
  readonly databaseName = databaseName;
  /** Clusters besides this one, by number from 1. platform.ts adds them before anybody asks where Postgres is. */
  readonly shards: ShardStack[] = [];
  /** Behind the permission cache, where the settings say so. */
  readonly valkeyEndpoint: string | undefined;

  constructor(scope: Construct, id: string, settings: Settings, network: NetworkStack, props: StackProps) {
    super(scope, id, props);
    const { removal, archive } = settings;
    this.key = settings.encryption.ownKey ? this.#makeKey('Key', 'data at rest', removal) : undefined;
    this.tenantKeys = this.#makeKey('TenantKeys', "tenants' key-encryption keys", removal);
    this.vaultKey = this.#makeKey('VaultKey', 'keys that are retained after an erasure', removal);
    const common = { removal, key: this.key };

    this.control = makeBucket(this, 'Control', {
      ...common,
      lifecycleRules: [
        // A receipt must be repeatable for a day; two leave room for clocks.
        {
          id: 'claims',
          prefix: 'claims/',
          expiration: Duration.days(2),
          noncurrentVersionExpiration: Duration.days(1),
        },
        // Copies for data subjects, sealed under the subject's key: not in the evidence bucket, whose lock outlives them.
        {
          id: 'packages',
          prefix: 'privacy/',
          expiration: Duration.days(30),
          noncurrentVersionExpiration: Duration.days(1),
        },
        // Exports of either kind; who asked is told how long there is.
        {
          id: 'exports',
          prefix: 'exports/',
          expiration: Duration.days(7),
          noncurrentVersionExpiration: Duration.days(1),
        },
        // Questions to the archive and their results, which hold events as they are stored.
        {
          id: 'athena',
          prefix: 'athena/',
          expiration: Duration.days(7),
          noncurrentVersionExpiration: Duration.days(1),
        },
        { id: 'old-versions', noncurrentVersionExpiration: Duration.days(30) },
      ],
    });
    // Segments are the only copy of bulk events until compaction has checked its own: nothing expires them yet.
    // What the sweeper deletes leaves a version, which goes after a week.
    this.segments = makeBucket(this, 'Segments', {
      ...common,
      lockDays: archive.objectLock?.segmentDays,
      lifecycleRules: [{ id: 'swept', noncurrentVersionExpiration: Duration.days(7), expiredObjectDeleteMarker: true }],
    });
    this.archive = makeBucket(this, 'Archive', {
      ...common,
      lockDays: archive.objectLock?.archiveDays,
      lifecycleRules: [
        // What merges and retention delete leaves a version, for a week in which a mistake can be taken back.
        { id: 'removed', noncurrentVersionExpiration: Duration.days(7), expiredObjectDeleteMarker: true },
        ...ladderRules,
      ],
    });
    this.evidence = makeEvidenceBucket(this, 'Evidence', settings, this.key);
    this.signingKey = makeSigningKey(this, 'SigningKey', settings);
    this.imports = makeBucket(this, 'Imports', {
      ...common,
      lifecycleRules: [
        { id: 'loaded', expiration: Duration.days(30), noncurrentVersionExpiration: Duration.days(7) },
        { id: 'deleted', expiredObjectDeleteMarker: true },
      ],
    });

    this.criticalDead = makeDeadLetterQueue(this, 'CriticalDead');
    this.bulkDead = makeDeadLetterQueue(this, 'BulkDead');
    this.unreadable = makeDeadLetterQueue(this, 'Unreadable');
    this.critical = makeWorkQueue(this, 'Critical', {
      consumerTimeout: Duration.seconds(writerTimeoutSeconds.critical),
      deadLetterQueue: this.criticalDead,
    });
    this.bulk = makeWorkQueue(this, 'Bulk', {
      consumerTimeout: Duration.seconds(writerTimeoutSeconds.bulk),
      deadLetterQueue: this.bulkDead,
    });
    const topic = { enforceSSL: true, ...(this.key ? { masterKey: this.key } : {}) };
    this.announce = new Topic(this, 'Announce', topic);
    this.notices = new Topic(this, 'Notices', topic);
    this.proofDead = makeDeadLetterQueue(this, 'ProofDead');
    const trigger = { deadLetterQueue: this.proofDead, consumerTimeout: Duration.seconds(proofTimeoutSeconds.seal) };
    this.sealCritical = makeTriggerQueue(this, 'SealCritical', trigger);
    this.sealBulk = makeTriggerQueue(this, 'SealBulk', {
      ...trigger,
      delay: Duration.seconds(settings.proof.bulkDelaySeconds),
    });
    this.#tell(this.sealCritical, 'critical');
    this.#tell(this.sealBulk, 'bulk');
    this.anchor = makeTriggerQueue(this, 'Anchor', {
      deadLetterQueue: this.proofDead,
      consumerTimeout: Duration.seconds(proofTimeoutSeconds.anchor),
    });
    this.exports = makeWorkQueue(this, 'Exports', {
      deadLetterQueue: this.proofDead,
      consumerTimeout: Duration.seconds(proofTimeoutSeconds.build),
      // By then what was recorded before is mostly sealed; an export that has to wait is sent again.
      delay: Duration.seconds(settings.proof.criticalWindowSeconds + 2),
    });
    this.eventExports = makeWorkQueue(this, 'EventExports', {
      deadLetterQueue: this.proofDead,
      consumerTimeout: Duration.seconds(exportTimeoutSeconds),
      // What was accepted before the question is mostly committed by then.
      delay: Duration.seconds(settings.proof.criticalWindowSeconds + 2),
    });
    this.restores = makeWorkQueue(this, 'Restores', {
      deadLetterQueue: this.proofDead,
      consumerTimeout: Duration.seconds(restoreTimeoutSeconds),
    });
    this.compact = makeTriggerQueue(this, 'Compact', {
      deadLetterQueue: this.proofDead,
      consumerTimeout: Duration.seconds(archiveTimeoutSeconds.compact),
    });
    this.jobsDead = makeDeadLetterQueue(this, 'JobsDead');
    const ofRuns = (name: string, seconds: number) =>
      makeTriggerQueue(this, name, { deadLetterQueue: this.jobsDead, consumerTimeout: Duration.seconds(seconds) });
    this.etl = ofRuns('Etl', jobTimeoutSeconds.part);
    this.refresh = ofRuns('Refresh', jobTimeoutSeconds.part);
    this.forecast = ofRuns('Forecast', jobTimeoutSeconds.part);
    this.work = ofRuns('Work', jobTimeoutSeconds.part);
    this.calls = ofRuns('Calls', jobTimeoutSeconds.call);
    this.fetch = ofRuns('Fetch', jobTimeoutSeconds.fetch);
    this.verifyParts = ofRuns('VerifyParts', proofTimeoutSeconds.verify);
    const { noticeEmail } = settings.observe;
    if (noticeEmail !== undefined) this.notices.addSubscription(new EmailSubscription(noticeEmail));
    this.cluster = makeCluster(this, settings, network, { key: this.key, databaseName, size: settings.aurora });
    this.valkeyEndpoint = settings.cache.valkey
      ? new Valkey(this, 'Valkey', settings, network, this.key).endpoint
      : undefined;
  }

  /** Where RDS keeps the master user's password. */
  get masterSecretArn(): string {
    return masterSecretOf(this.cluster);
  }

  /** The resources that `rds-db:connect` names for a login: it is the same on every cluster. */
  loginArns(user: string): string[] {
    return [loginOn(this.cluster, user), ...this.shards.map(({ cluster }) => loginOn(cluster, user))];
  }

  /** Announcements of one tier into a queue, as they were published. */
  #tell(queue: Queue, tier: 'critical' | 'bulk'): void {
    const filterPolicy = { tier: SubscriptionFilter.stringFilter({ allowlist: [tier] }) };
    this.announce.addSubscription(
      new SqsSubscription(queue, { rawMessageDelivery: true, filterPolicy, deadLetterQueue: this.proofDead }),
    );
  }

  /** CDK's default policy: the account's IAM decides. Its keys go with a stage's data, 30 days later. */
  #makeKey(id: string, purpose: string, removal: Settings['removal']): Key {
    return new Key(this, id, {
      description: `Trailkeep: ${purpose}`,
      enableKeyRotation: true,
      removalPolicy: removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }
}
