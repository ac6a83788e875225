/**
 * The only door from verbs to stores: opens each port from the environment.
 *
 * A verb names the openers it needs; esbuild leaves the others, and their SDKs, out of its bundle. Each place is
 * opened once for an execution environment, however many ports lean on it.
 */
import { createHash, createHmac, hash, randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AthenaClient } from '@aws-sdk/client-athena';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { remembering } from '#core/access/engine.ts';
import { VersionedPermissionCache } from '#core/access/permission-cache.ts';
import { policies } from '#core/access/policies.ts';
import { roleTemplates } from '#core/access/role-templates.ts';
import { steadyClock } from '#core/access/steady-clock.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import type { Anchors } from '#core/proof/ports.ts';
import type { Together } from '#core/record/ports.ts';
import { AthenaQueries } from '#stores/athena/queries.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { openCedar } from '#stores/cedar/engine.ts';
import { nodeCipher } from '#stores/crypto/cipher.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { openForecasters } from '#stores/forecast/open.ts';
import { createAppDynamics } from '#stores/http/appdynamics.ts';
import { createOutside } from '#stores/http/outside.ts';
import { createServiceNow } from '#stores/http/servicenow.ts';
import { createCallWebhook } from '#stores/http/webhook.ts';
import { createWitnessClient, type WitnessAddress } from '#stores/http/witness-client.ts';
import { KmsSigner } from '#stores/kms/signer.ts';
import { KmsVault } from '#stores/kms/vault.ts';
import { LambdaMappings } from '#stores/lambda/mappings.ts';
import { createTokenVerifier } from '#stores/oidc/verifier.ts';
import { createArchiveFiles, createArchiveLedger } from '#stores/postgres/archive.ts';
import { createArchiveReaches } from '#stores/postgres/archive-reach.ts';
import { createRebuildLedger } from '#stores/postgres/archive-rebuild.ts';
import { createBreakGlassRegistry } from '#stores/postgres/break-glass.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { clustersOf } from '#stores/postgres/clusters.ts';
import { connect, type Transactions } from '#stores/postgres/connect.ts';
import { createCostFigures } from '#stores/postgres/cost-figures.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createDeliveries } from '#stores/postgres/deliveries.ts';
import { createEventExports } from '#stores/postgres/event-exports.ts';
import { createExports } from '#stores/postgres/exports.ts';
import { createForecasts } from '#stores/postgres/forecasts.ts';
import { createHolds } from '#stores/postgres/holds.ts';
import { createHotRows } from '#stores/postgres/hot-rows.ts';
import { createIssuerRegistry } from '#stores/postgres/issuers.ts';
import { createJobs } from '#stores/postgres/jobs.ts';
import { createKeyLifecycle } from '#stores/postgres/key-lifecycle.ts';
import { createKeyRegistry } from '#stores/postgres/keys.ts';
import { createLeafCatalogue } from '#stores/postgres/leaves.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLineage } from '#stores/postgres/lineage.ts';
import { createLoadPairs } from '#stores/postgres/load-pairs.ts';
import { createLoads } from '#stores/postgres/loads.ts';
import { createLogRecovery } from '#stores/postgres/log-recovery.ts';
import { createLogLedger, createLogTenants } from '#stores/postgres/logs.ts';
import { createMigrator, type Migrator, oneByOne } from '#stores/postgres/migrator.ts';
import { createMover } from '#stores/postgres/mover.ts';
import { createOverrides } from '#stores/postgres/overrides.ts';
import { createPartitions } from '#stores/postgres/partitions.ts';
import { createPermissionSource } from '#stores/postgres/permission-source.ts';
import { createPolicyRegistry } from '#stores/postgres/policies.ts';
import { createPrivacyRequests } from '#stores/postgres/privacy-requests.ts';
import { createProjectRegistry } from '#stores/postgres/projects.ts';
import { createPurges } from '#stores/postgres/purges.ts';
import { createReplayLedger } from '#stores/postgres/replay.ts';
import { type ReadSource, Replicas, readPolicies } from '#stores/postgres/replicas.ts';
import { createRestores } from '#stores/postgres/restores.ts';
import { createRetentionLedger, createRetentionPolicies } from '#stores/postgres/retention.ts';
import { createRoleRegistry } from '#stores/postgres/roles.ts';
import { createRuns } from '#stores/postgres/runs.ts';
import { parseShards, Shards } from '#stores/postgres/shards.ts';
import { createPrices, createSources } from '#stores/postgres/sources.ts';
import { createStatements } from '#stores/postgres/statements.ts';
import { createMoves } from '#stores/postgres/tenant-moves.ts';
import { createTenantRegistry } from '#stores/postgres/tenants.ts';
import { createVerification } from '#stores/postgres/verification.ts';
import { createViewRows } from '#stores/postgres/view-rows.ts';
import { createCostViews } from '#stores/postgres/views.ts';
import { PostgresSubjectKeys } from '#stores/privacy/subject-keys.ts';
import { TenantKeyStore } from '#stores/privacy/tenant-keys.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { objectsByKey, SegmentBlocks } from '#stores/s3/block-reader.ts';
import { S3Claims } from '#stores/s3/claims.ts';
import { S3Control, S3Publisher } from '#stores/s3/control.ts';
import { S3EventParts } from '#stores/s3/event-parts.ts';
import { S3ExportParts } from '#stores/s3/export-parts.ts';
import { S3Inbox } from '#stores/s3/inbox.ts';
import { S3LogDirectory } from '#stores/s3/log-directory.ts';
import { S3LogStore } from '#stores/s3/log-store.ts';
import { S3Packages } from '#stores/s3/packages.ts';
import { S3Pages } from '#stores/s3/pages.ts';
import { S3Questions } from '#stores/s3/questions.ts';
import { S3Reports } from '#stores/s3/reports.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { S3WitnessState } from '#stores/s3/witness-state.ts';
import { JobSchedules, type ScheduleTarget } from '#stores/scheduler/schedules.ts';
import { SnsAnnouncer } from '#stores/sns/announcer.ts';
import { SnsNotices } from '#stores/sns/notices.ts';
import { SqsDeadLetterDesk } from '#stores/sqs/dead-letter-desk.ts';
import { SqsDeadLetters } from '#stores/sqs/dead-letters.ts';
import { SqsIntakeQueues } from '#stores/sqs/intake-queues.ts';
import { SqsJobQueues } from '#stores/sqs/job-queues.ts';
import { SqsOutlet } from '#stores/sqs/outlet.ts';
import { deriveKey, SsmSecrets } from '#stores/ssm/secrets.ts';
import { SsmTenantSecrets } from '#stores/ssm/tenant-secrets.ts';
import { readEnv, readOptionalEnv } from './env.ts';
import { createGuard } from './guard.ts';
import { logger } from './observe.ts';
import { createOnward } from './onward.ts';
import { createPermissionMeter } from './permission-metrics.ts';
import { createReadMeter } from './read-metrics.ts';
import { createRecorder } from './recorder.ts';

/** Remembers what an opener made; a failed opening is forgotten. */
function once<T>(open: () => T): () => T {
  let opened: { readonly value: T } | undefined;
  return () => {
    opened ??= { value: open() };
    if (opened.value instanceof Promise) {
      const mine = opened;
      opened.value.catch(() => {
        if (opened === mine) opened = undefined;
      });
    }
    return opened.value;
  };
}

const s3 = /* @__PURE__ */ once(() => new S3Client(clientSettings));
const sqs = /* @__PURE__ */ once(() => new SQSClient(clientSettings));

// What accept and the authorizer lean on.
export const openControl = () => new S3Control(s3(), readEnv('CONTROL_BUCKET').CONTROL_BUCKET);
export const openPublisher = () => new S3Publisher(s3(), readEnv('CONTROL_BUCKET').CONTROL_BUCKET);
/** Hosts of issuers that may be called without TLS: none, unless an operator names them. */
export const openPlaintextHosts = (): readonly string[] =>
  (process.env.OIDC_PLAINTEXT_HOSTS ?? '').split(',').filter(Boolean);
export const openTokens = () => createTokenVerifier({ plaintextHosts: openPlaintextHosts() });
export const openClaims = () => new S3Claims(s3(), readEnv('CONTROL_BUCKET').CONTROL_BUCKET);
export function openOutlets() {
  const env = readEnv('CRITICAL_QUEUE_URL', 'BULK_QUEUE_URL');
  return { critical: new SqsOutlet(sqs(), env.CRITICAL_QUEUE_URL), bulk: new SqsOutlet(sqs(), env.BULK_QUEUE_URL) };
}
export const openRecorder = () => createRecorder(openOutlets());

// Dead letters and intake queues.
export const openDeadLetters = () => new SqsDeadLetters(sqs(), readEnv('DEAD_LETTER_QUEUE_URL').DEAD_LETTER_QUEUE_URL);
export const openDeadLetterDesk = () =>
  new SqsDeadLetterDesk(sqs(), JSON.parse(readEnv('DEAD_LETTER_SOURCES').DEAD_LETTER_SOURCES));
export function openIntakeQueues() {
  const env = readEnv('INTAKE_QUEUE_PREFIX', 'INTAKE_FUNCTION_ARN', 'DEAD_LETTER_QUEUE_URL');
  const mappings = new LambdaMappings(new LambdaClient(clientSettings), env.INTAKE_FUNCTION_ARN);
  return new SqsIntakeQueues(sqs(), mappings, {
    prefix: env.INTAKE_QUEUE_PREFIX,
    deadLetterUrl: env.DEAD_LETTER_QUEUE_URL,
  });
}

// Segments and archive files.
export const openSegments = () => new S3Segments(s3(), readEnv('SEGMENTS_BUCKET').SEGMENTS_BUCKET);
export const openArchiveObjects = () => new S3ArchiveObjects(s3(), readEnv('ARCHIVE_BUCKET').ARCHIVE_BUCKET);
/** For files of many megabytes, which take longer than anything else that is put. */
const s3Large = /* @__PURE__ */ once(
  () =>
    new S3Client({ ...clientSettings, requestHandler: { ...clientSettings.requestHandler, requestTimeout: 60_000 } }),
);
export const openArchiveWriter = () => new S3ArchiveObjects(s3Large(), readEnv('ARCHIVE_BUCKET').ARCHIVE_BUCKET);
export const openArchiveBlocks = () => new SegmentBlocks(openArchiveObjects());
export const openBlocks = () => new SegmentBlocks(objectsByKey(openSegments(), openArchiveObjects()));
/** Blocks of segments alone, for who follows commits. */
export const openSegmentBlocks = () => new SegmentBlocks(openSegments());
export const openAnnouncer = () =>
  new SnsAnnouncer(new SNSClient(clientSettings), readEnv('ANNOUNCE_TOPIC_ARN').ANNOUNCE_TOPIC_ARN);

// The root secret and what is derived from it.
export const openRootSecret = /* @__PURE__ */ once(
  () => new SsmSecrets(new SSMClient(clientSettings), readEnv('ROOT_SECRET_PARAMETER').ROOT_SECRET_PARAMETER),
);
const derived = async (label: string) => deriveKey(await openRootSecret().rootSecret(), label);
export const openCursorKey = () => derived('trailkeep/cursor/v1');
const contextKey = /* @__PURE__ */ once(() => derived('trailkeep/context/v1'));
export const openContextKey = contextKey;

// Postgres, as the application's role, with an IAM token for a password.
const login = () => {
  const env = readEnv('DATABASE_HOST', 'DATABASE_PORT', 'DATABASE_NAME', 'DATABASE_USER', 'PGSSLMODE');
  return {
    host: env.DATABASE_HOST,
    port: Number(env.DATABASE_PORT),
    database: env.DATABASE_NAME,
    user: env.DATABASE_USER,
    sslMode: env.PGSSLMODE,
  };
};
/** Of the mover's quarter of an hour; a pause begins in its first five minutes. */
const moveStatementMsMax = 540_000;
/** The main cluster, which has schema `access` for all tenants. */
const main = /* @__PURE__ */ once(() => connect(login()));
/** All clusters, where tenants live on several: DATABASE_SHARDS is `1=host:port/database,…`. */
const shards = /* @__PURE__ */ once(() => {
  const addresses = parseShards(readOptionalEnv('DATABASE_SHARDS') ?? '');
  if (addresses.length === 0) return undefined;
  const own = login();
  const clusters = [main(), ...addresses.map((address) => connect({ ...own, ...address }))];
  return new Shards({
    clusters,
    clock: () => performance.now(),
    onDown: (error) => logger.error('a cluster is passed over', { error }),
  });
});
/** Wherever a tenant lives; what is asked without one is asked of the main cluster, unless the store asks all. */
const sql = /* @__PURE__ */ once(() => shards()?.sql() ?? main());
/** The number of the last shard; 0 where there is one cluster. */
export const openLastShard = (): number => parseShards(readOptionalEnv('DATABASE_SHARDS') ?? '').length;
/** As trailkeep_mover, on every cluster. It looks at all rows of a tenant with one statement. */
export const openMover = async () => {
  const own = { ...login(), statementMsMax: moveStatementMsMax };
  const places = [own, ...parseShards(readEnv('DATABASE_SHARDS').DATABASE_SHARDS).map((one) => ({ ...own, ...one }))];
  return createMover(
    places.map((place) => connect(place)),
    await contextKey(),
  );
};
export const openMoves = async () => createMoves(main(), await contextKey());
/** Which tenants' events may be written together. Undefined where all are on one cluster. */
export const openTogether = (): Together => async (tenants) =>
  (await clustersOf(sql()).together(tenants)).map((one) => one.tenants);
export const openLedger = async () => createLedger(sql(), await contextKey());
export const openPartitions = () => createPartitions(sql());
export const openCritical = async () => createCriticalEvents(sql(), await contextKey());
export const openLeaves = /* @__PURE__ */ once(async () => createLeafCatalogue(sql(), await contextKey()));
export const openCatalogue = async () => createCatalogue(sql(), await contextKey());

/** Replicas, where there are any: the hosts of DATABASE_READ_HOST. */
const replicas = /* @__PURE__ */ once(() => {
  const hosts = readOptionalEnv('DATABASE_READ_HOST')?.split(',') ?? [];
  if (hosts.length === 0) return undefined;
  const env = readEnv('DATABASE_READ_POLICY', 'DATABASE_READ_STALE_MS');
  const policy = readPolicies.find((one) => one === env.DATABASE_READ_POLICY);
  if (!policy) throw new Error(`DATABASE_READ_POLICY is none of ${readPolicies.join(', ')}`);
  const clock = () => performance.now();
  return new Replicas({
    writer: main(),
    readers: hosts.map((address) => {
      const [host, port] = address.split(':') as [string, string?];
      const place = { ...login(), host, ...(port === undefined ? {} : { port: Number(port) }) };
      return () => connect({ ...place, connectionsMax: 1, connectSecondsMax: 2 });
    }),
    policy,
    staleMsMax: Number(env.DATABASE_READ_STALE_MS),
    clock,
    onRead: createReadMeter<ReadSource>(clock),
  });
});
/** What a reading verb reads from, by what its caller asks for. */
export async function openReads() {
  const key = await contextKey();
  const bounded = replicas();
  const others = clustersOf(sql()).every.slice(1);
  // Shards have no replicas. What a replica of the main cluster says of a tenant that has moved is as old as its rows.
  const reads = () => {
    const request = bounded!.request();
    return shards()?.choosing([request, ...others]) ?? request;
  };
  const from = (place: Transactions) => ({
    critical: createCriticalEvents(place, key),
    catalogue: createCatalogue(place, key),
  });
  return {
    replicated: bounded !== undefined,
    from: (consistency: 'bounded' | 'strong') => from(bounded && consistency === 'bounded' ? reads() : sql()),
  };
}
export const openTenants = async () => createTenantRegistry(main(), await contextKey());
export const openIssuers = async () => createIssuerRegistry(main(), await contextKey());
export const openKeys = async () => createKeyRegistry(main(), await contextKey());
export const openProjects = async () => createProjectRegistry(main(), await contextKey());
export const openPolicies = async () => createPolicyRegistry(main(), await contextKey());
export const openRoles = async () => createRoleRegistry(main(), await contextKey());

/**
 * The permission cache: one for an execution environment, or it would hold nothing. Valkey's client is loaded only
 * where there is a Valkey.
 */
export const openPermissionCache = /* @__PURE__ */ once(async () => {
  const clock = steadyClock(() => performance.now(), Date.now);
  const store = await openPermissionStore();
  return new VersionedPermissionCache({
    source: createPermissionSource(main(), await contextKey()),
    ...(store ? { store } : {}),
    clock,
    wall: Date.now,
    jitter: Math.random,
    meter: createPermissionMeter(clock),
  });
});
async function openPermissionStore() {
  const endpoint = readOptionalEnv('VALKEY_ENDPOINT');
  if (!endpoint) return undefined;
  const { connectValkey, parseEndpoint } = await import('#stores/valkey/connect.ts');
  const { createPermissionStore } = await import('#stores/valkey/permission-store.ts');
  return createPermissionStore(connectValkey(parseEndpoint(endpoint)), {
    sealKey: await derived('trailkeep/permissions/v1'),
    // A deployment's own roles, and a restored database, whose versions were given out before.
    edition: openSha256()(JSON.stringify([readEnv('DATABASE_HOST').DATABASE_HOST, ...roleTemplates])),
  });
}

// Decisions. Cedar is loaded by the first one that needs it.
// Tests check policies and requests against the schema; here it would double the first decision's time and decide nothing.
const engine = /* @__PURE__ */ once(async () => remembering(await openCedar({ policies })));
export const openBreakGlass = async () => createBreakGlassRegistry(main(), await contextKey());
export const openNotices = () =>
  new SnsNotices(new SNSClient(clientSettings), readEnv('NOTICE_TOPIC_ARN').NOTICE_TOPIC_ARN);
export const openGuard = () =>
  createGuard({ engine, permissions: openPermissionCache, breakGlass: openBreakGlass, policies: openPolicies });

// Keys of tenants and subjects, and the cipher they are for.
export const openSubjectKeys = /* @__PURE__ */ once(async () => {
  const kms = new KMSClient(clientSettings);
  const tenants = new TenantKeyStore(
    sql(),
    await contextKey(),
    kms,
    readEnv('TENANT_KEYS_KEY_ARN').TENANT_KEYS_KEY_ARN,
  );
  return new PostgresSubjectKeys(sql(), await contextKey(), tenants);
});
export const openCipher = () => nodeCipher;

// What data subjects ask for, and what becomes of their keys.
export const openPrivacyRequests = async () => createPrivacyRequests(sql(), await contextKey());
export const openHolds = async () => createHolds(sql(), await contextKey());
export const openDeliveries = async () => createDeliveries(sql(), await contextKey());
export const openPackages = () => new S3Packages(s3(), readEnv('CONTROL_BUCKET').CONTROL_BUCKET);
export const openKeyLifecycle = async () => {
  const keys = await openSubjectKeys();
  const vault = once(() => new KmsVault(new KMSClient(clientSettings), readEnv('VAULT_KEY_ARN').VAULT_KEY_ARN));
  return createKeyLifecycle(sql(), await contextKey(), (tenant, subject) => keys.ref(tenant, subject), vault);
};
/** Days that a backup of the database is kept. */
export const openBackupDays = () => Number(readEnv('BACKUP_DAYS').BACKUP_DAYS);

/** Every cluster as its master: for bootstrap alone. The migrations lie in `sql/` beside the bundle. */
export function openMigrator(): Migrator {
  const env = readEnv('DATABASE_HOST', 'DATABASE_PORT', 'DATABASE_NAME', 'DATABASE_MASTER_SECRET_ARN', 'PGSSLMODE');
  const addresses = parseShards(readOptionalEnv('DATABASE_SHARDS') ?? '');
  const secretArns = readOptionalEnv('DATABASE_SHARD_SECRET_ARNS')?.split(',') ?? [];
  if (secretArns.length !== addresses.length) throw new Error('every shard has a secret');
  const common = {
    secretArn: env.DATABASE_MASTER_SECRET_ARN,
    host: env.DATABASE_HOST,
    port: Number(env.DATABASE_PORT),
    database: env.DATABASE_NAME,
    sslMode: env.PGSSLMODE,
    migrationsFolder: new URL('./sql/', import.meta.url).pathname,
  };
  const client = new SecretsManagerClient(clientSettings);
  if (addresses.length === 0) return createMigrator(client, common);
  const shardsFile = new URL('./shards.sql', import.meta.url).pathname;
  const places = [common, ...addresses.map((one, index) => ({ ...common, ...one, secretArn: secretArns[index]! }))];
  return oneByOne(places.map((place, number) => createMigrator(client, { ...place, shard: { number, shardsFile } })));
}

// What a lost database gets back.
/** As trailkeep_archiver. */
export const openRebuildLedger = async () => createRebuildLedger(sql(), await contextKey());
/** As trailkeep_recovery. */
export const openReplayLedger = async () => createReplayLedger(sql(), await contextKey());

// How long events are kept.
export const openRetentionPolicies = async () => createRetentionPolicies(sql(), await contextKey());
/** The rows of each cluster. */
export const openHotRows = async () => {
  const key = await contextKey();
  return clustersOf(sql()).every.map((cluster) => createHotRows(sql(), key, cluster));
};
/** Days after its end that a month stays in Postgres. */
export const openHotDays = () => Number(readEnv('HOT_DAYS').HOT_DAYS);
export const openPurges = async () => createPurges(sql(), await contextKey());
export const openRetentionLedger = async () => createRetentionLedger(sql(), await contextKey());

// Logs in the evidence bucket.
export const openProofCrypto = () => nodeProofCrypto;
export function openLogStore() {
  const lockDays = readOptionalEnv('EVIDENCE_LOCK_DAYS');
  const { EVIDENCE_BUCKET } = readEnv('EVIDENCE_BUCKET');
  return new S3LogStore(s3(), EVIDENCE_BUCKET, lockDays === undefined ? {} : { lockDays: Number(lockDays) });
}
export const openLogDirectory = () => new S3LogDirectory(s3(), readEnv('EVIDENCE_BUCKET').EVIDENCE_BUCKET);
/** As the sealer, or as recovery: what the function logs in as decides what it may do. */
export const openLogLedger = async () => createLogLedger(sql(), await contextKey());
export const openLogRecovery = async () => createLogRecovery(sql(), await contextKey());
export const openLogDrainMs = () => Number(readOptionalEnv('LOG_DRAIN_SECONDS') ?? 900) * 1000;
export const openNewIncarnation = () => (): string => randomUUID();
export const openLogTenants = async () => createLogTenants(main(), await contextKey());
/** As trailkeep_verifier, who reads what others write and writes only what it found. */
export const openVerification = async () => createVerification(sql(), await contextKey());
export const openLogSigner = () =>
  new KmsSigner(new KMSClient(clientSettings), readEnv('SIGNING_KEY_ARN').SIGNING_KEY_ARN);
export const openLogHost = () => readEnv('LOG_HOST').LOG_HOST;
/** Names of logs: 26 characters of base32, 130 random bits. */
export const openNewSlug = () => () =>
  Array.from(randomBytes(26), (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte & 31]).join('');

// Restores from Deep Archive.
export const openRestores = async () => createRestores(sql(), await contextKey());
export const openRestoreQueue = () => new SqsOutlet(sqs(), readEnv('RESTORE_QUEUE_URL').RESTORE_QUEUE_URL);

// Compaction.
export const openArchiveFiles = async () => createArchiveFiles(sql(), await contextKey());
/** As trailkeep_archiver. */
export const openArchiveLedger = async () => createArchiveLedger(sql(), await contextKey());
export const openCompactQueue = () => new SqsOutlet(sqs(), readEnv('COMPACT_QUEUE_URL').COMPACT_QUEUE_URL);
export const openCompactAfter = () => Number(readEnv('COMPACT_AFTER_MINUTES').COMPACT_AFTER_MINUTES) * 60_000;
/** Days that pollers may be behind. */
export const openFeedDays = () => Number(readEnv('FEED_DAYS').FEED_DAYS);

// Definitions of jobs, and their schedules.
export const openJobs = async () => createJobs(sql(), await contextKey());
export const openSchedules = () => {
  const target = JSON.parse(readEnv('JOB_SCHEDULES').JOB_SCHEDULES) as ScheduleTarget;
  return new JobSchedules(new SchedulerClient(clientSettings), target, () => new Date());
};

// Runs of jobs. As trailkeep_app or trailkeep_loader.
export const openRuns = async () => createRuns(sql(), await contextKey());
/** Of those that JOB_QUEUES names. */
export const openJobQueues = () => new SqsJobQueues(sqs(), JSON.parse(readEnv('JOB_QUEUES').JOB_QUEUES));
export const openOnward = async () =>
  createOnward({
    queues: openJobQueues(),
    recorder: openRecorder(),
    runs: await openRuns(),
  });
/** The log group and stream of this execution environment. */
export const openTrace = () => () =>
  [process.env.AWS_LAMBDA_LOG_GROUP_NAME, process.env.AWS_LAMBDA_LOG_STREAM_NAME].filter(Boolean).join(' ');
export const openCallsQueue = () => new SqsOutlet(sqs(), readEnv('CALLS_QUEUE_URL').CALLS_QUEUE_URL);
export const openVerifyQueue = () => new SqsOutlet(sqs(), readEnv('VERIFY_QUEUE_URL').VERIFY_QUEUE_URL);
export const openLoadPairs = async () => createLoadPairs(sql(), await contextKey());
export const openReports = () => new S3Reports(s3(), readEnv('CONTROL_BUCKET').CONTROL_BUCKET);
export const openCallWebhook = () => createCallWebhook({ plaintextHosts: openOutsidePlaintextHosts() });
/** What a verb of `doParts` leans on, whatever it does. */
export const openRunPorts = { runs: openRuns, onward: openOnward, trace: openTrace, clock: () => () => new Date() };

// Exports for auditors.
export const openExports = async () => createExports(sql(), await contextKey());
export const openExportParts = () => new S3ExportParts(s3(), readEnv('CONTROL_BUCKET').CONTROL_BUCKET);
export const openExportQueue = () => new SqsOutlet(sqs(), readEnv('EXPORT_QUEUE_URL').EXPORT_QUEUE_URL);

// Exports of events.
export const openEventExports = async () => createEventExports(sql(), await contextKey());
export const openEventParts = () => new S3EventParts(s3(), readEnv('CONTROL_BUCKET').CONTROL_BUCKET);
export const openEventExportQueue = () =>
  new SqsOutlet(sqs(), readEnv('EVENT_EXPORT_QUEUE_URL').EVENT_EXPORT_QUEUE_URL);

// Questions to the whole archive.
export function openArchiveQueries() {
  const { ATHENA_WORKGROUP: workGroup, ATHENA_DATABASE: database } = readEnv('ATHENA_WORKGROUP', 'ATHENA_DATABASE');
  return new AthenaQueries(new AthenaClient(clientSettings), s3(), { workGroup, database });
}
export const openArchiveReaches = async () => createArchiveReaches(sql(), await contextKey());
export const openQuestions = () => new S3Questions(s3(), readEnv('CONTROL_BUCKET').CONTROL_BUCKET);

// Costs: figures, what people changed about them, and where they come from.
/** As trailkeep_loader. */
export const openCostViews = () => createCostViews(sql());
export const openViewRows = async () => createViewRows(sql(), await contextKey());
export const openLineage = async () => createLineage(sql(), await contextKey());
export const openCostFigures = async () => createCostFigures(sql(), await contextKey());
export const openOverrides = async () => createOverrides(sql(), await contextKey());
export const openStatements = async () => createStatements(sql(), await contextKey());
export const openForecasts = async () => createForecasts(sql(), await contextKey());
/** Members of forecasts that are WebAssembly. */
export const openForecastMembers = openForecasters;

// Sources of usage and costs, and what is loaded from them.
export const openSources = async () => createSources(sql(), await contextKey());
export const openPrices = async () => createPrices(sql(), await contextKey());
/** As trailkeep_loader. */
export const openLoads = async () => createLoads(sql(), await contextKey());
/** Signs addresses without a checksum: the SDK's would be that of an empty body, and S3 would refuse every other one. */
export const openInbox = () =>
  new S3Inbox(
    new S3Client({ ...clientSettings, requestChecksumCalculation: 'WHEN_REQUIRED' }),
    readEnv('IMPORTS_BUCKET').IMPORTS_BUCKET,
  );
export const openPages = () => new S3Pages(s3(), readEnv('IMPORTS_BUCKET').IMPORTS_BUCKET);
/** For pages of many megabytes. */
export const openPagesOut = () => new S3Pages(s3Large(), readEnv('IMPORTS_BUCKET').IMPORTS_BUCKET);
export const openFetchQueue = () => new SqsOutlet(sqs(), readEnv('FETCH_QUEUE_URL').FETCH_QUEUE_URL);
export const openEtlQueue = () => new SqsOutlet(sqs(), readEnv('ETL_QUEUE_URL').ETL_QUEUE_URL);
export const openTenantSecrets = () =>
  new SsmTenantSecrets(new SSMClient(clientSettings), readEnv('TENANT_SECRETS_PATH').TENANT_SECRETS_PATH);
/** Hosts of tenants' places that may be called without TLS and at any address: none, unless an operator names them. */
export const openOutsidePlaintextHosts = (): readonly string[] =>
  (readOptionalEnv('OUTSIDE_PLAINTEXT_HOSTS') ?? '').split(',').filter(Boolean);
export function openConnectors() {
  const outside = createOutside({ plaintextHosts: openOutsidePlaintextHosts() });
  // The function has fifteen minutes, and the last page is still to be put.
  const time = { clock: Date.now, workMs: 13 * 60_000 };
  return { appdynamics: createAppDynamics(outside, time), servicenow: createServiceNow(outside, time) };
}

// Witnesses: those that cosign for us, and being one.
export const openWitnessAddresses = () => JSON.parse(readOptionalEnv('WITNESSES') ?? '[]') as WitnessAddress[];
export const openWitnesses = () => openWitnessAddresses().map((address) => createWitnessClient(address));
export const openWitnessKeys = () => openWitnessAddresses().map(({ vkey }) => vkey);
/** Where nobody is to be asked, asking does nothing. */
export function openAnchors(): Anchors {
  if (openWitnessAddresses().length === 0) return { ask: async () => {} };
  const outlet = new SqsOutlet(sqs(), readEnv('ANCHOR_QUEUE_URL').ANCHOR_QUEUE_URL);
  return { ask: (slug) => outlet.send([{ body: slug, group: slug }]) };
}
export const openWitnessName = () => readEnv('WITNESS_NAME').WITNESS_NAME;
export const openWitnessSigner = () =>
  new KmsSigner(new KMSClient(clientSettings), readEnv('WITNESS_KEY_ARN').WITNESS_KEY_ARN);
export const openWitnessStore = () =>
  new S3WitnessState(s3(), readEnv('WITNESS_BUCKET').WITNESS_BUCKET, {
    crypto: nodeProofCrypto,
    logs: readOptionalEnv('WITNESS_LOGS'),
    onProblem: (problem) => logger.error('a rule of known logs cannot be read', { problem }),
  });

// Chance and digests, which core takes as arguments.
export const openRandom =
  () =>
  (bytes: number): Uint8Array =>
    randomBytes(bytes);
export const openNewId = () => (now: Date) => uuidv7(now.getTime(), randomBytes(10));
export const openIds = () => ({
  uuidv7: (now: Date) => uuidv7(now.getTime(), randomBytes(10)),
  random: openRandom(),
});

export const openClock = () => () => new Date();
export const openSha256 = () => (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
/** The same as bytes, of a line. */
export const openLineDigest =
  () =>
  (line: string): Uint8Array =>
    hash('sha256', line, 'buffer');
export const openHmac = () => (key: Uint8Array, data: string) =>
  new Uint8Array(createHmac('sha256', key).update(data).digest());

/** Files beside the bundle, in `public/`. */
export interface PublicFiles {
  /** The bytes of a file, or undefined. A name is made of letters, digits, `.`, `-`, `_` and single slashes. */
  read(name: string): Promise<Uint8Array | undefined>;
}

const publicName = /^(?:[\w-][\w.-]*\/)?[\w-][\w.-]*$/;

export function openPublicFiles(): PublicFiles {
  const folder = new URL('./public/', import.meta.url);
  return {
    read: async (name) => {
      if (!publicName.test(name)) return undefined;
      try {
        return new Uint8Array(await readFile(new URL(name, folder)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
