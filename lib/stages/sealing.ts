/** Proof, the part that writes: what is committed becomes a signed tree, by announcement and by schedule. */
import type { Construct } from 'constructs';
import { type DataStack, proofTimeoutSeconds } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { signerRoleName, type signers } from '../parts/evidence.ts';
import { makeVerb, type Verb, type VerbProps } from '../parts/function.ts';
import {
  consume,
  listObjects,
  lockArchived,
  readLogs,
  readObjects,
  readPresent,
  readSigningKey,
  renewIncarnation,
  send,
  signCheckpoints,
  writeLogs,
  writeObjects,
} from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';
import { answersRuns } from '../parts/run-env.ts';
import type { ProofProps } from './proof.ts';

/** What our own events about logs go through; they are critical, whatever a tenant's own rules say. */
const recording = (data: DataStack) => ({
  CRITICAL_QUEUE_URL: data.critical.queueUrl,
  BULK_QUEUE_URL: data.bulk.queueUrl,
});

/** Seals what announcements tell of. Two runs on one log hold nothing up: one of them loses each race. */
export function makeSeal(scope: Construct, props: ProofProps): Verb {
  const { data, settings } = props;
  const verb = makeSealer(scope, 'Seal', 'seal', props, {
    memoryMb: 1769,
    timeoutSeconds: proofTimeoutSeconds.seal,
    environment: {},
    permissions: consume(data.sealCritical.queueArn, data.sealBulk.queueArn),
  });
  const { criticalWindowSeconds, bulkDelaySeconds } = settings.proof;
  // As few executions as SQS allows: each has a session of Aurora, and what one leaves the next finds.
  const gather = (windowSeconds: number) =>
    windowSeconds === 0 ? { batchSize: 10, executionsMax: 2 } : { batchSize: 1000, windowSeconds, executionsMax: 2 };
  mapQueue(scope, 'SealCritical', verb, data.sealCritical, gather(criticalWindowSeconds));
  // Their queue held them back already; now many may come at once.
  mapQueue(scope, 'SealBulk', verb, data.sealBulk, gather(Math.min(bulkDelaySeconds, 1)));
  return verb;
}

/** Seals what is due, announced or not, and lets every log tell daily that it is alive. */
export const makeSealSweep = (scope: Construct, props: ProofProps): Verb =>
  makeSealer(scope, 'Sweep', 'sweep', props, {
    memoryMb: 1769,
    timeoutSeconds: proofTimeoutSeconds.sweep,
    environment: { CONTROL_BUCKET: props.data.control.bucketName },
    // Merge delays are in a tenant's policy.
    permissions: readObjects(props.data, props.data.control, 'tenants/'),
    // Two at once would look at everything twice.
    ...(props.settings.deploy.canary ? { reservedConcurrency: 1 } : {}),
  });

function makeSealer(
  scope: Construct,
  id: string,
  name: (typeof signers)[number],
  props: ProofProps,
  how: Omit<VerbProps, 'bundle' | 'roleName' | 'inside'>,
): Verb {
  const { data, settings } = props;
  const { host, archiveLockDays, witnesses } = settings.proof;
  const database = speaksPostgres(data, settings.stage, props.inside, 'trailkeep_sealer');
  return makeVerb(scope, id, props, {
    ...how,
    bundle: `proof-${name}`,
    roleName: signerRoleName(scope, settings.stage, name),
    inside: database.inside,
    environment: {
      ...database.environment,
      ...recording(data),
      ...how.environment,
      EVIDENCE_BUCKET: data.evidence.bucketName,
      ...(archiveLockDays === undefined ? {} : { EVIDENCE_LOCK_DAYS: String(archiveLockDays) }),
      SIGNING_KEY_ARN: data.signingKey.keyArn,
      LOG_HOST: host,
      // Whom `policy.txt` names, and where they are asked; with none of them nothing is sent.
      WITNESSES: JSON.stringify(witnesses),
      ANCHOR_QUEUE_URL: data.anchor.queueUrl,
    },
    permissions: [
      ...database.permissions,
      ...writeLogs(data),
      ...(archiveLockDays === undefined ? [] : lockArchived(data)),
      ...signCheckpoints(data),
      ...send(data.critical),
      ...send(data.anchor),
      ...how.permissions,
    ],
  });
}

/** Brings a log back after a restore. API Gateway stops listening after 29 s; the work goes on, and a repeat tells of it. */
export function makeRecover(scope: Construct, props: ProofProps): Verb {
  const { data, settings } = props;
  const database = speaksPostgres(data, settings.stage, props.inside, 'trailkeep_recovery');
  return makeVerb(scope, 'Recover', props, {
    bundle: 'proof-recover',
    memoryMb: 1769,
    timeoutSeconds: proofTimeoutSeconds.recover,
    inside: database.inside,
    environment: {
      ...database.environment,
      ...recording(data),
      EVIDENCE_BUCKET: data.evidence.bucketName,
      SEGMENTS_BUCKET: data.segments.bucketName,
      SIGNING_KEY_ARN: data.signingKey.keyArn,
      LOG_DRAIN_SECONDS: String(proofTimeoutSeconds.recover),
    },
    permissions: [
      ...database.permissions,
      ...writeLogs(data),
      ...renewIncarnation(data),
      ...listObjects(data.segments),
      ...readPresent(data, data.segments, 'segments/'),
      ...writeObjects(data, data.segments, 'segments/'),
      ...readSigningKey(data),
      ...send(data.critical),
    ],
  });
}

/** To read again what is stored and sealed, as a login that can change none of it. */
function verifies({ data, settings, inside }: ProofProps) {
  const database = speaksPostgres(data, settings.stage, inside, 'trailkeep_verifier');
  return {
    memoryMb: 1769,
    timeoutSeconds: proofTimeoutSeconds.verify,
    inside: database.inside,
    environment: {
      ...database.environment,
      ...recording(data),
      EVIDENCE_BUCKET: data.evidence.bucketName,
      SEGMENTS_BUCKET: data.segments.bucketName,
      ARCHIVE_BUCKET: data.archive.bucketName,
      SIGNING_KEY_ARN: data.signingKey.keyArn,
    },
    permissions: [
      ...database.permissions,
      ...readLogs(data),
      ...readObjects(data, data.segments, 'segments/'),
      ...readObjects(data, data.archive, 'audit-logs', 'index/'),
      ...readSigningKey(data),
      ...send(data.critical),
    ],
  };
}

/** All tenants' trails, by the clock. */
export const makeVerify = (scope: Construct, props: ProofProps): Verb =>
  makeVerb(scope, 'Verify', props, {
    ...verifies(props),
    bundle: 'proof-verify',
    // Two at once would read everything twice.
    ...(props.settings.deploy.canary ? { reservedConcurrency: 1 } : {}),
  });

/** One tenant's, when a job asks. */
export function makeVerifyPart(scope: Construct, props: ProofProps): Verb {
  const { data } = props;
  const common = verifies(props);
  const answers = answersRuns(data);
  const verb = makeVerb(scope, 'VerifyPart', props, {
    ...common,
    bundle: 'proof-verify-part',
    environment: { ...common.environment, ...answers.environment },
    permissions: [...common.permissions, ...answers.permissions, ...consume(data.verifyParts.queueArn)],
  });
  mapQueue(scope, 'VerifyPart', verb, data.verifyParts, { batchSize: 1, executionsMax: 2 });
  return verb;
}
