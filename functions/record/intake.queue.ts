/**
 * Intake: producers inside AWS put events straight on their tenant's queue.
 *
 * The tenant follows from the queue and never from the body; everything after that is accept's own path.
 * What is invalid goes to the dead-letter queue with its reason, each item alone, and the rest goes on.
 * Ids follow from the SQS message id, so a redelivery repeats them and readers see one event.
 */
import type { Tier } from '#core/event/event.ts';
import { tiers } from '#core/event/event.ts';
import { compileSchemas } from '#core/event/registry.ts';
import { sniffBody } from '#core/record/body.ts';
import type { Control, DeadLetters, Outlet } from '#core/record/ports.ts';
import { prepareEvent } from '#core/record/prepare.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import { metric } from '#functions/runtime/observe.ts';
import { openControl, openDeadLetters, openOutlets } from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { derivedId, seededIds } from './ids.ts';

export interface IntakePorts {
  readonly control: Pick<Control, 'tenant' | 'intakeTenant'>;
  readonly deadLetters: DeadLetters;
  readonly outlets: Readonly<Record<Tier, Outlet>>;
}

export async function intake(ports: IntakePorts, messages: readonly QueueMessage[]): Promise<string[]> {
  const bodies: { readonly tier: Tier; readonly body: string; readonly group: string }[] = [];
  for (const message of messages) bodies.push(...(await prepareMessage(ports, message)));
  await Promise.all(tiers.map((tier) => ports.outlets[tier].send(bodies.filter((message) => message.tier === tier))));
  return [];
}

/** The queue messages that an intake message becomes; what is refused is buried before this resolves. */
async function prepareMessage(ports: IntakePorts, message: QueueMessage) {
  const bury = (body: string, code: string, reason: string) =>
    ports.deadLetters.bury({ body, source: message.queue, messageId: message.messageId, code, reason });
  const tenant = await ports.control.intakeTenant(message.queue);
  const policy = tenant === undefined ? undefined : await ports.control.tenant(tenant);
  if (tenant === undefined || policy === undefined) {
    await bury(message.body, 'message_foreign', 'No tenant owns this queue.');
    return [];
  }
  const split = sniffBody(message.body);
  if (!split.ok) {
    await bury(message.body, split.fault.code, split.fault.detail);
    return [];
  }
  const lines: Record<Tier, string[]> = { critical: [], bulk: [] };
  const idOf = seededIds(`${message.queue}/${message.messageId}`, message.sentAt);
  const violation = policy.schemas.length > 0 ? compileSchemas(policy) : undefined;
  for (const [index, item] of split.value.items.entries()) {
    const prepared = prepareEvent(item, {
      tenant,
      keyId: message.queue,
      receivedAt: new Date(message.sentAt),
      cloudEvents: split.value.cloudEvents,
      policy,
      ...(violation ? { violation } : {}),
      newId: () => idOf(index),
      derivedId: derivedId(tenant),
    });
    if (prepared.ok) lines[prepared.value.tier].push(prepared.value.line);
    else await bury(item.text, prepared.fault.code, prepared.fault.detail);
  }
  metric('record', 'accepted', lines.critical.length + lines.bulk.length);
  return tiers.flatMap((tier) =>
    packEnvelopes(tenant, tier, lines[tier]).map((body) => ({ tier, body, group: tenant })),
  );
}

export const handler = onQueue(intake, {
  control: openControl,
  deadLetters: openDeadLetters,
  outlets: openOutlets,
});
