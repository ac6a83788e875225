/** Sending many messages: batches within SQS's limits, and another try for the entries that SQS refused. */
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';
import { Unavailable } from '#core/record/ports.ts';
import { reach } from '../aws/clients.ts';

export type Entry = Omit<SendMessageBatchRequestEntry, 'Id'> & { readonly MessageBody: string };

const entriesMax = 10;
/** SQS's limit for a message and for a batch as a whole, attributes included. */
export const messageBytesMax = 1024 * 1024;
const triesMax = 4;
const pauseMs = 50;

/**
 * Sends all entries; resolves when SQS has every one. Rejects with `Unavailable` when some are still refused after
 * four tries, and with an Error when SQS says that an entry itself is at fault.
 */
export async function sendAll(client: SQSClient, queueUrl: string, entries: readonly Entry[]): Promise<void> {
  await Promise.all(inBatches(entries).map((batch) => sendBatch(client, queueUrl, batch)));
}

/** What SQS counts for a message: body, and name, type and value of each attribute. */
export function bytesOf({ MessageBody, MessageAttributes = {} }: Entry): number {
  let bytes = Buffer.byteLength(MessageBody);
  for (const [name, { DataType = '', StringValue = '' }] of Object.entries(MessageAttributes)) {
    bytes += Buffer.byteLength(name) + DataType.length + Buffer.byteLength(StringValue);
  }
  return bytes;
}

function inBatches(entries: readonly Entry[]): Entry[][] {
  const batches: Entry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = bytesOf(entry);
    const last = batches.at(-1);
    if (last && last.length < entriesMax && bytes + size <= messageBytesMax) {
      last.push(entry);
      bytes += size;
    } else {
      batches.push([entry]);
      bytes = size;
    }
  }
  return batches;
}

async function sendBatch(client: SQSClient, QueueUrl: string, batch: readonly Entry[]): Promise<void> {
  const place = `SQS ${QueueUrl.split('/').at(-1)}`;
  let left = batch.map((entry, index) => ({ ...entry, Id: String(index) }));
  for (let attempt = 1; ; attempt++) {
    const input = { QueueUrl, Entries: left };
    const { Failed = [] } = await reach(place, () => client.send(new SendMessageBatchCommand(input)));
    if (Failed.length === 0) return;
    const ours = Failed.find(({ SenderFault, Code }) => SenderFault && !/throttl/i.test(Code ?? ''));
    if (ours) throw new Error(`${place} refused a message: ${ours.Code}: ${ours.Message}`);
    const refused = new Set(Failed.map(({ Id }) => Id));
    left = left.filter(({ Id }) => refused.has(Id));
    if (attempt === triesMax) throw new Unavailable(place, new Error(`${Failed[0]!.Code}: ${Failed[0]!.Message}`));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * pauseMs * 2 ** attempt));
  }
}
