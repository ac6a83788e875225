/**
 * How a verb meets SQS: a batch in, the ids of the messages that must come again out.
 *
 * Two kinds of failure are kept apart. A message that is at fault fails alone. A place that is down fails
 * the whole batch: nothing is reported as poison, and a breaker lets the place breathe before the next try.
 */
import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { Unavailable } from '#core/record/ports.ts';
import { Breaker } from './breaker.ts';
import { logger } from './observe.ts';
import { type Openers, openOnce } from './ports.ts';

/** A message as verbs see it. */
export interface QueueMessage {
  readonly messageId: string;
  readonly body: string;
  /** Name of the queue it came by: the last part of the ARN, which AWS sets and no sender can. */
  readonly queue: string;
  /** 1 the first time; more means an earlier try failed or was lost. */
  readonly receiveCount: number;
  /** When the sender's message became durable, ms since 1970. */
  readonly sentAt: number;
}

/** Resolves with the ids of the messages that failed alone; throws to fail the whole batch. */
export type QueueVerb<Ports> = (
  ports: Ports,
  messages: readonly QueueMessage[],
  at: { readonly now: Date },
) => Promise<readonly string[]>;

/** Turns a verb over ports into a Lambda handler with partial batch responses. */
export function onQueue<Ports>(verb: QueueVerb<Ports>, openers: Openers<Ports>) {
  const open = openOnce(openers);
  const breaker = new Breaker();
  return middy<SQSEvent, SQSBatchResponse>().handler(async (event: SQSEvent): Promise<SQSBatchResponse> => {
    breaker.check(Date.now());
    try {
      const failed = await verb(await open(), event.Records.map(messageOf), { now: new Date() });
      breaker.closed();
      return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
    } catch (error) {
      if (error instanceof Unavailable) breaker.tripped(error, Date.now());
      logger.warn('batch failed, all of it will come again', {
        messages: event.Records.length,
        error: error instanceof Error ? error : String(error),
      });
      throw error;
    }
  });
}

function messageOf(record: SQSRecord): QueueMessage {
  return {
    messageId: record.messageId,
    body: record.body,
    queue: record.eventSourceARN.slice(record.eventSourceARN.lastIndexOf(':') + 1),
    receiveCount: Number(record.attributes.ApproximateReceiveCount),
    sentAt: Number(record.attributes.SentTimestamp),
  };
}
