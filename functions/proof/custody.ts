/**
 * Custody: what happens to a log is told in the log itself, as an event of Trailkeep's own.
 *
 * The id follows from what is told, so telling it twice stores it once.
 */
import { createHash } from 'node:crypto';
import type { EventInput, JsonObject } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import type { Recorder } from '#core/record/ports.ts';
import { logger } from '#functions/runtime/observe.ts';

/** Something that happened to a log. */
export interface LogFact {
  readonly action:
    | 'log.created'
    | 'log.frozen'
    | 'log.recovered'
    | 'log.retired'
    | 'log.heartbeat'
    | 'log.verified'
    | 'log.verification_failed';
  /** Tells this fact from others of its action in the same log: an epoch, a day. */
  readonly key: string;
  /** When it happened, as exactly as every teller knows it: part of the id. */
  readonly at: Date;
  readonly metadata?: JsonObject;
}

/** The event of a fact; ids of one tenant's facts differ by action, key and time. */
export function eventOf(tenant: string, { action, key, at, metadata }: LogFact): EventInput {
  const digest = createHash('sha256').update(`trailkeep-custody/v1\n${tenant}\n${action}\n${key}`).digest();
  return {
    id: uuidv7(at.getTime(), digest),
    action,
    occurred_at: at.toISOString(),
    actor: { type: 'service', id: 'trailkeep' },
    targets: [{ type: 'log', id: tenant }],
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** Tells facts, or says aloud that it could not: sealing goes on either way. */
export async function tell(recorder: Recorder, tenant: string, fact: LogFact, now: Date): Promise<void> {
  try {
    await recorder.record(tenant, [eventOf(tenant, fact)], now);
  } catch (error) {
    logger.error('an event about a log was not recorded', { action: fact.action, error: error as Error });
  }
}
