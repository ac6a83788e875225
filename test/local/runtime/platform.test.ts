import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCloud } from '#local/cloud/start.ts';
import { FolderInUse, lockFolder } from '#local/lock.ts';
import { type Platform, startPlatform } from '#local/platform.ts';
import { synthesizeFixture } from './fixture/app.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-platform-'));
// PostgreSQL runs as another user when the tests run as root.
chmodSync(folder, 0o711);
const state = join(folder, 'state');
const notes = join(folder, 'notes');
const outdir = join(folder, 'cdk.out');
const notices: string[] = [];
let platform: Platform;

const start = () =>
  startPlatform({
    folder: state,
    port: 0,
    assembly: async () => outdir,
    startServices: startCloud,
    durable: false,
    notice: (line) => notices.push(line),
  });

beforeAll(async () => {
  synthesizeFixture({ outdir, notes });
  platform = await start();
});
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Noted {
  readonly body: string;
  readonly count: number;
}
const noted = (): Noted[][] =>
  readFileSync(notes, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('['))
    .map((line) => JSON.parse(line) as Noted[]);
const countsOf = (body: string) =>
  noted()
    .flat()
    .filter((one) => one.body === body)
    .map(({ count }) => count);

async function echoedEnv(): Promise<Record<string, string>> {
  const response = await fetch(`${platform.apiUrl}/open`);
  const { env } = (await response.json()) as { env: Record<string, string> };
  return env;
}
const queueUrl = async () => (await echoedEnv()).QUEUE_URL!;

describe('a queue', () => {
  test('is worked off, in batches of no more than the template says', async () => {
    const url = await queueUrl();
    await Promise.all(Array.from({ length: 25 }, (_, index) => platform.sqs.send(url, `fine ${index}`)));
    await platform.settled();
    expect(
      new Set(
        noted()
          .flat()
          .map(({ body }) => body),
      ).size,
    ).toBe(25);
    expect(Math.max(...noted().map((batch) => batch.length))).toBeLessThanOrEqual(10);
  });

  test('gives only what failed again, and after the last try to the dead-letter queue', async () => {
    const url = await queueUrl();
    const dead = url.replace(/places-queue.*/, '') + deadName();
    await Promise.all(['fail one', 'good one'].map((body) => platform.sqs.send(url, body)));
    await platform.settled();
    expect(countsOf('good one')).toEqual([1]);
    expect(countsOf('fail one')).toEqual([1, 2]);
    expect(await platform.sqs.depth(dead)).toBe(1);
  });

  test('gives the whole batch again when the function throws or its worker dies', async () => {
    const url = await queueUrl();
    await platform.sqs.send(url, 'die once');
    await platform.settled();
    expect(countsOf('die once')).toEqual([1, 2]);
    expect(notices.some((line) => line.startsWith('fixture-consume crashed'))).toBe(true);
  });
});

test('a key of the template is one of the local KMS, with the ARN that functions are told, and is kept', async () => {
  const open = async () => {
    const { KEY_ARN: KeyId, AWS_ENDPOINT_URL_KMS } = await echoedEnv();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    return { KeyId, kms: new KMSClient({ endpoint: AWS_ENDPOINT_URL_KMS!, region: 'eu-west-1', credentials }) };
  };
  const before = await open();
  const { CiphertextBlob } = await before.kms.send(
    new EncryptCommand({ KeyId: before.KeyId, Plaintext: Buffer.from('x') }),
  );
  await platform.stop();
  platform = await start();
  const after = await open();
  const { Plaintext, KeyId } = await after.kms.send(new DecryptCommand({ CiphertextBlob }));
  expect([Buffer.from(Plaintext!).toString(), KeyId]).toEqual(['x', before.KeyId]);
});

describe('a start', () => {
  test('a second start on the folder is refused; a lock whose holder is gone is not', async () => {
    await expect(start()).rejects.toThrow(FolderInUse);
    const other = join(folder, 'other');
    lockFolder(other)();
    writeFileSync(join(other, 'lock'), '999999999');
    lockFolder(other)();
  });

  test('a start that fails leaves nothing behind', async () => {
    const broken = join(folder, 'broken');
    const failing = startPlatform({
      folder: broken,
      port: 0,
      assembly: async () => Promise.reject(new Error('no template')),
      startServices: startCloud,
      durable: false,
    });
    await expect(failing).rejects.toThrow('no template');
    lockFolder(broken)();
  });
});

/** The name that CDK's dead-letter queue has here. */
function deadName(): string {
  const template = readFileSync(join(outdir, 'Places.template.json'), 'utf8');
  const { Resources } = JSON.parse(template) as { Resources: Record<string, { Type: string }> };
  const id = Object.keys(Resources).find((one) => one.startsWith('Dead'))!;
  return `places-${id}`.toLowerCase();
}
