/**
 * A writer as a process of its own, so that it can be killed with SIGKILL: polls one queue and calls the real
 * write verb over the real stores. CRASH_AT names the point and the count at which it kills itself.
 */
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Tier } from '#core/event/event.ts';
import { type WritePorts, write } from '#functions/record/write.ts';
import {
  openAnnouncer,
  openCipher,
  openControl,
  openDeadLetters,
  openLedger,
  openNewId,
  openRandom,
  openSegments,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';

const tier = process.env.TIER as Tier;
const queueUrl = process.env[`${tier.toUpperCase()}_QUEUE_URL`]!;
const [crashPoint, crashCount] = (process.env.CRASH_AT ?? 'never:0').split(':') as [string, string];
const passed = new Map<string, number>();

/** Dies here, without any goodbye, when it is the point and the count. */
function point(name: string): void {
  const count = (passed.get(name) ?? 0) + 1;
  passed.set(name, count);
  if (name === crashPoint && count === Number(crashCount)) process.kill(process.pid, 'SIGKILL');
}

const [segments, ledger, announcer, deadLetters, newId, control, subjectKeys, cipher] = await Promise.all([
  openSegments(),
  openLedger(),
  openAnnouncer(),
  openDeadLetters(),
  openNewId(),
  openControl(),
  openSubjectKeys(),
  openCipher(),
]);
const ports: WritePorts = {
  newId,
  announcer,
  deadLetters,
  control,
  subjectKeys,
  cipher,
  random: openRandom(),
  segments: {
    write: async (plan) => {
      point('before-segment');
      const written = await segments.write(plan);
      point('after-segment');
      return written;
    },
    read: segments.read.bind(segments),
    load: segments.load.bind(segments),
    list: segments.list.bind(segments),
    remove: segments.remove.bind(segments),
  },
  ledger: {
    known: ledger.known.bind(ledger),
    announced: ledger.announced.bind(ledger),
    unannounced: ledger.unannounced.bind(ledger),
    catalogued: ledger.catalogued.bind(ledger),
    adopt: ledger.adopt.bind(ledger),
    forgetMessages: ledger.forgetMessages.bind(ledger),
    commit: async (segment, lines, leaves) => {
      // Some crashes while the transaction is on its way: nobody knows whether it committed.
      if (crashPoint === 'during-commit') setImmediate(() => point('during-commit'));
      const result = await ledger.commit(segment, lines, leaves);
      point('after-commit');
      return result;
    },
  },
};

const sqs = new SQSClient({ maxAttempts: 5 });
for (;;) {
  try {
    await batch();
  } catch (error) {
    process.stderr.write(`${tier}: ${error instanceof Error ? error.message : error}\n`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function batch(): Promise<void> {
  const received = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      // Few at a time: more batches, and so more points to die at.
      MaxNumberOfMessages: 3,
      WaitTimeSeconds: 1,
      MessageSystemAttributeNames: ['All'],
    }),
  );
  const messages = (received.Messages ?? []).map(
    (message): QueueMessage => ({
      messageId: message.MessageId!,
      body: message.Body!,
      queue: tier,
      receiveCount: Number(message.Attributes?.ApproximateReceiveCount),
      sentAt: Number(message.Attributes?.SentTimestamp),
    }),
  );
  if (messages.length === 0) return;
  const failed = new Set(await write(ports, tier, messages, new Date()));
  const done = (received.Messages ?? []).filter((message) => !failed.has(message.MessageId!));
  point('before-delete');
  await sqs.send(
    new DeleteMessageBatchCommand({
      QueueUrl: queueUrl,
      Entries: done.map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle! })),
    }),
  );
  point('after-delete');
}
