/**
 * How a verb meets SQS: a batch in, the ids of the messages that must come again out.
 *
 * Two kinds of failure are kept apart. A message that is at fault fails alone. A place that is down fails the
 * whole batch: nothing is reported as poison. A short outage is waited out inside the run, because a batch that
 * fails comes back only after the queue's visibility, minutes later; the breaker sets the pauses.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { Unavailable } from '#core/record/ports.ts';
import { Breaker } from './breaker.ts';
import { logger } from './observe.ts';
import { type Openers, openOnce } from './ports.ts';

/** What one more try may take; with less time left the batch goes back to its queue. */
const tryMs = 8_000;

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
  return middy<SQSEvent, SQSBatchResponse>().handler(async (event: SQSEvent, context): Promise<SQSBatchResponse> => {
    const messages = event.Records.map(messageOf);
    for (;;) {
      const pauseMs = breaker.pauseMs(Date.now());
      if (pauseMs > 0 && context.getRemainingTimeInMillis() < pauseMs + tryMs) throw breaker.cause;
      if (pauseMs > 0) await sleep(pauseMs);
      try {
        const failed = await verb(await open(), messages, { now: new Date() });
        breaker.closed();
        return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
      } catch (error) {
        logger.warn('batch failed', {
          messages: messages.length,
          error: error instanceof Error ? error : String(error),
        });
        if (!(error instanceof Unavailable)) throw error;
        breaker.tripped(error, Date.now());
      }
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
