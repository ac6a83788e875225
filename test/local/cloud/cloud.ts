/** A cloud of its own for a test file, and the real SDK clients for it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AthenaClient } from '@aws-sdk/client-athena';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { type Cloud, type CloudOptions, startCloud } from '#local/cloud/cloud.ts';

export interface TestCloud extends Cloud {
  readonly folder: string;
  readonly clients: ReturnType<typeof clientsOf>;
  /** Stops it and starts it again on another port; the clients go with it. */
  restart(): Promise<TestCloud>;
  end(): Promise<void>;
}

export function clientsOf(endpoint: string) {
  const common = {
    endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  };
  return {
    s3: new S3Client({ ...common, forcePathStyle: true }),
    sqs: new SQSClient(common),
    sns: new SNSClient(common),
    ssm: new SSMClient(common),
    kms: new KMSClient(common),
    lambda: new LambdaClient(common),
    athena: new AthenaClient(common),
    scheduler: new SchedulerClient(common),
    secrets: new SecretsManagerClient(common),
  };
}

export async function testCloud(
  options: Partial<CloudOptions> = {},
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-cloud-')),
): Promise<TestCloud> {
  const cloud = await startCloud({ folder, ...options });
  return {
    ...cloud,
    folder,
    clients: clientsOf(cloud.url),
    restart: async () => {
      await cloud.close();
      return testCloud(options, folder);
    },
    end: async () => {
      await cloud.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a call is refused with: its status and the name of its error. */
export async function refusal(call: Promise<unknown>): Promise<{ readonly status: number; readonly name: string }> {
  try {
    await call;
  } catch (error) {
    const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    return { status: $metadata?.httpStatusCode ?? 0, name };
  }
  throw new Error('the call was not refused');
}
