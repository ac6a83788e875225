/**
 * Puts messages aside with the reason, as attributes: `code`, `reason`, `source` (queue name), `sourceMessageId`.
 * A body that no longer fits beside them travels as base64 of gzip, marked by the attribute `encoding`.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { MessageAttributeValue, SQSClient } from '@aws-sdk/client-sqs';
import type { DeadLetters } from '#core/record/ports.ts';
import { bytesOf, type Entry, messageBytesMax, sendAll } from './send.ts';

const reasonCharsMax = 1000;
const encoding = 'gzip+base64';
/** The characters that SQS takes (XML 1.0). */
const unsendable = /[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

export class SqsDeadLetters implements DeadLetters {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  async bury(message: Parameters<DeadLetters['bury']>[0]): Promise<void> {
    await sendAll(this.#client, this.#queueUrl, [entryOf(message)]);
  }
}

function entryOf({ body, source, messageId, code, reason }: Parameters<DeadLetters['bury']>[0]): Entry {
  const texts = { code, reason: reason.slice(0, reasonCharsMax), source, sourceMessageId: messageId };
  const attributes: Record<string, MessageAttributeValue> = {};
  for (const [name, text] of Object.entries(texts)) {
    const StringValue = text.replace(unsendable, '\ufffd');
    if (StringValue) attributes[name] = { DataType: 'String', StringValue };
  }
  const sendable = body.replace(unsendable, '\ufffd') || ' ';
  const entry = { MessageBody: sendable, MessageAttributes: attributes };
  if (bytesOf(entry) <= messageBytesMax) return entry;
  const encoded = { ...attributes, encoding: { DataType: 'String', StringValue: encoding } };
  return { MessageBody: gzipSync(sendable).toString('base64'), MessageAttributes: encoded };
}

/** A dead letter's original body. */
export function originalBody(body: string, attributes: Record<string, MessageAttributeValue> = {}): string {
  if (attributes.encoding?.StringValue !== encoding) return body;
  return gunzipSync(Buffer.from(body, 'base64'), { maxOutputLength: 2 * messageBytesMax }).toString();
}
