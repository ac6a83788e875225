import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { startCloud } from '#local/cloud/cloud.ts';
import { SqsDeadLetterDesk } from '#stores/sqs/dead-letter-desk.ts';
import { SqsDeadLetters } from '#stores/sqs/dead-letters.ts';

test('what is still at fault comes back once, and does not go round while we look', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-redrive-'));
  const cloud = await startCloud({ folder });
  const client = new SQSClient({
    endpoint: cloud.url,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  const home = cloud.sqs.createQueue('home');
  const dead = cloud.sqs.createQueue('dead');
  const deadLetters = new SqsDeadLetters(client, dead);
  const desk = new SqsDeadLetterDesk(client, [{ name: 'dead', url: dead, deadLetterUrl: dead }]);
  const letters = ['a', 'b', 'c'];
  for (const body of letters) {
    await deadLetters.bury({ body, source: 'home', messageId: body, code: 'event_invalid', reason: 'It is bad.' });
  }

  // The consumer of the home queue finds the same fault at once and buries again.
  let ending = false;
  const consumer = (async () => {
    while (!ending) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl: home, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      );
      for (const message of Messages) {
        await deadLetters.bury({
          body: message.Body!,
          source: 'home',
          messageId: 'again',
          code: 'event_invalid',
          reason: 'It is bad.',
        });
        await client.send(new DeleteMessageCommand({ QueueUrl: home, ReceiptHandle: message.ReceiptHandle! }));
      }
    }
  })();

  expect(await desk.redrive('dead')).toBe(3);
  await expect.poll(() => [cloud.sqs.depth('home'), cloud.sqs.depth('dead')], { timeout: 10_000 }).toEqual([0, 3]);
  ending = true;
  await consumer;
  await cloud.close();
  rmSync(folder, { recursive: true, force: true });
});
