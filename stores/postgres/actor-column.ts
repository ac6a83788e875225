/**
 * What `record.event.actor` holds: the beginning of the actor's id.
 *
 * A row of a btree has at most 2,704 bytes, and an id of 1,024 characters can have 3,072: one such event would keep its
 * whole batch from being stored. Whoever asks gets all actors with the same beginning and applies `matches` to them.
 */

/** At most 1,500 bytes of UTF-8; ids that differ only after it are rare. */
const actorPrefixChars = 500;

/** The beginning of an id that the column holds. */
export function actorPrefix(id: string): string {
  if (id.length <= actorPrefixChars) return id;
  // Never half a character: PostgreSQL knows no lone surrogates.
  const last = id.charCodeAt(actorPrefixChars - 1);
  return id.slice(0, last >= 0xd800 && last <= 0xdbff ? actorPrefixChars - 1 : actorPrefixChars);
}

/** The values to look for; whole ids too, as they were stored before there were prefixes. */
export const actorsAsked = (ids: readonly string[]): string[] => [
  ...new Set(ids.flatMap((id) => [actorPrefix(id), id])),
];
