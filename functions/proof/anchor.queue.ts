/**
 * Anchor: witnesses are asked to cosign what was published, outside the VPC, from the evidence bucket alone.
 *
 * What can go wrong: a message is lost or doubled, and a witness does not answer. Neither matters: a log that is asked
 * for again has its cosignatures already, and the sweep asks for logs that have none.
 */
import type { ProofCrypto } from '#core/proof/crypto.ts';
import type { LogStore } from '#core/proof/ports.ts';
import type { WitnessClient } from '#core/proof/witness-ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { logger } from '#functions/runtime/observe.ts';
import { openLogStore, openProofCrypto, openWitnesses } from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { anchorLog } from './anchor-log.ts';

export interface AnchorPorts {
  readonly crypto: ProofCrypto;
  readonly logs: Pick<LogStore, 'checkpoint' | 'get' | 'put' | 'publish'>;
  readonly witnesses: readonly WitnessClient[];
  readonly hints: Map<string, number>;
}

export async function anchor(
  ports: AnchorPorts,
  messages: readonly QueueMessage[],
  { now }: { readonly now: Date },
): Promise<string[]> {
  const bySlug = Map.groupBy(messages, ({ body }) => body);
  const failed = await Promise.all(
    [...bySlug].map(async ([slug, same]) => {
      try {
        await anchorLog(ports, slug, now);
        return [];
      } catch (error) {
        if (error instanceof Unavailable) throw error;
        logger.error('a log was not anchored', { slug, error: error instanceof Error ? error : String(error) });
        return same.map(({ messageId }) => messageId);
      }
    }),
  );
  return failed.flat();
}

export const handler = onQueue(anchor, {
  crypto: openProofCrypto,
  logs: openLogStore,
  witnesses: openWitnesses,
  hints: () => new Map<string, number>(),
});
