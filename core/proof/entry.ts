/**
 * The leaf: what the log commits to of an event.
 *
 * `{"c":"<43 characters>","id":"<uuid>","k":"e","t":1767225600123,"v":1}`, canonical JSON with these keys alone. `c` is
 * the commitment in base64url, `t` the time of the event's commit in ms since 1970, which never decreases along a log,
 * so that a search by time can be proved. The RFC 6962 leaf hash is SHA-256(0x00 ‖ entry).
 */
import { type Event, ownProducer } from '../event/event.ts';

/**
 * What a leaf tells of. All commit to an event; the letter spares an auditor the event. `e`: any event. Of Trailkeep's
 * own: `x` an erasure, `p` a purge, `o` a legal hold placed or released, `g` a change of keys, policies, roles or
 * schemas, `r` a recovery or another change of the log's state, `c` a report or an export, `h` a heartbeat.
 */
export const entryKinds = ['e', 'x', 'p', 'o', 'g', 'r', 'c', 'h'] as const;
export type EntryKind = (typeof entryKinds)[number];

/** A leaf before it has a place and a time. */
export interface Leaf {
  /** UUIDv7 of the event. */
  readonly id: string;
  readonly kind: EntryKind;
  /** 32 bytes, see `commitmentOf`. */
  readonly commitment: Uint8Array;
}

/** A leaf as the log has it. */
export interface Entry extends Leaf {
  /** ms since 1970. */
  readonly time: number;
}

/** Actions of our own events that custody is read from; the first prefix that fits decides. */
const kinds: readonly (readonly [prefix: string, kind: EntryKind])[] = [
  ['log.heartbeat', 'h'],
  ['log.', 'r'],
  ['privacy.', 'x'],
  ['retention.', 'p'],
  ['hold.', 'o'],
  ['key.', 'g'],
  ['policy.', 'g'],
  ['schema.', 'g'],
  ['role.', 'g'],
  ['assignment.', 'g'],
  ['issuer.', 'g'],
  ['report.', 'c'],
  ['export.', 'c'],
];

/** The kind of an event's leaf. Nobody else can send events of our producer, so nobody else can make custody leaves. */
export function kindOf(event: Pick<Event, 'action' | 'producer'>): EntryKind {
  if (event.producer.key !== ownProducer) return 'e';
  return kinds.find(([prefix]) => event.action.startsWith(prefix))?.[1] ?? 'e';
}
