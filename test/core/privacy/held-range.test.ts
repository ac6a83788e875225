import { describe, expect, test } from 'vitest';
import { heldRange, isHeldBy } from '#core/privacy/held-range.ts';

const day = (text: string) => Date.parse(`2026-03-${text}T00:00:00.000Z`);
const filter = (filter: object) => heldRange({ kind: 'filter', filter });

describe('what a hold keeps', () => {
  test('is everything when it holds all, or persons: what is sealed cannot be told apart', () => {
    for (const kind of ['all', 'subjects'] as const) {
      expect(isHeldBy(heldRange({ kind }), day('01'), day('02'))).toBe(true);
    }
  });

  test('is what can lie in the time that a filter names', () => {
    const march = filter({ from: '2026-03-05T00:00:00Z', to: '2026-03-10T00:00:00Z', action: 'user.*' });
    expect(isHeldBy(march, day('01'), day('04'))).toBe(false);
    expect(isHeldBy(march, day('01'), day('05'))).toBe(true);
    expect(isHeldBy(march, day('06'), day('07'))).toBe(true);
    expect(isHeldBy(march, day('09'), day('20'))).toBe(true);
    expect(isHeldBy(march, day('10'), day('20'))).toBe(false);
    expect(isHeldBy(filter({ from: '2026-03-05T00:00:00Z' }), day('01'), day('04'))).toBe(false);
    expect(isHeldBy(filter({ to: '2026-03-05T00:00:00Z' }), day('05'), day('06'))).toBe(false);
  });

  test('is everything when the filter names no time, or nobody can read it any more', () => {
    for (const one of [{ actor: 'ada' }, {}, { gone: 'with the next version' }]) {
      expect(isHeldBy(filter(one), day('01'), day('02'))).toBe(true);
    }
    expect(isHeldBy(heldRange({ kind: 'filter' }), day('01'), day('02'))).toBe(true);
  });
});
