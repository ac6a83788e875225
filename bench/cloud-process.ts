/** The local S3, SQS and KMS in a process of their own, so that their work is not counted as ours. */
import { startCloud } from '#local/cloud/cloud.ts';

const cloud = await startCloud({ folder: process.argv[2]! });
cloud.s3.createBucket('segments');
cloud.s3.createBucket('archive');
const queueUrl = cloud.sqs.createQueue('critical');
const keyArn = cloud.kms.createKey('tenant keys');
process.send!({ env: cloud.env, queueUrl, keyArn });
process.on('disconnect', () => process.exit(0));
