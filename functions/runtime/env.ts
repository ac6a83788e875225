/**
 * The environment of every function, as a type: lib/ fills it, the stores read it.
 * A variable that a stack forgets does not compile.
 */
export interface Env {
  /** Deployment stage, for traces and SSM paths. */
  STAGE: string;
  /** Bucket of published keys and policies, and of idempotency claims. */
  CONTROL_BUCKET: string;
  SEGMENTS_BUCKET: string;
  /** Bucket of archive files and their sidecars. */
  ARCHIVE_BUCKET: string;
  /** Tenants that are to be compacted. */
  COMPACT_QUEUE_URL: string;
  /** JSON: where schedules of jobs are and what they call, a ScheduleTarget of stores/scheduler/schedules.ts. */
  JOB_SCHEDULES: string;
  /** JSON: the queue of each kind of job, by kind. */
  JOB_QUEUES: string;
  /** What the function outside is asked to call for tenants. */
  CALLS_QUEUE_URL: string;
  /** Rounds of verification that runs of jobs ask for. */
  VERIFY_QUEUE_URL: string;
  /** How long events wait for others to be compacted with. */
  COMPACT_AFTER_MINUTES: string;
  /** Days that pollers of the feed may be behind. */
  FEED_DAYS: string;
  /** Athena's workgroup and Glue's database that questions to the whole archive go to. */
  ATHENA_WORKGROUP: string;
  ATHENA_DATABASE: string;
  CRITICAL_QUEUE_URL: string;
  BULK_QUEUE_URL: string;
  /** Where unreadable messages go, with the reason. */
  DEAD_LETTER_QUEUE_URL: string;
  /** Restores that somebody confirmed. */
  RESTORE_QUEUE_URL: string;
  /** Exports of events that somebody asked for. */
  EVENT_EXPORT_QUEUE_URL: string;
  /** JSON: the queues and their dead-letter queues that the admin verb may look into, `[{name, url, deadLetterUrl}]`. */
  DEAD_LETTER_SOURCES: string;
  ANNOUNCE_TOPIC_ARN: string;
  /** Topic of what people must know of now: somebody broke the glass. */
  NOTICE_TOPIC_ARN: string;
  /** The KMS key that wraps the tenants' key-encryption keys. */
  TENANT_KEYS_KEY_ARN: string;
  /** The KMS key that wraps subjects' keys which are retained after an erasure. */
  VAULT_KEY_ARN: string;
  /** Days that backups of the database are kept: an erased key is in them until then. */
  BACKUP_DAYS: string;
  /** Days after its end that a month of critical events stays in Postgres. */
  HOT_DAYS: string;
  DATABASE_HOST: string;
  /** Hosts of replicas, `host` or `host:port`, with commas between; unset where there are none. */
  DATABASE_READ_HOST: string;
  /** How one of them is chosen: `health` or `round-robin`. */
  DATABASE_READ_POLICY: string;
  /** How old their rows may be, in ms. */
  DATABASE_READ_STALE_MS: string;
  /** Clusters besides the main one, by the numbers of their shards: `1=host/database,2=…`; unset where there are none. */
  DATABASE_SHARDS: string;
  DATABASE_PORT: string;
  DATABASE_NAME: string;
  /** Role to log in as, with an IAM token as the password. */
  DATABASE_USER: string;
  /** The secret that RDS keeps for the master user; bootstrap alone reads it, because IAM logins do not exist before it ran. */
  DATABASE_MASTER_SECRET_ARN: string;
  /** The same of each shard, in the order of DATABASE_SHARDS, with commas between. */
  DATABASE_SHARD_SECRET_ARNS: string;
  /** libpq's word: `verify-full` in the cloud. */
  PGSSLMODE: string;
  /** Lambda's file of certificate authorities, RDS's among them; Node reads it when it starts. */
  NODE_EXTRA_CA_CERTS: string;
  /** SSM SecureString with the root secret; context, cursor keys are derived from it. */
  ROOT_SECRET_PARAMETER: string;
  /** Name prefix of intake queues; the rest of the name is random. */
  INTAKE_QUEUE_PREFIX: string;
  /** The intake function's live alias, which new intake queues are mapped to. */
  INTAKE_FUNCTION_ARN: string;
  /** Valkey behind the permission cache, as stores/valkey/connect.ts reads it; unset where there is none. */
  VALKEY_ENDPOINT: string;
  /** Hosts of OIDC issuers that may be called without TLS, with commas between; unset in the cloud. */
  OIDC_PLAINTEXT_HOSTS: string;
  /** Bucket of the logs: tiles, checkpoints, their archive. */
  EVIDENCE_BUCKET: string;
  /** Days that archived checkpoints are locked; unset where the bucket has no Object Lock. */
  EVIDENCE_LOCK_DAYS: string;
  /** The KMS key that signs checkpoints. */
  SIGNING_KEY_ARN: string;
  /** First part of the names of logs. */
  LOG_HOST: string;
  /** Seconds after which no worker from before a freeze is left; unset: the 15 minutes that no function outlives. */
  LOG_DRAIN_SECONDS: string;
  /** JSON: who is asked to cosign checkpoints, `[{url, vkey}]`; unset where nobody is. */
  WITNESSES: string;
  /** Queue of logs whose published checkpoint witnesses are to see. */
  ANCHOR_QUEUE_URL: string;
  /** Queue of exports that are to be built; it holds each message back for some seconds. */
  EXPORT_QUEUE_URL: string;
  /** Of a witness: name of its key, the key, and where it keeps what it cosigned. */
  WITNESS_NAME: string;
  WITNESS_KEY_ARN: string;
  WITNESS_BUCKET: string;
  /** Logs that a witness knows, in the form of core/proof/witness-logs.ts; `logs.txt` in its bucket adds to them. */
  WITNESS_LOGS: string;
  /** Bucket of files to load and of what sources answered. */
  IMPORTS_BUCKET: string;
  /** Questions to sources, and the queue that their answers go back to. */
  FETCH_QUEUE_URL: string;
  ETL_QUEUE_URL: string;
  /** Below it lie the secrets that tenants gave us: `/trailkeep/<stage>/secrets`. */
  TENANT_SECRETS_PATH: string;
  /** Hosts of tenants' sources and webhooks that may be called without TLS, with commas between; unset in the cloud. */
  OUTSIDE_PLAINTEXT_HOSTS: string;
}

/** Reads the variables a function names, once; a missing one says which. */
export function readEnv<K extends keyof Env>(...names: readonly K[]): Pick<Env, K> {
  const missing = names.filter((name) => !process.env[name]);
  if (missing.length > 0) throw new Error(`environment lacks ${missing.join(', ')}`);
  return Object.fromEntries(names.map((name) => [name, process.env[name]])) as Pick<Env, K>;
}

/** A variable that a deployment may leave out. */
export const readOptionalEnv = (name: keyof Env): string | undefined => process.env[name] || undefined;
