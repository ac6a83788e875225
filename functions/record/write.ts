/**
 * Write: a batch of queue messages becomes one segment on S3 and one transaction in Postgres.
 *
 * The commit is the moment of truth. A crash before it leaves a segment without a row, which is garbage the
 * sweep mends; a crash after it delivers the batch again, and the ledger refuses what it knows. A message
 * nobody can read is buried alone. A place that is down fails the batch as a whole and poisons nothing.
 */
import type { Tier } from '#core/event/event.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import {
  type Announcer,
  type DeadLetters,
  type Known,
  type Ledger,
  type Segments,
  type Together,
  Unavailable,
} from '#core/record/ports.ts';
import type { Segment } from '#core/record/segment.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';
import { sha256Hex } from './ids.ts';
import { leavesOf } from './leaves.ts';
import { type SealPorts, seal } from './seal.ts';

export interface WritePorts extends SealPorts {
  readonly segments: Segments;
  readonly ledger: Ledger;
  /** Undefined: one cluster has all tenants. */
  readonly together?: Together;
  readonly announcer: Announcer;
  readonly deadLetters: DeadLetters;
  /** A fresh UUIDv7 for a segment. */
  readonly newId: (now: Date) => string;
}

/** After so many deliveries a message that the ledger refuses is buried with its reason. */
const deliveriesMax = 5;

interface Opened {
  readonly message: QueueMessage;
  /** Hex SHA-256 of the body. */
  readonly digest: string;
  readonly tenant: string;
  readonly lines: readonly EventLine[];
}

/** Resolves with the ids of the messages that failed alone and shall come again. */
export async function write(
  ports: WritePorts,
  tier: Tier,
  messages: readonly QueueMessage[],
  now: Date,
): Promise<string[]> {
  const opened: Opened[] = [];
  for (const message of messages) {
    const envelope = openEnvelope(message.body);
    if (envelope.ok) opened.push({ message, digest: sha256Hex(message.body), ...envelope.value });
    else await bury(ports, message, envelope.fault.code, envelope.fault.detail);
  }
  if (opened.length === 0) return [];
  const groups = await ports.together?.([...new Set(opened.map(({ tenant }) => tenant))]);
  if (!groups || groups.length === 1) return storeTogether(ports, tier, opened, now);
  return storeApart(ports, tier, groups.map(messagesIn(opened)), now);
}

const messagesIn = (opened: readonly Opened[]) => (tenants: readonly string[]) =>
  opened.filter(({ tenant }) => tenants.includes(tenant));

/** A segment for each cluster. One that is down holds up its own messages, and everybody only when all are. */
async function storeApart(
  ports: WritePorts,
  tier: Tier,
  groups: readonly (readonly Opened[])[],
  now: Date,
): Promise<string[]> {
  const failed: string[] = [];
  const outages: Unavailable[] = [];
  for (const group of groups) {
    try {
      failed.push(...(await storeTogether(ports, tier, group, now)));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      logger.warn('a cluster cannot be written', { messages: group.length, error });
      outages.push(error);
      failed.push(...group.map(({ message }) => message.messageId));
    }
  }
  if (outages.length === groups.length) throw outages[0];
  return failed;
}

async function storeTogether(ports: WritePorts, tier: Tier, opened: readonly Opened[], now: Date): Promise<string[]> {
  try {
    await store(ports, tier, opened, now);
    return [];
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    return storeAlone(ports, tier, opened, now, error);
  }
}

/** Something in the batch is at fault: each message is tried alone, so that the others are not held up. */
async function storeAlone(
  ports: WritePorts,
  tier: Tier,
  opened: readonly Opened[],
  now: Date,
  first: unknown,
): Promise<string[]> {
  const failed: string[] = [];
  for (const one of opened) {
    try {
      if (opened.length === 1) throw first;
      await store(ports, tier, [one], now);
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      logger.error('a message cannot be stored', { messageId: one.message.messageId, error: error as Error });
      if (one.message.receiveCount < deliveriesMax) failed.push(one.message.messageId);
      else await bury(ports, one.message, 'internal', `It could not be stored: ${(error as Error).message}`);
    }
  }
  return failed;
}

async function store(ports: WritePorts, tier: Tier, opened: readonly Opened[], now: Date): Promise<void> {
  const again = opened.filter((one) => one.message.receiveCount > 1);
  let left = again.length === 0 ? opened : unknown(opened, await ports.ledger.known(...namesOf(tier, again)));
  const duplicates = () => linesIn(opened) - linesIn(left);
  // Each turn is refused at most for what another writer has committed since the one before.
  while (linesIn(left) > 0) {
    const lines = await seal(
      ports,
      left.flatMap((one) => one.lines),
    );
    const plan = planSegment(lines, { id: ports.newId(now), tier, now, messages: messagesOf(left) });
    const segment = await ports.segments.write(plan);
    const ordered = plan.blocks.flatMap((block) => block.lines);
    const result = await ports.ledger.commit(segment, ordered, leavesOf(ordered));
    if (result.stored) {
      metric('record', 'written', ordered.length);
      await announce(ports, segment);
      break;
    }
    left = unknown(left, result.known);
  }
  if (duplicates() > 0) metric('record', 'duplicates', duplicates());
}

const linesIn = (opened: readonly Opened[]): number => opened.reduce((sum, { lines }) => sum + lines.length, 0);

/** What the ledger knows things by: critical events by their ids, messages by their digests. */
const namesOf = (tier: Tier, opened: readonly Opened[]): Parameters<Ledger['known']> => [
  tier === 'critical' ? opened.flatMap((one) => one.lines.map(({ event }) => event)) : [],
  opened.map((one) => one.digest),
  [...new Set(opened.map((one) => one.tenant))],
];

/** What is left of messages without what is known already. */
function unknown(opened: readonly Opened[], known: Known): Opened[] {
  const fresh = opened.filter((one) => !known.messages.has(one.digest));
  if (known.events.size === 0) return fresh;
  return fresh.map((one) => ({
    ...one,
    lines: one.lines.filter(({ event }) => !known.events.has(`${event.tenant}/${event.id}`)),
  }));
}

/** By tenant; a message is one tenant's. One that came twice in a batch is named once, and its events are stored once. */
function messagesOf(opened: readonly Opened[]): Map<string, string[]> {
  const messages = new Map<string, string[]>();
  for (const { tenant, digest } of opened) {
    const own = messages.get(tenant);
    if (!own) messages.set(tenant, [digest]);
    else if (!own.includes(digest)) own.push(digest);
  }
  return messages;
}

/** Best effort: the events are committed, and the sweep announces what is missed here. */
async function announce(ports: WritePorts, segment: Segment): Promise<void> {
  try {
    const tenants = segment.parts.map((part) => part.tenant);
    await ports.announcer.announce({ segment: segment.id, key: segment.key, tier: segment.tier, tenants });
    await ports.ledger.announced([segment.id]);
  } catch (error) {
    logger.warn('not announced, the sweep will', { segment: segment.id, error: error as Error });
  }
}

function bury(ports: WritePorts, message: QueueMessage, code: string, reason: string): Promise<void> {
  metric('record', 'buried', 1);
  return ports.deadLetters.bury({
    body: message.body,
    source: message.queue,
    messageId: message.messageId,
    code,
    reason,
  });
}
