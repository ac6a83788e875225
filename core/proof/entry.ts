/**
 * The leaf: what the log commits to of an event.
 *
 * `{"c":"<43 characters>","id":"<uuid>","k":"e","t":1767225600123,"v":1}`, canonical JSON with these keys alone. `c` is
 * the commitment in base64url, `t` the time of the event's commit in ms since 1970, which never decreases along a log,
 * so that a search by time can be proved. The RFC 6962 leaf hash is SHA-256(0x00 ‖ entry).
 */
import { type Event, ownProducer } from '../event/event.ts';
import { isUuidv7 } from '../event/uuid.ts';
import { urlCodes, urlValues } from './bytes.ts';

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

/** Value of each lower-case hexadecimal digit by its code, 16 for anything else. */
const hexValues = new Uint8Array(256).fill(16);
for (let value = 0; value < 16; value++) hexValues[value.toString(16).charCodeAt(0)] = value;
const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const hyphen = 0x2d;
const zero = 0x30;
const kindOfCode = new Map(entryKinds.map((kind) => [kind.charCodeAt(0), kind]));

/** Whether bytes [from, to) are those of `expected` from `at` on. */
function holds(bytes: Uint8Array, from: number, to: number, expected: Uint8Array, at: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== expected[i - from + at]) return false;
  return true;
}

/** The 36 letters of a lower-case UUIDv7. */
function readId(bytes: Uint8Array): string | undefined {
  let id = '';
  for (let at = idAt; at < idAt + uuidLetters; at += 2) {
    const place = at - idAt;
    if (place === 8 || place === 13 || place === 18 || place === 23) {
      if (bytes[at] !== hyphen) return undefined;
      id += '-';
      at++;
    }
    const [high, low] = [hexValues[bytes[at]!]!, hexValues[bytes[at + 1]!]!];
    if (high > 15 || low > 15) return undefined;
    if ((place === 13 && high !== 7) || (place === 18 && high >> 2 !== 2)) return undefined;
    id += hexOf[(high << 4) | low];
  }
  return id;
}

/** A decimal without leading zeroes, up to `timeMax`. */
function readTime(bytes: Uint8Array, to: number): number | undefined {
  if (bytes[timeAt] === zero && to > timeAt + 1) return undefined;
  let time = 0;
  for (let at = timeAt; at < to; at++) {
    const digit = bytes[at]! - zero;
    if (digit < 0 || digit > 9) return undefined;
    time = time * 10 + digit;
  }
  return time <= timeMax ? time : undefined;
}

function readCommitment(bytes: Uint8Array): Uint8Array | undefined {
  const commitment = new Uint8Array(commitmentBytes);
  let bad = 0;
  for (let from = beforeCommitment.length, to = 0; to < commitmentBytes; from += 4, to += 3) {
    const a = urlValues[bytes[from]!]!;
    const b = urlValues[bytes[from + 1]!]!;
    const c = urlValues[bytes[from + 2]!]!;
    // 43 letters end with three of four; the spare bits of the last one are zero.
    const isLast = to + 3 > commitmentBytes;
    const d = isLast ? 0 : urlValues[bytes[from + 3]!]!;
    bad |= (a | b | c | d) & 64;
    commitment[to] = (a << 2) | (b >> 4);
    commitment[to + 1] = (b << 4) | (c >> 2);
    if (isLast) bad |= c & 3;
    else commitment[to + 2] = (c << 6) | d;
  }
  return bad === 0 ? commitment : undefined;
}

/** Reads an entry; undefined for whatever `encodeEntry` would not have written, to the byte. */
export function decodeEntry(bytes: Uint8Array): Entry | undefined {
  const to = bytes.length - end.length;
  if (to <= timeAt || bytes.length > blank.length) return undefined;
  const fixed =
    holds(bytes, 0, beforeCommitment.length, blank, 0) &&
    holds(bytes, idAt - beforeId.length, idAt, blank, idAt - beforeId.length) &&
    holds(bytes, kindAt - beforeKind.length, kindAt, blank, kindAt - beforeKind.length) &&
    holds(bytes, timeAt - beforeTime.length, timeAt, blank, timeAt - beforeTime.length) &&
    holds(bytes, to, bytes.length, end, 0);
  const kind = kindOfCode.get(bytes[kindAt]!);
  if (!fixed || kind === undefined) return undefined;
  const id = readId(bytes);
  const time = readTime(bytes, to);
  const commitment = readCommitment(bytes);
  return id === undefined || time === undefined || commitment === undefined
    ? undefined
    : { id, kind, commitment, time };
}
