import { beforeEach, describe, expect, test } from 'vitest';
import type { TenantPolicy } from '#core/access/access.ts';
import type { Tier } from '#core/event/event.ts';
import { type IntakePorts, intake } from '#functions/record/intake.queue.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';
import { tenantA, tenantB } from '#test/support/events.ts';

const login = { action: 'user.login', actor: { type: 'user', id: 'u1' } };
const policy: TenantPolicy = {
  v: 1,
  tenant: tenantA,
  name: 'A',
  catalogue: [],
  tiers: {},
  schemaMode: 'refuse',
  schemas: [],
};

let sent: { tier: Tier; body: string; group: string }[];
let buried: { body: string; code: string; reason: string; messageId: string; source: string }[];
let ports: IntakePorts;

beforeEach(() => {
  sent = [];
  buried = [];
  const outlet = (tier: Tier) => ({
    send: async (messages: readonly { body: string; group: string }[]) => {
      sent.push(...messages.map(({ body, group }) => ({ tier, body, group })));
    },
  });
  ports = {
    control: {
      tenant: async (tenant) => (tenant === tenantA ? policy : undefined),
      intakeTenant: async (queue) => (queue === 'intake-a' ? tenantA : undefined),
    },
    deadLetters: { bury: async (message) => void buried.push(message) },
    outlets: { critical: outlet('critical'), bulk: outlet('bulk') },
  };
});

const messageOf = (body: string, overrides: Partial<QueueMessage> = {}): QueueMessage => ({
  messageId: 'm0',
  body,
  queue: 'intake-a',
  receiveCount: 1,
  sentAt: Date.parse('2026-03-01T12:00:00.000Z'),
  ...overrides,
});
const stored = () =>
  sent.flatMap(({ body }) => {
    const opened = openEnvelope(body);
    return opened.ok ? opened.value.lines.map(({ event }) => event) : [];
  });

describe('a producer inside AWS', () => {
  for (const [form, body] of Object.entries({
    'one event': JSON.stringify(login),
    'an array': JSON.stringify([login, login]),
    NDJSON: `${JSON.stringify(login)}\n${JSON.stringify(login)}`,
    'a CloudEvent': JSON.stringify({
      specversion: '1.0',
      id: '1',
      source: '/x',
      type: 'user.login',
      data: { actor: login.actor },
    }),
  })) {
    test(`may send ${form}`, async () => {
      expect(await intake(ports, [messageOf(body)])).toEqual([]);
      expect(stored().length).toBeGreaterThan(0);
      expect(stored()[0]).toMatchObject({ tenant: tenantA, action: 'user.login', producer: { key: 'intake-a' } });
      expect(sent[0]!.group).toBe(tenantA);
      expect(buried).toEqual([]);
    });
  }

  test('cannot name a tenant: the item is buried', async () => {
    await intake(ports, [messageOf(JSON.stringify({ ...login, tenant: tenantB }))]);
    expect(stored()).toEqual([]);
    expect(buried).toMatchObject([{ code: 'event_invalid', source: 'intake-a', messageId: 'm0' }]);
  });

  test('sends a bad item: it is buried alone with its reason, the rest goes on', async () => {
    await intake(ports, [messageOf(JSON.stringify([login, { action: 'x' }, login]))]);
    expect(stored()).toHaveLength(2);
    expect(buried).toMatchObject([{ code: 'event_invalid', body: '{"action":"x"}' }]);
  });

  test('sends garbage: the whole message is buried', async () => {
    await intake(ports, [messageOf('[{"action"'), messageOf(JSON.stringify(login), { messageId: 'm1' })]);
    expect(stored()).toHaveLength(1);
    expect(buried).toMatchObject([{ body: '[{"action"' }]);
  });

  test('is delivered again: the events have the same ids and bytes', async () => {
    const message = messageOf(JSON.stringify([login, login]));
    await intake(ports, [message]);
    const first = stored();
    sent = [];
    await intake(ports, [{ ...message, receiveCount: 2 }]);
    expect(stored()).toEqual(first);
    expect(new Set(first.map(({ id }) => id)).size).toBe(2);
  });
});

test('a queue that belongs to nobody: the message is buried', async () => {
  await intake(ports, [messageOf(JSON.stringify(login), { queue: 'intake-x' })]);
  expect(stored()).toEqual([]);
  expect(buried).toMatchObject([{ code: 'message_foreign' }]);
});
