/** What the stories see of the platform. */
import type { S3Client } from '@aws-sdk/client-s3';
import postgres from 'postgres';
import type { TestPlatform } from '#test/support/platform.ts';

/** Physical names of what the stories touch from outside. */
export interface Names {
  readonly control: string;
  readonly segments: string;
  readonly archive: string;
  readonly evidence: string;
  readonly anchor: string;
  readonly critical: string;
  readonly bulk: string;
  readonly criticalDead: string;
  readonly bulkDead: string;
}

export interface World {
  readonly platform: TestPlatform;
  readonly names: Names;
  readonly s3: S3Client;
  /** Calls the API and insists on the answer's status. */
  ask(
    status: number,
    method: string,
    path: string,
    key?: string,
    json?: unknown,
    headers?: Record<string, string>,
  ): Ask;
  /** Sends to a queue as a producer outside the platform. */
  produce(queueUrl: string, body: unknown): Promise<void>;
}
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
type Ask = Promise<any>;

/** Past every rule: for what only time or a crash would bring about. */
export const superuser = ({ postgres: { host, port } }: TestPlatform) =>
  postgres({ host, port, database: 'trailkeep', user: 'postgres', max: 1 });
