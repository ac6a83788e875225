/** A place to measure in: a real PostgreSQL with fsync, the local S3 and SQS, and our drivers over both. */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import postgres, { type Sql } from 'postgres';
import { uuidv7 } from '#core/event/uuid.ts';
import type { SubjectKeys } from '#core/privacy/ports.ts';
import type { SealPorts } from '#functions/record/seal.ts';
import { startPostgres } from '#local/postgres.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { nodeCipher } from '#stores/crypto/cipher.ts';
import { connect } from '#stores/postgres/connect.ts';
import { migrate, putContextKey, readMigrations } from '#stores/postgres/migrate.ts';
import { PostgresSubjectKeys } from '#stores/privacy/subject-keys.ts';
import { TenantKeyStore } from '#stores/privacy/tenant-keys.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { S3Segments } from '#stores/s3/segments.ts';

/** Signs tenant contexts. */
export const contextKey: Uint8Array = Buffer.alloc(32, 7);

export interface Place {
  /** As the superuser: for peers and for looking at what was stored. */
  readonly ownerSql: Sql;
  readonly segments: S3Segments;
  readonly archive: S3ArchiveObjects;
  /** Where everything lies; objects are plain files below it. */
  readonly folder: string;
  readonly queueUrl: string;
  /** What sealing needs, as one execution environment has it. */
  sealPorts(sql: Sql): SealPorts & { readonly subjectKeys: SubjectKeys };
  /** As one of our roles logs in, the application's unless said otherwise. */
  login(
    connections: number,
    user?: 'trailkeep_app' | 'trailkeep_sealer' | 'trailkeep_archiver' | 'trailkeep_loader',
  ): Sql;
  close(): Promise<void>;
}

/** A fresh UUIDv7. */
export const newId = (now: Date): string => uuidv7(now.getTime(), randomBytes(10));

export async function startPlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-bench-'));
  // PostgreSQL runs as another user when we run as root.
  chmodSync(folder, 0o711);
  const cloud = await startCloudProcess(join(folder, 'cloud'));
  Object.assign(process.env, cloud.env);
  const server = await startPostgres({ folder: join(folder, 'postgres'), durable: true });
  const { host, port } = server;
  const ownerSql = postgres({ host, port, database: 'postgres', user: 'postgres', max: 2, onnotice: () => {} });
  await migrate(ownerSql, await readMigrations(new URL('../sql/migrations/', import.meta.url).pathname));
  await putContextKey(ownerSql, contextKey);
  await ownerSql`select record.ensure_partitions((now() - interval '2 months')::date, 4)`;
  const client = new S3Client(clientSettings);
  const opened: Sql[] = [];
  return {
    ownerSql,
    segments: new S3Segments(client, 'segments'),
    archive: new S3ArchiveObjects(client, 'archive'),
    folder,
    queueUrl: cloud.queueUrl,
    sealPorts: (sql) => ({
      control: { tenant: async () => undefined },
      subjectKeys: new PostgresSubjectKeys(
        sql,
        contextKey,
        new TenantKeyStore(sql, contextKey, new KMSClient(clientSettings), cloud.keyArn),
      ),
      cipher: nodeCipher,
      random: (bytes) => randomBytes(bytes),
    }),
    login(connectionsMax, user = 'trailkeep_app') {
      const sql = connect({
        host,
        port,
        database: 'postgres',
        user,
        sslMode: 'disable',
        connectionsMax,
        statementMsMax: 60_000,
      });
      opened.push(sql);
      return sql;
    },
    async close() {
      await Promise.all([ownerSql, ...opened].map((sql) => sql.end({ timeout: 1 })));
      client.destroy();
      await server.stop();
      cloud.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startCloudProcess(folder: string) {
  const child = fork(new URL('./cloud-process.ts', import.meta.url).pathname, [folder]);
  return new Promise<{ env: Record<string, string>; queueUrl: string; keyArn: string; stop(): void }>(
    (resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the local cloud ended with ${code}`)));
      child.once('message', (message) => {
        const said = message as { env: Record<string, string>; queueUrl: string; keyArn: string };
        child.removeAllListeners('exit');
        resolve({ ...said, stop: () => child.disconnect() });
      });
    },
  );
}
