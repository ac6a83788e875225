import { expect, test } from 'vitest';
import { decodeEntry, type Entry, encodeEntry, entryKinds } from '#core/proof/entry.ts';

const entry: Entry = {
  id: '019f0000-0000-7000-8000-0000000000ab',
  kind: 'e',
  commitment: Uint8Array.from({ length: 32 }, (_, i) => 255 - 7 * i),
  time: 1_767_225_600_123,
};
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (some: string) => new TextEncoder().encode(some);

test('an entry is canonical JSON with these keys alone', () => {
  const c = Buffer.from(entry.commitment).toString('base64url');
  expect(text(encodeEntry(entry))).toBe(`{"c":"${c}","id":"${entry.id}","k":"e","t":1767225600123,"v":1}`);
});

test('what is written is read again, for every kind and time', () => {
  for (const kind of entryKinds) {
    for (const time of [0, 9, 10, 999_999_999_999, 8_640_000_000_000_000]) {
      for (const fill of [0, 255, 85]) {
        const one = { ...entry, kind, time, commitment: new Uint8Array(32).fill(fill) };
        expect(decodeEntry(encodeEntry(one))).toEqual(one);
      }
    }
  }
});

test('no entry is written that cannot be read', () => {
  const none: Partial<Entry>[] = [
    { commitment: new Uint8Array(31) },
    { commitment: new Uint8Array(33) },
    { id: '019f0000-0000-4000-8000-0000000000ab' },
    { id: entry.id.toUpperCase() },
    { id: '' },
    { time: -1 },
    { time: 1.5 },
    { time: Number.NaN },
    { time: 8_640_000_000_000_001 },
  ];
  for (const part of none) expect(() => encodeEntry({ ...entry, ...part })).toThrow(RangeError);
});

test('an entry has one spelling', () => {
  const good = text(encodeEntry(entry));
  const bad = [
    '',
    '{}',
    good.slice(0, -1),
    `${good}\n`,
    ` ${good}`,
    good.replace('"e"', '"q"'),
    good.replace('"v":1', '"v":2'),
    good.replace('"t":', '"t":0'),
    good.replace('"t":1767225600123', '"t":-767225600123'),
    good.replace('"t":1767225600123', '"t":99999999999999999'),
    good.replace('019f', '019F'),
    good.replace('-7000-', '-4000-'),
    good.replace('"c":"', '"c": "'),
    good.replace('"id"', '"ID"'),
    // The last letter of 43 carries four bits: two spare ones have to be zero.
    good.replace(/.","id"/, '9","id"'),
    good.replace('","id"', '=","id"'),
    JSON.stringify({ ...JSON.parse(good), x: 1 }),
  ];
  for (const line of bad) expect(decodeEntry(bytesOf(line)), line).toBeUndefined();
  expect(decodeEntry(bytesOf(good))).toEqual(entry);
});
