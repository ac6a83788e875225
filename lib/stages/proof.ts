/** Proof: the log of each tenant, sealed, proved, anchored and verified. */
import { Construct } from 'constructs';
import { type DataStack, proofTimeoutSeconds } from '../data-stack.ts';
import { speaksPostgres } from '../parts/database-env.ts';
import { type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import {
  addCosignatures,
  consume,
  openFields,
  readArchive,
  readLogs,
  readObjects,
  send,
  writeObjects,
} from '../parts/grants.ts';
import { mapQueue } from '../parts/mapping.ts';
import { makeRecover, makeSeal, makeSealSweep, makeVerify, makeVerifyPart } from './sealing.ts';

export interface ProofProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Proof extends Construct {
  readonly seal: Verb;
  readonly sweep: Verb;
  readonly recover: Verb;
  readonly verify: Verb;
  readonly verifyPart: Verb;
  readonly logs: Verb;
  readonly tiles: Verb;
  readonly prove: Verb;
  readonly range: Verb;
  readonly exports: Verb;
  readonly build: Verb;
  readonly anchor: Verb;
  readonly anchorSweep: Verb;

  constructor(scope: Construct, id: string, props: ProofProps) {
    super(scope, id);
    const { data, settings } = props;
    this.seal = makeSeal(this, props);
    this.sweep = makeSealSweep(this, props);
    this.recover = makeRecover(this, props);
    this.verify = makeVerify(this, props);
    this.verifyPart = makeVerifyPart(this, props);
    const database = speaksPostgres(data, settings.stage, props.inside);
    const reading = {
      timeoutSeconds: 29,
      memoryMb: 1024,
      canary: true,
      inside: database.inside,
      environment: { ...database.environment, EVIDENCE_BUCKET: data.evidence.bucketName },
      permissions: [...database.permissions, ...readLogs(data)],
    };
    const queues = { CRITICAL_QUEUE_URL: data.critical.queueUrl, BULK_QUEUE_URL: data.bulk.queueUrl };
    // Who takes a proof out is recorded before the answer.
    const recording = {
      ...reading,
      environment: { ...reading.environment, ...queues },
      permissions: [...reading.permissions, ...send(data.bulk)],
    };
    // Events as they are stored, and whether an erased person's fields can still be opened.
    const opening = {
      environment: {
        SEGMENTS_BUCKET: data.segments.bucketName,
        ARCHIVE_BUCKET: data.archive.bucketName,
        TENANT_KEYS_KEY_ARN: data.tenantKeys.keyArn,
      },
      permissions: [...readObjects(data, data.segments, 'segments/'), ...readArchive(data), ...openFields(data)],
    };
    const exporting = { CONTROL_BUCKET: data.control.bucketName, EXPORT_QUEUE_URL: data.exports.queueUrl };
    this.logs = makeVerb(this, 'Logs', props, { ...reading, bundle: 'proof-logs' });
    this.tiles = makeVerb(this, 'Tiles', props, { ...reading, bundle: 'proof-tiles' });
    this.range = makeVerb(this, 'Range', props, { ...recording, bundle: 'proof-range' });
    this.prove = makeVerb(this, 'Prove', props, {
      ...recording,
      bundle: 'proof-prove',
      environment: { ...recording.environment, ...opening.environment },
      permissions: [...recording.permissions, ...opening.permissions],
    });

    this.exports = makeVerb(this, 'Exports', props, {
      ...reading,
      bundle: 'proof-exports',
      environment: { ...database.environment, ...queues, ...exporting },
      // Asking for one and taking it away are critical events.
      permissions: [
        ...database.permissions,
        ...readObjects(data, data.control, 'exports/'),
        ...send(data.critical, data.exports),
      ],
    });
    this.build = makeVerb(this, 'Build', props, {
      ...reading,
      bundle: 'proof-build',
      canary: false,
      memoryMb: 1769,
      timeoutSeconds: proofTimeoutSeconds.build,
      environment: { ...reading.environment, ...exporting, ...opening.environment },
      permissions: [
        ...reading.permissions,
        ...opening.permissions,
        ...writeObjects(data, data.control, 'exports/'),
        ...send(data.exports),
        ...consume(data.exports.queueArn),
      ],
    });
    // Each takes minutes of a whole function; as few at once as SQS allows.
    mapQueue(this, 'Exports', this.build, data.exports, { batchSize: 1, executionsMax: 2 });

    // Outside the VPC, which has no way to a witness; they need the bucket and nothing of Postgres.
    const asking = {
      environment: {
        EVIDENCE_BUCKET: data.evidence.bucketName,
        WITNESSES: JSON.stringify(settings.proof.witnesses),
        ANCHOR_QUEUE_URL: data.anchor.queueUrl,
      },
      permissions: readLogs(data),
    };
    this.anchor = makeVerb(this, 'Anchor', props, {
      ...asking,
      bundle: 'proof-anchor',
      memoryMb: 512,
      timeoutSeconds: proofTimeoutSeconds.anchor,
      permissions: [...asking.permissions, ...addCosignatures(data), ...consume(data.anchor.queueArn)],
    });
    // A witness is asked about one log after the other; as few at once as SQS allows are kind to it.
    mapQueue(this, 'Anchor', this.anchor, data.anchor, { batchSize: 10, executionsMax: 2 });
    this.anchorSweep = makeVerb(this, 'AnchorSweep', props, {
      ...asking,
      bundle: 'proof-anchor-sweep',
      memoryMb: 512,
      timeoutSeconds: 300,
      permissions: [...asking.permissions, ...send(data.anchor)],
    });
  }
}
