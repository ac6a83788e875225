/** UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then 74 bits that the caller draws or derives. */
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const uuidv7Shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

const withTime = (timeMs: number, tail: string): string => {
  const time = Math.min(Math.max(Math.trunc(timeMs), 0), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-${tail}`;
};

/** A UUIDv7 of a time in ms since 1970 (clamped to 48 bits) and at least 10 bytes, random or from a hash. */
export function uuidv7(timeMs: number, random: Uint8Array): string {
  const byte = (index: number) => hex[random[index] ?? 0]!;
  const version = hex[0x70 | ((random[0] ?? 0) & 0x0f)]!;
  const variant = hex[0x80 | ((random[2] ?? 0) & 0x3f)]!;
  const node = byte(4) + byte(5) + byte(6) + byte(7) + byte(8) + byte(9);
  return withTime(timeMs, `${version}${byte(1)}-${variant}${byte(3)}-${node}`);
}

/** The milliseconds in a UUIDv7. */
export const uuidTime = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/** Any UUID in the form 8-4-4-4-12, either case. */
export const isUuid = (text: string): boolean => uuidShape.test(text);

/** A UUID with version 7 and the RFC variant, either case. */
export const isUuidv7 = (text: string): boolean => uuidv7Shape.test(text);

/** No UUIDv7 of this millisecond or later sorts before it. */
export const uuidFloor = (timeMs: number): string => withTime(timeMs, '7000-8000-000000000000');

/** No UUIDv7 of this millisecond or earlier sorts after it. */
export const uuidCeil = (timeMs: number): string => withTime(timeMs, '7fff-bfff-ffffffffffff');
