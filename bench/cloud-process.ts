/** The local S3 and SQS in a process of their own, so that their work is not counted as ours. */
import { startCloud } from '#local/cloud/cloud.ts';

const cloud = await startCloud({ folder: process.argv[2]! });
cloud.s3.createBucket('segments');
const queueUrl = cloud.sqs.createQueue('critical');
process.send!({ env: cloud.env, queueUrl });
process.on('disconnect', () => process.exit(0));
