/** A cloud as a process of its own, so that a test can kill it. Says its address and then waits to die. */
import { startCloud } from '#local/cloud/cloud.ts';

const [folder, fsync] = process.argv.slice(2);
const cloud = await startCloud({ folder: folder!, fsync: fsync === 'fsync' });
cloud.s3.createBucket('bucket');
cloud.s3.createBucket('versions', { versioning: true });
cloud.sqs.createQueue('queue', { VisibilityTimeout: '600' });
process.send?.(cloud.url);
