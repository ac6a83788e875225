/** Where logs live and what signs them: the bucket and the key that have rules of their own. */
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccountRootPrincipal, AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import { makeBucket } from './bucket.ts';

type Conditions = Record<string, Record<string, string | string[]>>;

/** Refuses to everybody, whatever else allows it. */
const refuse = (sid: string, actions: string[], resources: string[], conditions?: Conditions) =>
  new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions,
    resources,
    ...(conditions ? { conditions } : {}),
  });

/** Verbs that sign checkpoints. */
export const signers = ['seal', 'sweep'] as const;

/** The key's policy must name the roles that sign, and knows them before they exist: so they have names. */
export const signerRoleName = (scope: Construct, stage: string, verb: (typeof signers)[number]): string =>
  `trailkeep-${stage}-${Stack.of(scope).region}-proof-${verb}`;

/**
 * Signs checkpoints: Ed25519, whose material never leaves KMS. Only the sealers sign, messages themselves alone, so
 * that a signature is one that verifiers of notes expect. Whoever wants another must change this policy first, and
 * CloudTrail tells of it.
 */
export function makeSigningKey(scope: Construct, id: string, { stage, removal }: Settings): Key {
  const sealers = signers.map((verb) =>
    Stack.of(scope).formatArn({
      service: 'iam',
      region: '',
      resource: 'role',
      resourceName: signerRoleName(scope, stage, verb),
    }),
  );
  const policy = new PolicyDocument({
    statements: [
      new PolicyStatement({ principals: [new AccountRootPrincipal()], actions: ['kms:*'], resources: ['*'] }),
      refuse('OnlySealersSign', ['kms:Sign'], ['*'], { ArnNotEquals: { 'aws:PrincipalArn': sealers } }),
      refuse('OnlyEd25519', ['kms:Sign'], ['*'], {
        StringNotEquals: { 'kms:SigningAlgorithm': 'ED25519_SHA_512' },
      }),
      refuse('OnlyMessages', ['kms:Sign'], ['*'], { StringNotEquals: { 'kms:MessageType': 'RAW' } }),
      // A log whose key is gone can never be continued under its name.
      ...(removal === 'retain' ? [refuse('NobodyEndsIt', ['kms:ScheduleKeyDeletion', 'kms:DisableKey'], ['*'])] : []),
    ],
  });
  return new Key(scope, id, {
    description: 'Trailkeep: signs checkpoints',
    keySpec: KeySpec.ECC_NIST_EDWARDS25519,
    keyUsage: KeyUsage.SIGN_VERIFY,
    policy,
    removalPolicy: removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}

/**
 * The bucket of the logs (stores/s3/log-store.ts says what lies where).
 *
 * There is no default retention: recovery takes away tiles that a lost database had begun. Checkpoints in the archive
 * are locked one by one instead, and a mark of deletion on one, which Object Lock allows, is refused: the guard
 * against a database that was rolled back looks for the newest.
 */
export function makeEvidenceBucket(scope: Construct, id: string, settings: Settings, key: IKey | undefined): Bucket {
  const { removal, aurora, proof } = settings;
  const locked = proof.archiveLockDays !== undefined;
  const bucket = makeBucket(scope, id, {
    removal,
    key: key as IKey,
    locksByObject: locked,
    lifecycleRules: [
      {
        // A tile that recovery took away can be had again as long as there are backups to recover from.
        id: 'old-versions',
        noncurrentVersionExpiration: Duration.days(Math.max(aurora.backupDays, 7)),
        expiredObjectDeleteMarker: true,
      },
    ],
  });
  const archive = bucket.arnForObjects('t/*/checkpoint-archive/*');
  const policy = [
    refuse('EveryWriteIsConditional', ['s3:PutObject'], [bucket.arnForObjects('*')], {
      Null: { 's3:if-none-match': 'true', 's3:if-match': 'true' },
      // Parts of an upload take no conditions; its completion does.
      Bool: { 's3:ObjectCreationOperation': 'true' },
    }),
    ...(locked
      ? [
          refuse('ArchivedIsLocked', ['s3:PutObject'], [archive], {
            StringNotEquals: { 's3:object-lock-mode': 'COMPLIANCE' },
          }),
          refuse('ArchivedStays', ['s3:DeleteObject', 's3:DeleteObjectVersion'], [archive]),
        ]
      : []),
  ];
  for (const statement of policy) bucket.addToResourcePolicy(statement);
  return bucket;
}
