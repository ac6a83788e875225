/** Event ids. With a seed the same input gets the same ids, which is what makes a repeat harmless. */
import { createHash, randomBytes } from 'node:crypto';
import { uuidv7 } from '#core/event/uuid.ts';

/** Ids for the items of one batch: the n-th call gives the n-th id of the seed. */
export function seededIds(seed: string, timeMs: number): (index: number) => string {
  return (index) => uuidv7(timeMs, createHash('sha256').update(`${seed}/${index}`).digest());
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
