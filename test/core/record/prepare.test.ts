import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventBytesMax, type Json } from '#core/event/event.ts';
import { problemKinds } from '#core/event/problem.ts';
import { storedEvent } from '#core/event/schema.ts';
import { uuidFloor } from '#core/event/uuid.ts';
import { type PrepareContext, prepareEvent } from '#core/record/prepare.ts';
import { derivedId } from '#functions/record/ids.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';
import { tenantA } from '#test/support/events.ts';

const receivedAt = new Date('2026-03-01T12:00:00.000Z');
const newId = uuidFloor(receivedAt.getTime());
const by: PrepareContext = {
  tenant: tenantA,
  keyId: 'k',
  receivedAt,
  policy: undefined,
  newId: () => newId,
  derivedId: derivedId(tenantA),
};
const login = { action: 'user.login', actor: { type: 'user', id: 'u' } };
const prepareText = (text: string, context: Partial<PrepareContext> = {}) =>
  prepareEvent({ text }, { ...by, ...context });
const prepare = (event: object, context: Partial<PrepareContext> = {}) => prepareText(JSON.stringify(event), context);
const storedOf = (event: object, context: Partial<PrepareContext> = {}) => {
  const prepared = prepare(event, context);
  if (!prepared.ok) throw new Error(prepared.fault.detail);
  return prepared.value.event;
};
const codeOf = (event: object, context: Partial<PrepareContext> = {}) => {
  const prepared = prepare(event, context);
  return prepared.ok ? 'accepted' : prepared.fault.code;
};

/** An event with every field that a caller may send. */
const everything = {
  ...login,
  id: newId,
  project: 'p',
  environment: 'e',
  occurred_at: '2026-03-01T11:59:00.000Z',
  schema_version: 2,
  category: 'user_activity',
  crud: 'c',
  severity: 'low',
  outcome: { result: 'denied', reason: 'no' },
  data_class: 'pii',
  producer: { seq: 7 },
  on_behalf_of: [login.actor],
  targets: [{ type: 'doc', id: 'd' }],
  context: { ip: '192.0.2.1' },
  operation_id: 'o',
  authorization: [{ permission: 'read', granted: true }],
  changes: [{ path: '/a', before: 1, after: 2 }],
  metadata: { a: { b: [1] } },
  subject: 's',
  idempotency_key: 'i',
  external_id: 'x',
  component: 'c',
  version: '1',
};

describe('the stored event', () => {
  test('holds every field that came, and every field of its shape', () => {
    const event = storedOf(everything, { violation: () => 'why' });
    const { category: _, ...kept } = { ...everything, crud: 'c', severity: 'low', producer: { key: 'k', seq: 7 } };
    expect(event).toMatchObject({ ...kept, category: 'auth_events' });
    expect(Object.keys(JSON.parse(JSON.stringify(event))).sort()).toEqual(Object.keys(storedEvent.shape).sort());
    // In canonical order, or the line would not be the canonical text.
    expect(Object.keys(event)).toEqual(Object.keys(event).sort());
  });

  test('has what a caller may leave out', () => {
    expect(JSON.parse(JSON.stringify(storedOf(login)))).toEqual({
      ...login,
      id: newId,
      tenant: tenantA,
      occurred_at: receivedAt.toISOString(),
      received_at: receivedAt.toISOString(),
      schema_version: 1,
      category: 'auth_events',
      crud: 'c',
      severity: 'info',
      outcome: { result: 'success' },
      data_class: 'none',
      producer: { key: 'k' },
    });
  });

  test('is of the project and environment that the key is bound to', () => {
    expect(storedOf(everything, { project: 'q', environment: 'f' })).toMatchObject({ project: 'q', environment: 'f' });
  });

  test('keeps its shape for any metadata, and its line is its canonical text', () => {
    const value = fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 3 }).map((one) => one as Json);
    const graphemes = fc.string({ unit: 'grapheme', maxLength: 20 });
    const input = fc.record(
      {
        ...Object.fromEntries(Object.entries(everything).map(([name, one]) => [name, fc.constant(one)])),
        metadata: fc.dictionary(fc.oneof(fc.constantFrom('b', '10', '9', 'a'), graphemes), value, {
          noNullPrototype: true,
          maxKeys: 8,
        }),
      },
      { requiredKeys: ['action', 'actor'] as never },
    );
    fc.assert(
      fc.property(input, (event) => {
        const prepared = prepare(event);
        if (!prepared.ok) {
          expect(prepared.fault.code).toMatch(/^(json_|event_id_invalid)/);
          return;
        }
        expect(prepared.value.line).toBe(canonicalize(prepared.value.event));
        const stored = JSON.parse(prepared.value.line);
        expect(stored).toEqual(JSON.parse(JSON.stringify(prepared.value.event)));
        expect(storedEvent.safeParse(stored).error).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });
});

test('a time may lie a day ahead of ours, and not a millisecond more', () => {
  expect(codeOf({ ...login, occurred_at: '2026-03-02T12:00:00Z' })).toBe('accepted');
  expect(codeOf({ ...login, occurred_at: '2026-03-02T12:00:00.001Z' })).toBe('event_time_invalid');
  expect(codeOf({ ...login, occurred_at: '9999-12-31T23:59:59Z' })).toBe('event_time_invalid');
  // The limit moves with the time of receipt.
  const receivedLater = new Date(receivedAt.getTime() + 1);
  expect(codeOf({ ...login, occurred_at: '2026-03-02T12:00:00.001Z' }, { receivedAt: receivedLater })).toBe('accepted');
  expect(codeOf({ ...login, occurred_at: '2026-03-02T12:00:00.001Z' })).toBe('event_time_invalid');
});

describe('the id', () => {
  const at = (ms: number) => uuidFloor(receivedAt.getTime() + ms);
  const week = 7 * 24 * 3_600_000;

  test("a client's UUIDv7 near our time is kept, in lower case", () => {
    for (const ms of [0, -week, 300_000]) expect(storedOf({ ...login, id: at(ms).toUpperCase() }).id).toBe(at(ms));
  });

  test('any other becomes the external id', () => {
    for (const id of ['order-1', at(-week - 1), at(300_001), '017f22e2-79b0-4cc3-98c4-dc0c0c07398f']) {
      expect(storedOf({ ...login, id })).toMatchObject({ id: newId, external_id: id });
    }
  });

  test('is refused when the external id is taken by another, so that none vanishes', () => {
    expect(codeOf({ ...login, id: 'a', external_id: 'b' })).toBe('event_id_invalid');
    expect(storedOf({ ...login, id: 'a', external_id: 'a' }).external_id).toBe('a');
    expect(storedOf({ ...login, id: newId, external_id: 'b' })).toMatchObject({ id: newId, external_id: 'b' });
  });

  test("follows from a producer's idempotency key and time, for each tenant apart", () => {
    const event = { ...login, idempotency_key: 'i', occurred_at: '2026-03-01T11:00:00Z' };
    const { id } = storedOf(event);
    expect(id).not.toBe(newId);
    expect(storedOf(event, { receivedAt: new Date('2026-03-02T12:00:00Z') }).id).toBe(id);
    expect(storedOf(event, { derivedId: derivedId('another') }).id).not.toBe(id);
    expect(storedOf({ ...event, idempotency_key: 'j' }).id).not.toBe(id);
    expect(storedOf({ ...event, occurred_at: '2026-01-01T00:00:00Z' }).id).toBe(newId);
  });
});

describe('refused', () => {
  test('a time more than a day ahead', () => {
    expect(codeOf({ ...login, occurred_at: '2026-03-02T12:00:00.000Z' })).toBe('accepted');
    expect(codeOf({ ...login, occurred_at: '2026-03-02T12:00:00.001Z' })).toBe('event_time_invalid');
    expect(codeOf({ ...login, occurred_at: '2026-02-30T12:00:00.001Z' })).toBe('event_time_invalid');
  });

  test('the byte after the last, whatever the characters', () => {
    for (const unit of ['x', 'é', '名', '😀']) {
      const bare = Buffer.byteLength(JSON.stringify({ ...login, metadata: { pad: '' } }));
      const room = eventBytesMax - bare;
      const width = Buffer.byteLength(unit);
      const pad = unit.repeat(Math.floor(room / width)) + 'x'.repeat(room % width);
      expect(codeOf({ ...login, metadata: { pad } })).toBe('accepted');
      expect(codeOf({ ...login, metadata: { pad: `${pad}x` } })).toBe('event_too_large');
    }
  });
});

describe('never throws', () => {
  const answers = (text: string) => {
    for (const cloudEvents of [false, true, 'marked' as const]) {
      const prepared = prepareText(text, { cloudEvents });
      if (!prepared.ok) expect(Object.keys(problemKinds)).toContain(prepared.fault.code);
    }
  };
  test('for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), answers));
  });
  test('for any JSON, also in the place of any field', () => {
    fc.assert(fc.property(fc.json(), answers));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(everything), 'specversion', 'data'), fc.jsonValue(), (name, value) =>
        answers(JSON.stringify({ ...everything, [name]: value })),
      ),
      { numRuns: 500 },
    );
  });
});

const data = dataFolder('vectors-json');
if (!data) noticeSkip('vectors-json');
test.skipIf(!data)('naughty strings are kept as they are, or refused with a code', () => {
  const naughty = JSON.parse(readFileSync(join(data ?? '', 'blns', 'blns.json'), 'utf8')) as string[];
  const refused: Record<string, number> = {};
  for (const text of naughty) {
    const prepared = prepare({ ...login, actor: { ...login.actor, name: text }, metadata: { text } });
    if (prepared.ok) {
      const stored = JSON.parse(prepared.value.line);
      expect([stored.actor.name, stored.metadata.text]).toEqual([text, text]);
    } else refused[prepared.fault.code] = (refused[prepared.fault.code] ?? 0) + 1;
  }
  console.log(`naughty strings: ${naughty.length}, refused`, refused);
  expect(naughty).toContain('');
  expect(refused).toEqual({});
});
