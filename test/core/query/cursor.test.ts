import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { feedCursor, readFeedCursor, readSearchCursor, searchCursor } from '#core/query/cursor.ts';
import { beforeTime } from '#core/query/merge.ts';

const mac = (data: string) => new Uint8Array(createHmac('sha256', 'key').update(data).digest());
const other = (data: string) => new Uint8Array(createHmac('sha256', 'other key').update(data).digest());
const position = { time: 1_772_323_200_000, id: '01890000-0000-7000-8000-000000000001' };
const refused = { ok: false, fault: { code: 'cursor_invalid' } };

describe('a cursor', () => {
  test('gives back the position it was made of', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), fc.uuid(), (time, id) => {
        const cursor = searchCursor(mac, 't', 'f', { time, id });
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(readSearchCursor(mac, 't', 'f', cursor)).toEqual({ ok: true, value: { time, id } });
      }),
    );
    const proven = beforeTime(5);
    expect(readSearchCursor(mac, 't', 'f', searchCursor(mac, 't', 'f', proven))).toEqual({ ok: true, value: proven });
    const at = { seq: 2n ** 62n, offset: 12 };
    expect(readFeedCursor(mac, 't', 'b', feedCursor(mac, 't', 'b', at))).toEqual({ ok: true, value: at });
  });

  test('is refused for another tenant, filter, key and kind', () => {
    const cursor = searchCursor(mac, 't', 'f', position);
    expect(readSearchCursor(mac, 'u', 'f', cursor)).toMatchObject(refused);
    expect(readSearchCursor(mac, 't', 'g', cursor)).toMatchObject(refused);
    expect(readSearchCursor(other, 't', 'f', cursor)).toMatchObject(refused);
    expect(readFeedCursor(mac, 't', 'f', cursor)).toMatchObject(refused);
    expect(readSearchCursor(mac, 't', 'f', feedCursor(mac, 't', 'f', { seq: 1n, offset: 0 }))).toMatchObject(refused);
    // Moving a border between tenant and filter makes another question.
    expect(readSearchCursor(mac, 'tf', '', cursor)).toMatchObject(refused);
  });

  test('is refused when any character of it was changed, added or cut', () => {
    const cursor = searchCursor(mac, 't', 'f', position);
    for (let at = 0; at < cursor.length; at++) {
      for (const by of ['A', 'b', '_', '']) {
        const changed = cursor.slice(0, at) + by + cursor.slice(at + 1);
        if (changed !== cursor) expect(readSearchCursor(mac, 't', 'f', changed), changed).toMatchObject(refused);
      }
    }
    expect(readSearchCursor(mac, 't', 'f', `${cursor}A`)).toMatchObject(refused);
  });

  test('is refused, never an error, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect(readSearchCursor(mac, 't', 'f', text)).toMatchObject(refused);
        expect(readFeedCursor(mac, 't', 'f', text)).toMatchObject(refused);
      }),
    );
  });
});
