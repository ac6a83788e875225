import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { envelopeRawBytesMax } from '#core/record/envelope.ts';
import { openEnvelope, packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import { tenantA, tenantB } from '#test/support/events.ts';

const line = (id: string, padding = '') => JSON.stringify({ id, padding, tenant: tenantA });
const open = (body: string) => {
  const opened = openEnvelope(body);
  if (!opened.ok) throw new Error(opened.fault.detail);
  return opened.value;
};

describe('packing', () => {
  test('what goes in comes out, in order, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 50 }), (paddings) => {
        const lines = paddings.map((padding, index) => line(String(index), padding));
        const back = packEnvelopes(tenantA, 'bulk', lines).flatMap((body) => open(body).lines.map((one) => one.line));
        expect(back).toEqual(lines);
      }),
    );
  });

  test('no line is no message', () => {
    expect(packEnvelopes(tenantA, 'bulk', [])).toEqual([]);
  });

  test('a message holds at most its share of raw bytes and stays below 1 MiB even when nothing compresses', () => {
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 2654435761) & 0xff)).toString('base64');
    const lines = Array.from({ length: 20 }, (_, i) => line(String(i), noise));
    const bodies = packEnvelopes(tenantA, 'critical', lines);
    expect(bodies.length).toBeGreaterThan(1);
    for (const body of bodies) {
      expect(Buffer.byteLength(body)).toBeLessThan(1024 * 1024);
      const raw = open(body).lines.reduce((sum, one) => sum + Buffer.byteLength(one.line) + 1, 0);
      expect(raw).toBeLessThanOrEqual(envelopeRawBytesMax);
    }
  });
});

describe('a message nobody can read is a value with a reason', () => {
  const good = packEnvelopes(tenantA, 'bulk', [line('1')])[0]!;
  const zst = (text: string) => zstdCompressSync(text).toString('base64');
  const cases: Record<string, string> = {
    'not JSON': '{',
    'another version': good.replace('"v":1', '"v":2'),
    'not zstd': JSON.stringify({ v: 1, tenant: tenantA, tier: 'bulk', n: 1, zst: 'AAAA' }),
    'cut off': JSON.stringify({ ...JSON.parse(good), zst: JSON.parse(good).zst.slice(0, 20) }),
    'a wrong count': good.replace('"n":1', '"n":2'),
    'another tenant inside': JSON.stringify({ v: 1, tenant: tenantB, tier: 'bulk', n: 1, zst: zst(line('1')) }),
    'a bomb': JSON.stringify({ v: 1, tenant: tenantA, tier: 'bulk', n: 1, zst: zst(' '.repeat(50_000_000)) }),
    'null inside': JSON.stringify({ v: 1, tenant: tenantA, tier: 'bulk', n: 1, zst: zst('null') }),
    nothing: 'null',
  };
  for (const [name, body] of Object.entries(cases)) {
    test(name, () => {
      const opened = openEnvelope(body);
      expect(opened.ok ? undefined : opened.fault.code).toBe('message_unreadable');
    });
  }
});
