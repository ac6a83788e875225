/** Event ids. With a seed the same input gets the same ids, which is what makes a repeat harmless. */
import { createHash, randomBytes } from 'node:crypto';
import { uuidv7 } from '#core/event/uuid.ts';

const idBytes = 10;
/** Ids of one hash: a hash for each id would cost more than validating the event. */
const blockIds = 64;

/** Ids for the items of one batch: the n-th id of a seed is always the same. */
export function seededIds(seed: string, timeMs: number): (index: number) => string {
  const blocks: Buffer[] = [];
  const draw = (block: number) =>
    createHash('shake256', { outputLength: blockIds * idBytes })
      .update(`${seed}/${block}`)
      .digest();
  return (index) => {
    const block = Math.floor(index / blockIds);
    blocks[block] ??= draw(block);
    const bytes = blocks[block];
    const from = (index % blockIds) * idBytes;
    return uuidv7(timeMs, bytes.subarray(from, from + idBytes));
  };
}

/** An id that follows from a producer's own idempotency key, the tenant and the event's time. */
export function derivedId(tenant: string): (idempotencyKey: string, timeMs: number) => string {
  return (idempotencyKey, timeMs) =>
    uuidv7(timeMs, createHash('sha256').update(`${tenant}/${idempotencyKey}`).digest());
}

/** 128 random bits, hex. */
export const newSeed = (): string => randomBytes(16).toString('hex');

/** Hex SHA-256 of a text. */
export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');
