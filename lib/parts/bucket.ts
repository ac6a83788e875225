import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type LifecycleRule,
  ObjectLockRetention,
  ObjectOwnership,
  TransitionDefaultMinimumObjectSize,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';

export interface PrivateBucketProps {
  readonly removal: 'destroy' | 'retain';
  readonly key?: IKey | undefined;
  /** Default Object Lock of new objects, governance mode. */
  readonly lockDays?: number | undefined;
  /** Objects may be locked one by one, by whoever writes them; none is by default. */
  readonly locksByObject?: boolean;
  readonly lifecycleRules?: LifecycleRule[];
}

/**
 * A bucket for us alone: versioned, TLS only, nothing public, no ACLs.
 *
 * No `autoDeleteObjects`: it brings a function and a role of CDK's own, and fails under Object Lock.
 */
export function makeBucket(scope: Construct, id: string, props: PrivateBucketProps): Bucket {
  return new Bucket(scope, id, {
    versioned: true,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    // Without a bucket key every PUT and GET is a KMS request.
    ...(props.key
      ? { encryption: BucketEncryption.KMS, encryptionKey: props.key, bucketKeyEnabled: true }
      : { encryption: BucketEncryption.S3_MANAGED }),
    ...(props.lockDays === undefined
      ? {}
      : {
          objectLockEnabled: true,
          objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(props.lockDays)),
        }),
    ...(props.locksByObject ? { objectLockEnabled: true } : {}),
    // Small objects cost more to move and to keep in Glacier than they save.
    transitionDefaultMinimumObjectSize: TransitionDefaultMinimumObjectSize.ALL_STORAGE_CLASSES_128_K,
    lifecycleRules: [
      { id: 'unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ...(props.lifecycleRules ?? []),
    ],
    removalPolicy: props.removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}
