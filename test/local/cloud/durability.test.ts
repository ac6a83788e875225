/** What was acknowledged is there after a kill -9, and an address that was handed out works after a restart. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { PublishCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { S3Store, type Version } from '#local/cloud/s3-store.ts';
import { clientsOf, testCloud } from './cloud.ts';

let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-durable-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the process; resolves with clients for it. */
async function spawned(fsync = '') {
  child = fork(join(import.meta.dirname, 'cloud-process.ts'), [folder, fsync], { execArgv: [], stdio: 'inherit' });
  const [url] = (await once(child, 'message')) as [string];
  return { url, ...clientsOf(url) };
}

/** Kills it in the middle of whatever it does, after this many acknowledgements. */
function killAfter(count: number): () => void {
  let left = count;
  return () => {
    if (--left === 0) child?.kill('SIGKILL');
  };
}

describe.each(['', 'fsync'])('after a kill -9 (%s)', (fsync) => {
  test('no acknowledged message is lost, none that was deleted comes back', async () => {
    const { sqs, url } = await spawned(fsync);
    const QueueUrl = `${url}/000000000000/queue`;
    const sent = new Set<string>();
    const gone = new Set<string>();
    const maybeGone = new Set<string>();
    const acknowledged = killAfter(60);
    const produce = async (lane: number) => {
      for (let n = 0; ; n++) {
        const bodies = Array.from({ length: 10 }, (_, index) => `${lane}-${n}-${index}`);
        const Entries = bodies.map((MessageBody, index) => ({ Id: `${index}`, MessageBody }));
        await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
        for (const body of bodies) sent.add(body);
        acknowledged();
      }
    };
    const consume = async () => {
      for (;;) {
        const input = { QueueUrl, MaxNumberOfMessages: 5, WaitTimeSeconds: 1 };
        const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(input));
        const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
        if (Entries.length === 0) continue;
        for (const { Body } of Messages) maybeGone.add(Body!);
        await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
        for (const { Body } of Messages) gone.add(Body!);
      }
    };
    await Promise.allSettled([produce(1), produce(2), produce(3), consume()]);
    expect(sent.size).toBeGreaterThan(500);
    expect(gone.size).toBeGreaterThan(0);

    const cloud = await testCloud({}, folder);
    const found = new Set<string>();
    for (;;) {
      const input = { QueueUrl, MaxNumberOfMessages: 10 };
      const { Messages = [] } = await cloud.clients.sqs.send(new ReceiveMessageCommand(input));
      if (Messages.length === 0) break;
      for (const { Body } of Messages) found.add(Body!);
    }
    const missing = [...sent].filter((body) => !found.has(body) && !maybeGone.has(body));
    // A receive that was under way at the kill hides up to five; the depth shows that they are kept.
    expect(missing.length).toBeLessThanOrEqual(5);
    expect(cloud.sqs.depth('queue')).toBeGreaterThanOrEqual(found.size + missing.length);
    expect([...gone].filter((body) => found.has(body))).toEqual([]);
    await cloud.close();
  });

  test('every acknowledged object is whole, and an overwritten one is one of its bodies', async () => {
    const { s3 } = await spawned(fsync);
    const kept = new Map<string, string>();
    const acknowledged = killAfter(150);
    let attempted = '';
    const write = async (lane: number) => {
      for (let n = 0; ; n++) {
        const [Key, Body] = [`lane-${lane}/${n}`, `${n}`.repeat(2000)];
        await s3.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body, IfNoneMatch: '*' }));
        kept.set(Key, Body);
        acknowledged();
      }
    };
    const overwrite = async () => {
      for (let n = 0; ; n++) {
        attempted = `${n}`.repeat(2000);
        await s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'same', Body: attempted }));
        kept.set('same', attempted);
        await s3.send(new PutObjectCommand({ Bucket: 'versions', Key: 'same', Body: attempted }));
        acknowledged();
      }
    };
    await Promise.allSettled([write(1), write(2), write(3), overwrite()]);
    expect(kept.size).toBeGreaterThan(100);

    const cloud = await testCloud({}, folder);
    for (const [Key, Body] of kept) {
      const found = await cloud.clients.s3.send(new GetObjectCommand({ Bucket: 'bucket', Key }));
      const text = await found.Body!.transformToString();
      if (Key === 'same') expect([Body, attempted]).toContain(text);
      else expect(text).toBe(Body);
    }
    const { Versions = [] } = await cloud.clients.s3.send(new ListObjectVersionsCommand({ Bucket: 'versions' }));
    const { Contents = [] } = await cloud.clients.s3.send(new ListObjectsV2Command({ Bucket: 'bucket' }));
    // No body is left of writes that nobody was told of.
    expect(readdirSync(join(folder, 's3/.versions'))).toHaveLength(Versions.length + Contents.length);
    await cloud.close();
  });
});

test('at every moment of an overwrite the disk holds the one or the other body', async () => {
  const store = new S3Store(join(folder, 'live'), false);
  store.saveBucket({ name: 'bucket', at: 0 });
  const bucket = store.bucket('bucket');
  const versionOf = async (body: string): Promise<Version> => {
    const file = await store.writeBody(Buffer.from(body));
    return { id: 'null', file, size: 3, etag: '', at: 0, headers: {}, storageClass: 'STANDARD', checksums: {} };
  };
  await store.put(bucket, 'k', await versionOf('one'));
  const next = await versionOf('two');
  let ended = false;
  const overwrite = store.put(bucket, 'k', next).finally(() => {
    ended = true;
  });
  const seen: string[] = [];
  for (let moment = 0; !ended || moment < 3; moment++) {
    // The main thread sleeps while the other threads end what they were told to do.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    // What a process that starts after a kill at this moment would find.
    const copy = join(folder, `${moment}`);
    mkdirSync(join(copy, '.versions'), { recursive: true });
    copyFileSync(join(folder, 'live/.journal.jsonl'), join(copy, '.journal.jsonl'));
    for (const name of readdirSync(join(folder, 'live/.versions')).filter((one) => !one.endsWith('.link'))) {
      copyFileSync(join(folder, 'live/.versions', name), join(copy, '.versions', name));
    }
    const found = new S3Store(copy, false);
    const version = found.current(found.bucket('bucket'), 'k');
    expect(version).toBeDefined();
    seen.push(readFileSync(join(copy, '.versions', version!.file!), 'utf8'));
    found.stop();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await overwrite;
  store.stop();
  expect(new Set(seen)).toEqual(new Set(['one', 'two']));
});

test('a file that is missing under its key, or is an older body, is there again after a start', async () => {
  const first = await testCloud({}, folder);
  first.s3.createBucket('bucket');
  const keys = ['gone', 'folder/gone', 'older', 'fine'];
  for (const Key of keys) await first.clients.s3.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: Key }));
  await first.close();
  const file = (key: string) => join(folder, 's3/bucket', key);
  rmSync(file('gone'));
  rmSync(file('folder'), { recursive: true });
  rmSync(file('older'));
  writeFileSync(file('older'), 'what it was before');
  const second = await testCloud({}, folder);
  expect(keys.map((key) => readFileSync(file(key), 'utf8'))).toEqual(keys);
  await second.close();
});

test('a torn last line of the journal is what was never acknowledged', async () => {
  const cloud = await testCloud({}, folder);
  const QueueUrl = cloud.sqs.createQueue('queue');
  await cloud.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'whole' }));
  await cloud.close();
  appendFileSync(join(folder, 'sqs/journal.jsonl'), '{"o":"put","queue":"queue","message":{"id":"torn","bo');
  const again = await testCloud({}, folder);
  expect(again.sqs.depth('queue')).toBe(1);
  await again.close();
  appendFileSync(join(folder, 'sqs/journal.jsonl'), 'not json\n');
  await expect(testCloud({}, folder)).rejects.toThrow('JSON');
});

test('on another port the same queues, topics, parameters, mappings and objects are there', async () => {
  const first = await testCloud({}, folder);
  const QueueUrl = first.sqs.createQueue('queue', { DelaySeconds: '0' });
  const TopicArn = first.sns.createTopic('topic');
  const Endpoint = first.sqs.arnOf('queue');
  const Attributes = { RawMessageDelivery: 'true' };
  await first.clients.sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint, Attributes }));
  first.ssm.put('/parameter', 'value');
  const mapping = { EventSourceArn: Endpoint, FunctionName: 'intake' };
  await first.clients.lambda.send(new CreateEventSourceMappingCommand(mapping));
  first.s3.createBucket('bucket');
  await first.clients.s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: 'body' }));
  await first.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'before' }));
  await first.close();

  const { port } = new URL(first.url);
  const second = await testCloud({}, folder);
  expect(new URL(second.url).port).not.toBe(port);
  await second.clients.sns.send(new PublishCommand({ TopicArn, Message: 'after' }));
  // The address of the first start, asked for at the second: only its last part counts.
  const answer = await fetch(second.url, {
    method: 'POST',
    headers: { 'x-amz-target': 'AmazonSQS.ReceiveMessage' },
    body: JSON.stringify({ QueueUrl, MaxNumberOfMessages: 10 }),
  });
  const { Messages } = (await answer.json()) as { Messages: { Body: string }[] };
  expect(Messages.map(({ Body }) => Body)).toEqual(['before', 'after']);
  const { Parameter } = await second.clients.ssm.send(new GetParameterCommand({ Name: '/parameter' }));
  expect(Parameter?.Value).toBe('value');
  const mapped: string[] = [];
  second.lambda.onMapping(({ EventSourceArn }) => mapped.push(EventSourceArn));
  expect(mapped).toEqual([Endpoint]);
  const found = await second.clients.s3.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }));
  expect(await found.Body!.transformToString()).toBe('body');
  await second.close();
});

test('a port that is taken is an error, and closing ends a long poll at once', async () => {
  const cloud = await testCloud({}, folder);
  const port = Number(new URL(cloud.url).port);
  await expect(testCloud({ port }, join(folder, 'other'))).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(readdirSync(folder)).not.toContain('other');
  const QueueUrl = cloud.sqs.createQueue('queue');
  const poll = cloud.clients.sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
  const ended = poll.then(
    () => 'answered',
    () => 'cut',
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  await cloud.close();
  expect(['answered', 'cut']).toContain(await ended);
});
