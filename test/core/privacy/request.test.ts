/** No path leads to the shredder past the identity check, the second person, or a hold. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { legalBases, readRetention } from '#core/privacy/legal-basis.ts';
import {
  dueAt,
  isEnded,
  type Move,
  mayExecute,
  move,
  noticeDue,
  type PrivacyRequest,
  requestStates,
  type Step,
  transitions,
} from '#core/privacy/request.ts';

const openedAt = new Date('2026-03-01T12:00:00Z');
const request = (overrides: Partial<PrivacyRequest> = {}): PrivacyRequest => ({
  tenant: 't',
  id: 'r',
  version: 1,
  type: 'erasure',
  state: 'received',
  subjectRef: 'ab'.repeat(16),
  subjectBox: 'k.box',
  openedBy: 'one',
  openedAt,
  dueAt: dueAt(openedAt),
  notes: { options: {}, noticed: [] },
  ...overrides,
});
const later = (minutes: number) => new Date(openedAt.getTime() + minutes * 60_000);

const persons = ['one', 'two', 'three'];
/** What ends a walk comes rarely, so that most walks get far. */
const weights: Record<Step, number> = {
  verify: 6,
  approve: 6,
  execute: 6,
  fence: 6,
  complete: 4,
  complete_partially: 4,
  hold: 2,
  resume: 4,
  extend: 2,
  refuse: 1,
  cancel: 1,
  abandon: 1,
};
const drawnMove = fc.record({
  step: fc.constantFrom(...Object.entries(weights).flatMap(([step, weight]) => Array<string>(weight).fill(step))),
  by: fc.constantFrom(...persons),
  minute: fc.nat(90 * 24 * 60),
});
const moveOf = ({ step, by, minute }: { step: string; by: string; minute: number }): Move =>
  ({
    step,
    by,
    at: later(minute),
    method: 'in_person',
    reason: 'r',
    ...(step === 'fence' ? { fenceUntil: later(minute + 6) } : {}),
  }) as unknown as Move;

describe('the state machine', () => {
  test('in 20 000 walks nothing is executed without identity and two persons, and nothing ends before its fence', () => {
    let [executed, completed, steps] = [0, 0, 0];
    fc.assert(
      fc.property(
        fc.constantFrom('erasure', 'access', 'restriction'),
        fc.constantFrom(...persons),
        fc.array(drawnMove, { minLength: 20, maxLength: 60 }),
        (type, openedBy, moves) => {
          let now = request({ type: type as 'erasure', openedBy });
          const log: { state: string; by?: string; step: string }[] = [];
          for (const made of moves.map(moveOf)) {
            const moved = move(now, made);
            if (!moved.ok) continue;
            expect(moved.value.version).toBe(now.version + 1);
            expect(transitions[now.state][made.step]).toBe(moved.value.state);
            log.push({ state: moved.value.state, step: made.step, ...('by' in made ? { by: made.by } : {}) });
            if (made.step === 'execute') {
              executed++;
              expect(mayExecute(now)).toBe(true);
              const verified = log.find(({ step }) => step === 'verify');
              const approved = log.find(({ step }) => step === 'approve');
              expect(verified).toBeDefined();
              expect(approved).toBeDefined();
              expect([openedBy, verified!.by]).not.toContain(approved!.by);
              // A hold that was met is never stepped over: only its end leads on.
              expect(now.state).toBe('approved');
            }
            if (moved.value.state === 'completed' || moved.value.state === 'partially_completed') {
              completed++;
              if (type === 'erasure') {
                expect(now.fenceUntil && made.at >= now.fenceUntil).toBe(true);
                expect(moved.value.subjectRef).toBeUndefined();
              }
            }
            now = moved.value;
            steps++;
          }
        },
      ),
      { numRuns: 20_000 },
    );
    console.log(`20 000 walks, ${steps} steps: ${executed} executions, ${completed} ends; 0 without two persons`);
    expect(executed).toBeGreaterThan(3000);
    expect(completed).toBeGreaterThan(1000);
  });

  test('what is executed without two persons is refused even when the state says approved', () => {
    const forged = request({ state: 'approved', approved: { by: 'one', at: openedAt } });
    expect(move(forged, { step: 'execute', at: openedAt })).toMatchObject({
      ok: false,
      fault: { code: 'second_person_required' },
    });
  });

  test('a shred that was begun is not cancelled, and an end is an end', () => {
    expect(transitions.executing.cancel).toBeUndefined();
    expect(transitions.fencing.cancel).toBeUndefined();
    expect(requestStates.filter(isEnded)).toEqual(['completed', 'partially_completed', 'refused', 'cancelled']);
    expect(transitions.held).not.toHaveProperty('execute');
  });
});

describe('the clock', () => {
  test.each([
    ['2026-03-01T12:00:00Z', '2026-03-31T12:00:00.000Z'],
    ['2026-04-15T00:00:00Z', '2026-05-15T00:00:00.000Z'],
    // A month, where it is shorter than 30 days.
    ['2026-01-31T08:00:00Z', '2026-02-28T08:00:00.000Z'],
    ['2026-02-10T08:00:00Z', '2026-03-10T08:00:00.000Z'],
  ])('what is asked at %s is due at %s', (asked, due) => {
    expect(dueAt(new Date(asked)).toISOString()).toBe(due);
  });

  test('gives notice on day 20, 25 and 30, each once, and starts again after an extension', () => {
    const day = (n: number) => later(n * 24 * 60);
    let now = request();
    const given: [number, number][] = [];
    for (let n = 0; n <= 95; n++) {
      const notice = noticeDue(now, day(n));
      if (notice !== undefined) {
        given.push([n, notice]);
        now = { ...now, notes: { ...now.notes, noticed: [...now.notes.noticed, notice] } };
      }
      if (n === 28) {
        const extended = move(now, { step: 'extend', by: 'one', at: day(n), reason: 'many' });
        if (extended.ok) now = extended.value;
      }
    }
    expect(given).toEqual([
      [20, 10],
      [25, 5],
      [80, 10],
      [85, 5],
      [90, 0],
    ]);
    expect(noticeDue({ ...now, state: 'completed' }, day(200))).toBeUndefined();
  });

  test('is extended once and in time', () => {
    const extend = { step: 'extend', by: 'one', reason: 'many' } as const;
    const once = move(request(), { ...extend, at: later(60) });
    expect(once.ok && once.value.dueAt.toISOString()).toBe('2026-05-30T12:00:00.000Z');
    expect(once.ok && move(once.value, { ...extend, at: later(120) })).toMatchObject({ fault: { code: 'conflict' } });
    expect(move(request(), { ...extend, at: later(31 * 24 * 60) })).toMatchObject({ fault: { code: 'conflict' } });
  });
});

describe('a legal basis', () => {
  const good = {
    retainAuditTrail: true,
    legalBasis: legalBases[1],
    legalReference: ' 45 CFR 164.316(b)(2)(i) ',
    retainUntil: '2032-03-01T00:00:00Z',
  };
  test('is taken when it is whole', () => {
    expect(readRetention(good, openedAt)).toEqual({
      ok: true,
      value: {
        legalBasis: 'art17_3_b_legal_obligation',
        legalReference: '45 CFR 164.316(b)(2)(i)',
        retainUntil: '2032-03-01T00:00:00.000Z',
      },
    });
    expect(readRetention({}, openedAt)).toEqual({ ok: true, value: undefined });
    expect(readRetention({ ...good, retainUntil: '2036-03-01T12:00:00Z' }, openedAt).ok).toBe(true);
  });
  test.each([
    [{ ...good, legalBasis: undefined }, '/legal_basis'],
    [{ ...good, legalBasis: 'because' }, '/legal_basis'],
    [{ ...good, legalReference: '  ' }, '/legal_reference'],
    [{ ...good, retainUntil: undefined }, '/retain_until'],
    [{ ...good, retainUntil: 'tomorrow' }, '/retain_until'],
    [{ ...good, retainUntil: '2026-03-01T12:00:00Z' }, '/retain_until'],
    [{ ...good, retainUntil: '2036-03-01T12:00:01Z' }, '/retain_until'],
    [{ ...good, retainAuditTrail: false }, '/retain_audit_trail'],
  ])('%j is refused at %s', (asked, pointer) => {
    expect(readRetention(asked, openedAt)).toMatchObject({ fault: { code: 'legal_basis_invalid', pointer } });
  });
});
