import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseTime } from '#core/event/time.ts';

const cases: [string, string | undefined][] = [
  ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z'],
  ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
  ['2026-01-02t03:04:05z', '2026-01-02T03:04:05.000Z'],
  ['2026-01-02T03:04:05.6Z', '2026-01-02T03:04:05.600Z'],
  ['2026-01-02T03:04:05.678999999Z', '2026-01-02T03:04:05.678Z'],
  ['2026-01-02T03:04:05+02:00', '2026-01-02T01:04:05.000Z'],
  ['2026-01-02T03:04:05-05:30', '2026-01-02T08:34:05.000Z'],
  ['2026-01-02T03:04:05-00:00', '2026-01-02T03:04:05.000Z'],
  ['2026-01-02T03:04:05+23:59', '2026-01-01T03:05:05.000Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ['2026-02-30T00:00:00Z', undefined],
  ['2026-02-29T00:00:00Z', undefined],
  ['2026-04-31T00:00:00Z', undefined],
  ['2026-13-01T00:00:00Z', undefined],
  ['2026-00-01T00:00:00Z', undefined],
  ['2026-01-00T00:00:00Z', undefined],
  ['2026-01-01T24:00:00Z', undefined],
  ['2026-01-01T00:60:00Z', undefined],
  ['2026-06-30T23:59:60Z', undefined],
  ['2026-01-01T00:00:00+24:00', undefined],
  ['2026-01-01T00:00:00+00:60', undefined],
  ['0000-01-01T00:00:00+00:01', undefined],
  ['9999-12-31T23:59:59.999-00:01', undefined],
  ['2026-01-01T00:00:00', undefined],
  ['2026-01-01 00:00:00Z', undefined],
  ['2026-01-01T00:00:00.Z', undefined],
  ['2026-01-01T00:00:00,5Z', undefined],
  ['2026-01-01T00:00:00+0100', undefined],
  ['2026-01-01', undefined],
  ['+02026-01-01T00:00:00Z', undefined],
  ['２026-01-01T00:00:00Z', undefined],
  [' 2026-01-01T00:00:00Z', undefined],
  ['2026-01-01T00:00:00Z\n', undefined],
  ['', undefined],
];
for (const [text, expected] of cases) {
  test(`${JSON.stringify(text)} → ${expected ?? 'refused'}`, () => {
    const time = normaliseTime(text);
    expect(time.ok ? time.value : undefined).toBe(expected);
    if (!time.ok) expect(time.fault).toMatchObject({ code: 'event_time_invalid', pointer: '/occurred_at' });
  });
}

test('every time of four-digit years comes back as it is', () => {
  const date = fc.date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(date, (one) => {
      expect(normaliseTime(one.toISOString())).toEqual({ ok: true, value: one.toISOString() });
    }),
  );
});
