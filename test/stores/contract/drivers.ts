/** Every driver of the record path against one cloud: the contract suites, and what needs a real queue to be seen. */
import {
  CopyObjectCommand,
  CreateBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { describe, expect, test } from 'vitest';
import { ed25519Type, formatVerifier } from '#core/proof/note.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { nodeProofCrypto as crypto } from '#stores/crypto/proof-crypto.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { S3Claims } from '#stores/s3/claims.ts';
import { S3Control, S3Publisher } from '#stores/s3/control.ts';
import { getJson } from '#stores/s3/documents.ts';
import { S3LogDirectory } from '#stores/s3/log-directory.ts';
import { S3LogStore } from '#stores/s3/log-store.ts';
import { decodeSidecar, sidecarKey } from '#stores/s3/segment-index.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { S3WitnessState } from '#stores/s3/witness-state.ts';
import { SnsAnnouncer } from '#stores/sns/announcer.ts';
import { SqsDeadLetterDesk } from '#stores/sqs/dead-letter-desk.ts';
import { SqsDeadLetters } from '#stores/sqs/dead-letters.ts';
import { SqsIntakeQueues } from '#stores/sqs/intake-queues.ts';
import { SqsOutlet } from '#stores/sqs/outlet.ts';
import { deriveKey, SsmSecrets } from '#stores/ssm/secrets.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { idAt, linesOf } from '#test/support/lines.ts';
import { archiveObjectsContract } from './archive-objects.ts';
import { claimsContract } from './claims.ts';
import { controlContract } from './control.ts';
import { logStoreContract } from './log-store.ts';
import { outletContract } from './outlet.ts';
import { segmentsContract } from './segments.ts';
import { witnessContract } from './witness.ts';

/**
 * `endpoint` answers where the cloud listens; it is asked when tests run. `namesSource`: the cloud says of a message
 * that it moved to a dead-letter queue where it came from (DeadLetterQueueSourceArn), as AWS does.
 */
export function driversContract(endpoint: () => string, { namesSource }: { readonly namesSource: boolean }): void {
  const settings = () => ({
    ...clientSettings,
    endpoint: endpoint(),
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  let names = 0;
  const fresh = (kind: string) => `${kind}-${process.pid}-${++names}`;
  const bucket = async () => {
    const client = new S3Client(settings());
    const Bucket = fresh('bucket');
    const CreateBucketConfiguration = { LocationConstraint: 'eu-west-1' } as const;
    await client.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
    return { client, Bucket };
  };
  const queue = async (client: SQSClient, Attributes: Record<string, string> = {}) => {
    const name = fresh('queue');
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes }));
    return { name, url: QueueUrl! };
  };
  const attributeOf = async (
    client: SQSClient,
    QueueUrl: string,
    name: 'QueueArn' | 'RedrivePolicy' | 'VisibilityTimeout',
  ) => {
    const answer = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [name] }));
    return answer.Attributes![name]!;
  };
  /** Takes everything from a queue. */
  const drain = async (client: SQSClient, QueueUrl: string) => {
    const bodies: string[] = [];
    for (;;) {
      const input = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 };
      const { Messages = [] } = await client.send(new ReceiveMessageCommand(input));
      if (Messages.length === 0) return bodies;
      for (const { Body, ReceiptHandle } of Messages) {
        bodies.push(Body!);
        await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  };

  describe('outlet on SQS', () => {
    outletContract(async () => {
      const client = new SQSClient(settings());
      const { url } = await queue(client);
      return { outlet: new SqsOutlet(client, url), received: () => drain(client, url) };
    });
  });

  describe('archive files on S3', () => {
    archiveObjectsContract(async () => {
      const { client, Bucket } = await bucket();
      const StorageClass = 'DEEP_ARCHIVE';
      const freeze = (Key: string) =>
        client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${Key}`, StorageClass }));
      return { objects: new S3ArchiveObjects(client, Bucket), freeze };
    });
  });

  describe('segments on S3', () => {
    segmentsContract(async () => {
      const { client, Bucket } = await bucket();
      return new S3Segments(client, Bucket);
    });

    test('the sidecar alone tells all that the catalogue keeps', async () => {
      const { client, Bucket } = await bucket();
      const now = new Date('2026-03-01T00:00:00.000Z');
      const lines = linesOf(500, (n) => ({ tenant: n % 2 ? tenantA : tenantB }));
      const plan = planSegment(lines, { id: idAt(now.getTime(), 1), tier: 'critical', now });
      const segment = await new S3Segments(client, Bucket).write(plan);
      const sidecar = await getJson<object>(client, Bucket, sidecarKey(segment.key));
      expect(decodeSidecar(JSON.stringify(sidecar))).toEqual(segment);
    });

    test('a sidecar that a crash left alone is listed, and removed with its segment', async () => {
      const { client, Bucket } = await bucket();
      const segments = new S3Segments(client, Bucket);
      const now = new Date('2026-03-01T00:00:00.000Z');
      const orphan = planSegment([], { id: idAt(now.getTime(), 1), tier: 'bulk', now }).key;
      await client.send(new PutObjectCommand({ Bucket, Key: sidecarKey(orphan), Body: '{}' }));
      const whole = await segments.write(planSegment(linesOf(1), { id: idAt(now.getTime(), 2), tier: 'bulk', now }));
      const listed = await Array.fromAsync(segments.list(now, new Date(now.getTime() + 1000)));
      expect(listed.map(({ key }) => key)).toEqual([orphan, whole.key]);
      for (const { key } of listed) await segments.remove(key);
      expect((await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
    });
  });

  describe('control on S3', () => {
    controlContract(async () => {
      const { client, Bucket } = await bucket();
      return { control: new S3Control(client, Bucket), publisher: new S3Publisher(client, Bucket) };
    });
  });

  describe('logs on S3', () => {
    logStoreContract(async () => {
      const { client, Bucket } = await bucket();
      return new S3LogStore(client, Bucket);
    });
  });

  describe('a witness on S3', () => {
    witnessContract('S3', async () => {
      const { client, Bucket } = await bucket();
      return new S3WitnessState(client, Bucket, { crypto });
    });

    test('knows the logs of its deployment and those of logs.txt, which an operator may change', async () => {
      const { client, Bucket } = await bucket();
      const vkey = (name: string) => formatVerifier(crypto, name, ed25519Type, new Uint8Array(32).fill(9));
      const problems: string[] = [];
      let now = 0;
      const state = new S3WitnessState(client, Bucket, {
        crypto,
        logs: `log ${vkey('first.example')}`,
        onProblem: (problem) => problems.push(problem),
        now: () => now,
      });
      const known = async () =>
        (await state.logs())('first.example').length + (await state.logs())('second.example').length;
      expect(await known()).toBe(1);
      const Body = `log ${vkey('second.example')}\nnonsense\n`;
      await client.send(new PutObjectCommand({ Bucket, Key: 'logs.txt', Body }));
      expect(await known()).toBe(1);
      now = 61_000;
      expect(await known()).toBe(2);
      expect(problems).toEqual([expect.stringContaining('line 3')]);
    });
  });

  test('the directory of logs has each once, however much it holds, and nothing else', async () => {
    const { client, Bucket } = await bucket();
    const put = (Key: string) => client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const slugs = ['a', 'b', 'c'].map((letter) => letter.repeat(26));
    for (const slug of slugs)
      for (const path of ['checkpoint', 'tile/0/000', 'keys.txt']) await put(`t/${slug}/${path}`);
    for (const key of ['incarnation', 't/short/checkpoint', 't/file', `u/${slugs[0]}/checkpoint`]) await put(key);
    expect(await Array.fromAsync(new S3LogDirectory(client, Bucket).slugs())).toEqual(slugs);
  });

  describe('claims on S3', () => {
    claimsContract(async () => {
      const { client, Bucket } = await bucket();
      return new S3Claims(client, Bucket);
    });
  });

  describe('dead letters', () => {
    const open = async () => {
      const client = new SQSClient(settings());
      const dead = await queue(client);
      const deadLetterTargetArn = await attributeOf(client, dead.url, 'QueueArn');
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 });
      const bulk = await queue(client, { RedrivePolicy });
      const critical = await queue(client, { RedrivePolicy });
      const desk = new SqsDeadLetterDesk(client, [
        { name: 'bulk', url: bulk.url, deadLetterUrl: dead.url },
        { name: 'critical', url: critical.url, deadLetterUrl: dead.url },
      ]);
      return { client, dead, bulk, critical, desk, letters: new SqsDeadLetters(client, dead.url) };
    };
    const letter = { body: '{"a":1}', messageId: 'm1', code: 'json_invalid', reason: 'A brace is missing.' };

    test('a look shows why and leaves the message where it is', async () => {
      const { letters, desk, bulk } = await open();
      await letters.bury({ ...letter, source: bulk.name });
      for (let look = 0; look < 3; look++) {
        expect(await desk.peek('bulk', 10)).toMatchObject([
          {
            code: 'json_invalid',
            reason: 'The body is not valid JSON.',
            source: bulk.name,
            bytes: 7,
            shape: { '?1': 'number' },
          },
        ]);
      }
      expect(await desk.list()).toContainEqual({ queue: 'bulk', visible: 1, inFlight: 0 });
    });

    test('a redrive takes each message home once, those we buried and those SQS moved, from a queue they share', async () => {
      const { client, letters, desk, bulk, critical, dead } = await open();
      await letters.bury({ ...letter, body: 'buried', source: critical.name });
      const forged = { source: { DataType: 'String', StringValue: critical.name } };
      const sent = { QueueUrl: bulk.url, MessageBody: 'moved', MessageAttributes: namesSource ? forged : {} };
      await client.send(new SendMessageCommand(sent));
      for (let receive = 0; receive < 2; receive++) {
        await client.send(new ReceiveMessageCommand({ QueueUrl: bulk.url, VisibilityTimeout: 0 }));
      }
      expect(await desk.redrive('bulk')).toBe(2);
      expect(await drain(client, critical.url)).toEqual(['buried']);
      expect(await drain(client, bulk.url)).toEqual(['moved']);
      expect(await drain(client, dead.url)).toEqual([]);
      expect(await desk.redrive('bulk')).toBe(0);
    });

    test('a message whose queue is gone stays, and does not hold up the others', async () => {
      const { client, letters, desk, bulk } = await open();
      await letters.bury({ ...letter, source: 'gone' });
      await letters.bury({ ...letter, body: 'home', source: bulk.name });
      expect(await desk.redrive('bulk')).toBe(1);
      expect(await drain(client, bulk.url)).toEqual(['home']);
      expect(await desk.peek('bulk', 10)).toMatchObject([{ source: 'gone' }]);
    });

    test('a redrive moves no more than it was told', async () => {
      const { letters, desk, bulk } = await open();
      for (let n = 0; n < 12; n++) await letters.bury({ ...letter, body: `b${n}`, source: bulk.name });
      expect(await desk.redrive('bulk', 11)).toBe(11);
      expect(await desk.peek('bulk', 10)).toHaveLength(1);
    });

    test('a queue that nobody named is not found', async () => {
      const { desk } = await open();
      await expect(desk.peek('other', 1)).rejects.toMatchObject({ fault: { code: 'not_found' } });
      await expect(desk.redrive('other')).rejects.toMatchObject({ fault: { code: 'not_found' } });
    });
  });

  describe('intake queues', () => {
    test('opening twice, and twice at once, gives one queue that ends in the dead-letter queue', async () => {
      const client = new SQSClient(settings());
      const dead = await queue(client);
      const mapped: string[] = [];
      const mappings = { ensure: async (arn: string) => void mapped.push(arn) };
      const queues = new SqsIntakeQueues(client, mappings, { prefix: fresh('in'), deadLetterUrl: dead.url });
      expect(await queues.find(tenantA)).toBeUndefined();
      const [first, second] = await Promise.all([queues.open(tenantA), queues.open(tenantA)]);
      expect(second).toEqual(first);
      expect(await queues.find(tenantA)).toEqual(first);
      expect((await queues.open(tenantB)).queueUrl).not.toBe(first.queueUrl);
      expect(first.queueName).not.toContain(tenantA.slice(-6));
      expect(mapped.filter((arn) => arn === first.queueArn)).toHaveLength(2);
      const policy = JSON.parse(await attributeOf(client, first.queueUrl, 'RedrivePolicy'));
      expect(policy.deadLetterTargetArn).toBe(await attributeOf(client, dead.url, 'QueueArn'));
      expect(Number(await attributeOf(client, first.queueUrl, 'VisibilityTimeout'))).toBeGreaterThanOrEqual(360);
    });
  });

  test('the root secret is made once and read back, and labels give different keys', async () => {
    const parameter = `/${fresh('trailkeep')}/root`;
    const secrets = new SsmSecrets(new SSMClient(settings()), parameter);
    await expect(secrets.rootSecret()).rejects.toMatchObject({ name: 'ParameterNotFound' });
    expect(await secrets.createIfAbsent(new Uint8Array(32).fill(1))).toBe(true);
    expect(await secrets.createIfAbsent(new Uint8Array(32).fill(2))).toBe(false);
    const secret = await secrets.rootSecret();
    expect(secret).toEqual(new Uint8Array(32).fill(1));
    expect(deriveKey(secret, 'a')).not.toEqual(deriveKey(secret, 'b'));
    expect(deriveKey(secret, 'a')).toHaveLength(32);
  });

  test('an announcement reaches who subscribed', async () => {
    const sns = new SNSClient(settings());
    const sqs = new SQSClient(settings());
    const { url } = await queue(sqs);
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: fresh('topic') }));
    const Endpoint = await attributeOf(sqs, url, 'QueueArn');
    await sns.send(
      new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint, Attributes: { RawMessageDelivery: 'true' } }),
    );
    const batch = { segment: 's', key: 'k', tier: 'bulk', tenants: [tenantA] } as const;
    await new SnsAnnouncer(sns, TopicArn!).announce(batch);
    await expect.poll(() => drain(sqs, url), { timeout: 10_000 }).toEqual([JSON.stringify({ v: 1, ...batch })]);
  });
}
