import { describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import { Unavailable } from '#core/record/ports.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import { createRecorder, eventBy } from '#functions/runtime/recorder.ts';
import { MemoryOutlet } from '#test/support/memory.ts';

const tenant = '01890000-0000-7000-8000-00000000000a';
const now = new Date('2026-03-01T10:00:00.000Z');
const caller = (more: Partial<Caller> = {}): Caller => ({
  tenant,
  kind: 'key',
  keyId: 'aaaaaaaaaaaaaaaaaaaa',
  scopes: [],
  eventsPerSecond: 1,
  ...more,
});

function recording() {
  const outlets = { critical: new MemoryOutlet(), bulk: new MemoryOutlet() };
  const eventsOf = (outlet: MemoryOutlet) =>
    outlet.messages.flatMap(({ body }) => {
      const opened = openEnvelope(body);
      return opened.ok ? opened.value.lines.map(({ event }) => event) : [];
    });
  return { recorder: createRecorder(outlets), outlets, eventsOf };
}

describe("Trailkeep's own events", () => {
  test('take the road of every event, by a producer that no key is called', async () => {
    const { recorder, outlets, eventsOf } = recording();
    await recorder.record(
      tenant,
      [eventBy(caller(), { action: 'audit_log.search' }), eventBy(caller(), { action: 'role.put' })],
      now,
    );
    expect(eventsOf(outlets.bulk)).toMatchObject([
      { tenant, action: 'audit_log.search', producer: { key: 'trailkeep' }, received_at: now.toISOString() },
    ]);
    expect(eventsOf(outlets.critical)).toMatchObject([
      { action: 'role.put', actor: { type: 'api_key', id: 'aaaaaaaaaaaaaaaaaaaa' } },
    ]);
  });

  test('name the person, and the customer a support session acts for', () => {
    const person = { id: 'sam', name: 'Sam', onBehalfOf: { type: 'user', id: 'customer-7' } };
    expect(eventBy(caller({ kind: 'person', person }), { action: 'audit_log.read' })).toEqual({
      action: 'audit_log.read',
      actor: { type: 'user', id: 'sam', name: 'Sam' },
      on_behalf_of: [{ type: 'user', id: 'customer-7' }],
    });
    expect(eventBy(caller({ serviceAccount: 'service:ci' }), { action: 'audit_log.read' }).actor).toEqual({
      type: 'service',
      id: 'service:ci',
    });
  });

  test('that cannot be kept are an error: what they tell of must not happen unseen', async () => {
    const { recorder, outlets } = recording();
    outlets.bulk.down = true;
    const recorded = recorder.record(tenant, [eventBy(caller(), { action: 'audit_log.search' })], now);
    await expect(recorded).rejects.toBeInstanceOf(Unavailable);
  });
});
