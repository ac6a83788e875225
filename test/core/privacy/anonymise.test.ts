import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import { Anonymiser } from '#core/privacy/anonymise.ts';

const event = (n: number, actor: string, overrides: Partial<Event> = {}): Event => ({
  id: `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`,
  tenant: '01890000-0000-7000-8000-00000000000a',
  occurred_at: '2026-03-01T12:00:00.000Z',
  received_at: '2026-03-01T12:00:01.000Z',
  action: 'user.login',
  schema_version: 1,
  category: 'auth_events',
  crud: 'c',
  severity: 'info',
  outcome: { result: 'success', reason: `reason of ${actor}` },
  actor: { type: 'user', id: actor, name: `Name ${actor}`, email: `${actor}@mail.example`, metadata: { a: actor } },
  targets: [{ type: 'user', id: `target-${actor}`, name: `Target ${actor}` }],
  context: { ip: `198.51.100.${n % 250}`, user_agent: `agent ${actor}`, session_id: `session-${actor}` },
  changes: [{ path: '/x', before: `before ${actor}`, after: `after ${actor}` }],
  metadata: { note: `note ${actor}` },
  subject: `subject-${actor}`,
  data_class: 'pii',
  producer: { key: 'k' },
  ...overrides,
});
const of = (events: readonly Event[], personsMin?: number) => {
  const anonymiser = new Anonymiser(personsMin);
  for (const one of events) anonymiser.add(one);
  return anonymiser.result();
};

/** Every text in an event that is not clear by design. */
function personalValues(one: Event): string[] {
  const { id, tenant, occurred_at, received_at, action, category, crud, severity, data_class, producer, ...rest } = one;
  const found: string[] = [];
  const walk = (value: unknown) => {
    if (typeof value === 'string') found.push(value);
    else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) walk(inner);
  };
  walk(rest);
  return [...found.filter((value) => !['user', 'success', '/x'].includes(value)), id];
}

describe('anonymise', () => {
  test('counts what many did, and holds no personal value', () => {
    const events = Array.from({ length: 2000 }, (_, n) =>
      event(n, `person-${n % 40}`, n % 3 ? {} : { action: 'document.view', category: 'user_activity' }),
    );
    const result = of(events);
    expect(result.cells.reduce((sum, cell) => sum + cell.events, 0)).toBe(2000);
    const text = JSON.stringify(result);
    const values = events.flatMap(personalValues);
    const found = values.filter((value) => text.includes(value));
    console.log(
      `anonymised: ${values.length} personal values looked for in ${text.length} characters, ${found.length} found`,
    );
    expect(found).toEqual([]);
  });

  test('leaves out what fewer than five did, however often, and says only how many cells', () => {
    const few = Array.from({ length: 1000 }, (_, n) => event(n, `p${n % 4}`, { action: 'rare.thing' }));
    const many = Array.from({ length: 5 }, (_, n) => event(n, `p${n}`));
    expect(of([...few, ...many])).toEqual({
      personsMin: 5,
      cells: [{ day: '2026-03-01', category: 'auth_events', action: 'user.login', outcome: 'success', events: 5 }],
      suppressedCells: 1,
    });
  });

  test('no cell is about fewer persons than asked for, whatever is counted', () => {
    const arbitrary = fc.array(fc.record({ person: fc.nat(8), action: fc.constantFrom('a.b', 'c.d', 'e.f') }));
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 2, max: 6 }), (drawn, personsMin) => {
        const { cells, suppressedCells } = of(
          drawn.map(({ person, action }, n) => event(n, `p${person}`, { action })),
          personsMin,
        );
        for (const { action, events } of cells) {
          const mine = drawn.filter((one) => one.action === action);
          expect(new Set(mine.map(({ person }) => person)).size).toBeGreaterThanOrEqual(personsMin);
          expect(events).toBe(mine.length);
        }
        expect(cells.length + suppressedCells).toBe(new Set(drawn.map(({ action }) => action)).size);
      }),
    );
    expect(() => new Anonymiser(1)).toThrow(RangeError);
  });
});
