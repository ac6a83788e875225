/**
 * Trailkeep's own events: who read the trail, changed a role, asked for an erasure.
 *
 * They take the road of every event, so they are validated, sealed, stored and found like any other. Nobody else can
 * make them: `producer.key` is `trailkeep`, which no API key is called. They are classified by our catalogue alone: a
 * tenant's rules cannot move them to where they are not looked for.
 */
import { randomBytes } from 'node:crypto';
import type { Caller } from '#core/access/access.ts';
import { type EventInput, ownProducer, type Party, type Tier } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import type { Outlet, Recorder } from '#core/record/ports.ts';
import { prepareEvent } from '#core/record/prepare.ts';
import { packEnvelopes } from './envelope-codec.ts';

/** Opens a recorder over the two work queues. */
export const createRecorder = (outlets: Readonly<Record<Tier, Outlet>>): Recorder => ({
  async record(tenant, events, now) {
    const lines: Record<Tier, string[]> = { critical: [], bulk: [] };
    for (const event of events) {
      const prepared = prepareEvent(
        { text: JSON.stringify(event) },
        {
          tenant,
          keyId: ownProducer,
          receivedAt: now,
          policy: undefined,
          newId: () => uuidv7(now.getTime(), randomBytes(10)),
        },
      );
      if (!prepared.ok) throw new Error(`our own event ${event.action} is not valid: ${prepared.fault.detail}`);
      lines[prepared.value.tier].push(prepared.value.line);
    }
    const send = async (tier: Tier) => {
      if (lines[tier].length === 0) return;
      await outlets[tier].send(packEnvelopes(tenant, tier, lines[tier]).map((body) => ({ body, group: tenant })));
    };
    await Promise.all([send('critical'), send('bulk')]);
  },
});

/** The caller as the actor of an event, and whom it acts for. */
export function actorOf(caller: Caller): { readonly actor: Party; readonly on_behalf_of?: readonly Party[] } {
  const { person } = caller;
  if (person) {
    return {
      actor: {
        type: 'user',
        id: person.id,
        ...(person.name === undefined ? {} : { name: person.name }),
        ...(person.email === undefined ? {} : { email: person.email }),
      },
      ...(person.onBehalfOf === undefined ? {} : { on_behalf_of: [person.onBehalfOf] }),
    };
  }
  if (caller.serviceAccount !== undefined) return { actor: { type: 'service', id: caller.serviceAccount } };
  return { actor: { type: 'api_key', id: caller.keyId } };
}

/** An event about something that the caller did. */
export const eventBy = (caller: Caller, event: Omit<EventInput, 'actor' | 'on_behalf_of'>): EventInput => ({
  ...event,
  ...actorOf(caller),
});
