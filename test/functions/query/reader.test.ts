/** Who sees what of events about people, and what is written down about it. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Caller, Scope } from '#core/access/access.ts';
import { canonical } from '#core/event/canonical.ts';
import type { Event, Json } from '#core/event/event.ts';
import type { Problem } from '#core/event/problem.ts';
import { feed } from '#functions/query/feed.http.ts';
import { search } from '#functions/query/search.http.ts';
import { show } from '#functions/query/show.http.ts';
import { seal } from '#functions/record/seal.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import { createRecorder } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpVerb } from '#functions/runtime/request.ts';
import { callerA } from '#test/support/events.ts';
import { MemoryControl, MemoryOutlet } from '#test/support/memory.ts';
import { readerPorts } from '#test/support/reading.ts';
import { eventOf, World } from './world.ts';

function place() {
  const world = new World();
  const ports = {
    ...world.ports,
    ...readerPorts(),
    clock: () => 0,
    cursorKey: new Uint8Array([1]),
    hmac: (key: Uint8Array, data: string) => new Uint8Array(createHmac('sha256', key).update(data).digest()),
  };
  const store = async (events: readonly Event[], tier: 'critical' | 'bulk' = 'bulk') => {
    const accepted = events.map((one) => {
      const line = canonical(one as unknown as Json);
      return { line, event: JSON.parse(line) as Event };
    });
    const sealed = await seal(
      {
        control: new MemoryControl(),
        subjectKeys: ports.subjectKeys,
        cipher: ports.cipher,
        random: (bytes) => new Uint8Array(bytes),
      },
      accepted,
    );
    const stored = sealed.map(({ event }) => event);
    if (tier === 'critical') world.addCritical(...stored);
    else world.addPart([stored]);
  };
  return { world, ports, store };
}
type Ports = ReturnType<typeof place>['ports'];

interface Asked {
  readonly query?: string;
  readonly id?: string;
  readonly scopes?: readonly Scope[];
  readonly purpose?: string;
}
async function ask(verb: HttpVerb<Ports>, ports: Ports, asked: Asked = {}) {
  const { body } = await verb(ports, requestOf(asked));
  return typeof body === 'string' ? JSON.parse(body) : body;
}
function requestOf({ query = '', id, scopes = ['events:read'], purpose }: Asked): HttpRequest {
  const caller: Caller = { ...callerA, scopes };
  return {
    method: 'GET',
    path: '/',
    params: id === undefined ? {} : { eventId: id },
    query: new URLSearchParams(query),
    headers: purpose === undefined ? {} : { 'trailkeep-purpose': purpose },
    body: undefined,
    caller,
    requestId: 'r',
    sourceIp: '192.0.2.200',
    now: new Date('2026-03-01T12:00:00Z'),
  };
}
const phi = (n: number, more: Partial<Event> = {}): Event => ({
  ...eventOf(n),
  actor: { type: 'user', id: 'dr-who', name: 'The Doctor', email: 'Who@clinic.example' },
  targets: [{ type: 'patient', id: `p-${n}`, name: 'Amy Pond' }],
  context: { ip: '192.0.2.7', user_agent: 'Sonic/1', service: 'ehr' },
  metadata: { note: 'saw the patient' },
  data_class: 'phi',
  ...more,
});

describe('events about people', () => {
  test('of class none are clear to whoever may read; others are masked without being decrypted', async () => {
    const { ports, store } = place();
    await store([phi(1), phi(2, { data_class: 'none' })]);
    const { events } = await ask(search, ports);
    expect(events[0]).toMatchObject({
      actor: { id: 'dr-who', email: 'Who@clinic.example' },
      metadata: { note: 'saw the patient' },
    });
    expect(events[1].actor).toEqual({ type: 'user', id: '[masked]', name: '[masked]', email: '[masked]' });
    expect(events[1].redacted).toMatchObject({ '/actor/id': 'masked', '/metadata': 'masked' });
    expect(JSON.stringify(events[1])).not.toMatch(/who|Pond|Sonic|saw|192\.0\.2\.7|"box"|~/i);
    expect(events[1]).toMatchObject({ context: { service: 'ehr' }, data_class: 'phi', category: phi(1).category });
  });

  test('are clear with the permission and a purpose, and one record names them', async () => {
    const { ports, store } = place();
    await store([phi(1), phi(2), phi(3, { data_class: 'none' })]);
    const unmasking = { scopes: ['events:read', 'fields:unmask'] as const };
    expect((await ask(search, ports, unmasking)).events[1].actor.id).toBe('[masked]');
    expect(ports.recorder.recorded.map(({ event }) => event.action)).toEqual(['audit_log.search']);
    const { events } = await ask(search, ports, { ...unmasking, purpose: 'treatment' });
    expect(events.map((event: Event) => event.actor.id)).toEqual(['dr-who', 'dr-who', 'dr-who']);
    expect(ports.recorder.recorded.slice(1).map(({ event }) => event)).toMatchObject([
      { action: 'audit_log.search', metadata: { purpose: 'treatment', events: 3 }, context: { ip: '192.0.2.200' } },
      {
        action: 'field.unmask',
        metadata: { purpose: 'treatment', events: [phi(2).id, phi(1).id] },
        actor: { id: callerA.keyId },
      },
    ]);
  });

  test('are not answered when the look cannot be recorded', async () => {
    const { ports, store } = place();
    await store([phi(1)]);
    ports.recorder.down = true;
    await expect(ask(search, ports)).rejects.toThrow('unavailable');
    await expect(ask(show, ports, { id: phi(1).id })).rejects.toThrow('unavailable');
    await expect(ask(feed, ports)).rejects.toThrow('unavailable');
  });

  test('are the same by search, by id and in the feed', async () => {
    const { ports, store } = place();
    await store([phi(1)]);
    const [found] = (await ask(search, ports)).events;
    expect(await ask(show, ports, { id: phi(1).id })).toEqual(found);
    expect((await ask(feed, ports)).events).toEqual([found]);
    expect(ports.recorder.recorded.map(({ event }) => event.action)).toEqual([
      'audit_log.search',
      'audit_log.read',
      'audit_log.feed',
    ]);
  });
});

describe('a search for a person', () => {
  const cases = [
    'actor=dr-who',
    'actor.email=WHO@clinic.example',
    'actor_email=who@Clinic.example',
    'ip=192.0.2.7',
    'subject=p-1',
    'subject=dr-who&target=p-1',
    'target=p-1',
  ];
  for (const tier of ['critical', 'bulk'] as const) {
    for (const query of cases) {
      test(`finds by ${query} what is sealed in the ${tier} tier`, async () => {
        const { ports, store } = place();
        const other = { actor: { type: 'user', id: 'rory', email: 'r@x.example' }, context: { ip: '198.51.100.1' } };
        await store([phi(1), phi(2, { ...other, targets: [] })], tier);
        expect((await ask(search, ports, { query })).events.map(({ id }: Event) => id)).toEqual([phi(1).id]);
        expect((await ask(search, ports, { query: query.replaceAll(/(=)\S/g, '$1zz') })).events).toEqual([]);
      });
    }
  }

  test('is recorded with the person as its target and no value that would outlive an erasure', async () => {
    const { ports, store } = place();
    await store([phi(1)]);
    await ask(search, ports, { query: 'subject=p-1&actor.email=who@clinic.example&ip=192.0.2.7&text=Pond' });
    const { event } = ports.recorder.recorded[0]!;
    expect(event.targets).toEqual([{ type: 'person', id: 'p-1' }]);
    expect(JSON.stringify({ ...event, targets: [], context: {} })).not.toMatch(/p-1|who@|192\.0\.2\.7|Pond/);
  });

  test('for somebody nobody knows leaves no key and no name behind', async () => {
    const { ports, store } = place();
    await store([phi(1)]);
    await ask(search, ports, { query: 'actor=nobody,dr-who&subject=stranger' });
    const { event } = ports.recorder.recorded[0]!;
    expect(event.targets).toEqual([{ type: 'person', id: 'dr-who' }]);
    expect(event.metadata).toMatchObject({ filter: { actor: 2, subject: 1 } });
    expect(JSON.stringify(event)).not.toMatch(/nobody|stranger/);
  });

  test('finds words only where the reader sees them', async () => {
    const { ports, store } = place();
    await store([phi(1), phi(2, { data_class: 'none' })]);
    const ids = async (asked: Asked) => (await ask(search, ports, asked)).events.map(({ id }: Event) => id);
    expect(await ids({ query: 'text=pond' })).toEqual([phi(2).id]);
    expect(await ids({ query: 'text=masked' })).toEqual([phi(1).id]);
    expect(
      await ids({ query: 'text=pond', scopes: ['events:read', 'fields:unmask'], purpose: 'treatment' }),
    ).toHaveLength(2);
  });
});

describe('what is asked cannot break the record of it', () => {
  const long = (of: string) =>
    Array.from({ length: 100 }, (_, n) => `${of}${n}${'\u{1f600}'.repeat(500)}`.slice(0, 1024));
  const hostile: Record<string, Record<string, unknown>> = {
    'six lists of a hundred long values': Object.fromEntries(
      ['project', 'environment', 'operation_id', 'external_id', 'target_type', 'data_class'].map((name) => [
        name,
        name === 'data_class' ? 'phi' : long(name),
      ]),
    ),
    'three lists of a hundred people': { actor: long('a'), subject: long('s'), target: long('t') },
    'a NUL, which no event may hold': { project: 'a\u0000b', actor: 'a\u0000b', text: '\u0000' },
    'half of a character': { environment: '\ud800', subject: '\ud800', ip: '\ud800' },
    'a name from the prototype': { operation_id: '__proto__', actor: '__proto__' },
  };
  for (const [name, body] of Object.entries(hostile)) {
    test(name, async () => {
      const { ports, store } = place();
      await store([phi(1)]);
      const outlets = { critical: new MemoryOutlet(), bulk: new MemoryOutlet() };
      const { status } = await search(
        { ...ports, recorder: createRecorder(outlets) },
        { ...requestOf({}), method: 'POST', body: Buffer.from(JSON.stringify(body)) },
      ).catch((error: Problem) => error);
      // Strict JSON refuses some of it at the door, with a code; what comes in is recorded.
      expect([200, 400]).toContain(status);
      expect(outlets.bulk.messages).toHaveLength(status === 200 ? 1 : 0);
    });
  }

  test('a hundred known people with ids of the longest: all are named, in records that fit', async () => {
    const { ports, store } = place();
    const ids = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(1024, '\u4e2d'));
    await store(ids.map((id, n) => phi(n, { targets: [{ type: 'patient', id }] })));
    const outlets = { critical: new MemoryOutlet(), bulk: new MemoryOutlet() };
    const body = Buffer.from(JSON.stringify({ subject: ids }));
    const recorder = createRecorder(outlets);
    await search({ ...ports, recorder }, { ...requestOf({}), method: 'POST', body });
    const records = outlets.bulk.messages.flatMap(({ body }) => {
      const opened = openEnvelope(body);
      return opened.ok ? opened.value.lines.map(({ event }) => event) : [];
    });
    expect(records.flatMap(({ targets }) => targets!.map(({ id }) => id)).sort()).toEqual(ids.sort());
  });

  test('bytes of a query that no event may hold', async () => {
    const { ports } = place();
    const outlets = { critical: new MemoryOutlet(), bulk: new MemoryOutlet() };
    const recorder = createRecorder(outlets) as never;
    const query = 'project=a%00b&actor=a%00b&actor.email=%00&ip=%00&text=%00';
    expect((await ask(search, { ...ports, recorder }, { query })).events).toEqual([]);
    expect(outlets.bulk.messages).toHaveLength(1);
  });

  test('a page of a thousand uncovered events is named whole', async () => {
    const { ports, store } = place();
    await store(Array.from({ length: 1000 }, (_, n) => phi(n)));
    const outlets = { critical: new MemoryOutlet(), bulk: new MemoryOutlet() };
    const asked = { query: 'limit=1000', scopes: ['events:read', 'fields:unmask'] as const, purpose: 'treatment' };
    const { events } = await ask(search, { ...ports, recorder: createRecorder(outlets) as never }, asked);
    const opened = openEnvelope(outlets.critical.messages[0]!.body);
    const [record] = opened.ok ? opened.value.lines : [];
    expect(record!.event.metadata!.events).toEqual(events.map(({ id }: Event) => id));
  });
});

describe('records of reading', () => {
  test('are left out unless they are asked for, and the answer says so', async () => {
    const { ports, store } = place();
    const look: Event = { ...eventOf(5), action: 'audit_log.search', producer: { key: 'trailkeep' } };
    const forged: Event = { ...eventOf(6), action: 'audit_log.search' };
    await store([eventOf(1), look, forged]);
    const plain = await ask(search, ports);
    expect(plain.events.map(({ id }: Event) => id)).toEqual([forged.id, eventOf(1).id]);
    expect(plain.left_out).toEqual(['audit_log.*']);
    const asked = await ask(search, ports, { query: 'action=audit_log.*' });
    expect(asked.events.map(({ id }: Event) => id)).toEqual([forged.id, look.id]);
    expect(asked).not.toHaveProperty('left_out');
    expect((await ask(feed, ports)).events).toHaveLength(2);
    expect((await ask(feed, ports, { query: 'reads=include' })).events).toHaveLength(3);
  });

  test('a feed of nothing but such records is not recorded: it would never end', async () => {
    const { ports, store } = place();
    await store([{ ...eventOf(5), action: 'audit_log.feed', producer: { key: 'trailkeep' } }]);
    expect((await ask(feed, ports, { query: 'reads=include' })).events).toHaveLength(1);
    expect(ports.recorder.recorded).toEqual([]);
  });
});
