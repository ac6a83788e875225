/**
 * The leaf: what the log commits to of an event.
 *
 * `{"c":"<43 characters>","id":"<uuid>","k":"e","t":1767225600123,"v":1}`, canonical JSON with these keys alone. `c` is
 * the commitment in base64url, `t` the time of the event's commit in ms since 1970, which never decreases along a log,
 * so that a search by time can be proved. The RFC 6962 leaf hash is SHA-256(0x00 ‖ entry).
 */
import { type Event, ownProducer } from '../event/event.ts';
import { isUuidv7 } from '../event/uuid.ts';
import { fromDecimal, sameBytes, urlCodes, urlValues } from './bytes.ts';

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

const commitmentBytes = 32;
const commitmentLetters = 43;
const uuidLetters = 36;
/** The last ms that a Date can be. */
const timeMax = 8_640_000_000_000_000;

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const beforeCommitment = '{"c":"';
const beforeId = '","id":"';
const beforeKind = '","k":"';
const beforeTime = '","t":';
const afterTime = ',"v":1}';
const idAt = beforeCommitment.length + commitmentLetters + beforeId.length;
const kindAt = idAt + uuidLetters + beforeKind.length;
const timeAt = kindAt + 1 + beforeTime.length;
const blank = ascii(
  [
    beforeCommitment,
    ' '.repeat(commitmentLetters),
    beforeId,
    ' '.repeat(uuidLetters),
    beforeKind,
    ' ',
    beforeTime,
    ' '.repeat(String(timeMax).length),
    afterTime,
  ].join(''),
);
const end = ascii(afterTime);

const isId = (id: string): boolean => isUuidv7(id) && id === id.toLowerCase();

/** The bytes of an entry. Throws RangeError for one that no log can have. */
export function encodeEntry({ id, kind, commitment, time }: Entry): Uint8Array {
  if (commitment.length !== commitmentBytes || !isId(id) || !(time >= 0 && time <= timeMax && Number.isInteger(time))) {
    throw new RangeError(`no entry: ${id} at ${time} with ${commitment.length} bytes`);
  }
  const digits = String(time);
  const bytes = blank.slice(0, timeAt + digits.length + end.length);
  for (let from = 0, to = beforeCommitment.length; from < commitmentBytes; from += 3, to += 4) {
    const bits = (commitment[from]! << 16) | ((commitment[from + 1] ?? 0) << 8) | (commitment[from + 2] ?? 0);
    bytes[to] = urlCodes[bits >> 18]!;
    bytes[to + 1] = urlCodes[(bits >> 12) & 63]!;
    bytes[to + 2] = urlCodes[(bits >> 6) & 63]!;
    // 32 bytes end with two of three: their last group has three letters.
    if (from + 2 < commitmentBytes) bytes[to + 3] = urlCodes[bits & 63]!;
  }
  for (let i = 0; i < uuidLetters; i++) bytes[idAt + i] = id.charCodeAt(i);
  bytes[kindAt] = kind.charCodeAt(0);
  for (let i = 0; i < digits.length; i++) bytes[timeAt + i] = digits.charCodeAt(i);
  bytes.set(end, timeAt + digits.length);
  return bytes;
}

/** Reads an entry; undefined for whatever `encodeEntry` would not have written, to the byte. */
export function decodeEntry(bytes: Uint8Array): Entry | undefined {
  if (bytes.length <= timeAt + end.length || bytes.length > blank.length) return undefined;
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  const id = text(idAt, idAt + uuidLetters);
  const kind = entryKinds.find((letter) => letter.charCodeAt(0) === bytes[kindAt]);
  const time = fromDecimal(text(timeAt, bytes.length - end.length));
  if (!isId(id) || kind === undefined || time === undefined || time > timeMax) return undefined;
  const commitment = new Uint8Array(commitmentBytes);
  let bits = 0;
  for (let i = 0, at = 0; i < commitmentLetters; i++) {
    const value = urlValues[bytes[beforeCommitment.length + i]!] ?? 64;
    if (value === 64) return undefined;
    bits = ((bits & 0xffff) << 6) | value;
    if (i % 4 !== 0) commitment[at++] = (bits >> (6 - 2 * (i % 4))) & 255;
  }
  const entry: Entry = { id, kind, commitment, time };
  return sameBytes(encodeEntry(entry), bytes) ? entry : undefined;
}
