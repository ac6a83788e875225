import { afterEach, describe, expect, test } from 'vitest';
import type { TrailkeepError } from '#client/error.ts';
import { createTrailkeep, type TrailkeepOptions } from '#client/trailkeep.ts';
import type { EventInput } from '#core/event/event.ts';
import { answer, eventsOf, problem, type Rule, type StandIn, standIn } from './stand-in.ts';

const open: StandIn[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const eventOf = (number: number): EventInput => ({
  action: 'user.login',
  actor: { type: 'user', id: 'u1' },
  external_id: `e${number}`,
});
const idsOf = (events: readonly object[]): unknown[] =>
  events.map((event) => ('external_id' in event ? event.external_id : undefined));

async function start(rule?: Rule, options: Partial<TrailkeepOptions> = {}) {
  const api = await standIn(rule);
  open.push(api);
  const told: { readonly code: string; readonly lost: readonly unknown[] }[] = [];
  const trail = createTrailkeep({
    url: api.url,
    apiKey: 'tk_key_secret',
    retries: 0,
    sleep: async () => {},
    onError: ({ code }: TrailkeepError, lost) => told.push({ code, lost: idsOf(lost) }),
    ...options,
  });
  return { api, trail, told };
}

/** A gate that requests wait at. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

const until = async (isSo: () => boolean) => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe('batching', () => {
  test('an event leaves at once when nothing is on its way', async () => {
    const { api, trail } = await start();
    trail.record(eventOf(1));
    await until(() => trail.counts().accepted === 1);
    expect(idsOf(api.events())).toEqual(['e1']);
    expect(trail.counts()).toEqual({ recorded: 1, accepted: 1, refused: 0, dropped: 0, waiting: 0 });
  });

  test('what comes while a request is under way leaves in one more', async () => {
    const first = gate();
    const { api, trail, told } = await start((_, _response, number) => number === 1 && first.opened);
    trail.record(eventOf(0));
    await until(() => api.taken.length === 1);
    for (let number = 1; number <= 50; number++) trail.record(eventOf(number));
    first.open();
    expect(await trail.flush()).toBe(true);
    // flush() itself may send what waits beside the first; either way it is one more request.
    expect(api.taken.map((one) => eventsOf(one).length)).toEqual([1, 50]);
    expect(new Set(api.taken.map(({ headers }) => headers['idempotency-key'])).size).toBe(2);
    expect(told).toEqual([]);
  });

  test('no batch is larger than maxEvents, and nothing is lost or changes its order', async () => {
    const { api, trail } = await start(undefined, { batch: { maxEvents: 10 } });
    for (let number = 0; number < 95; number++) trail.record(eventOf(number));
    await trail.flush();
    expect(api.taken.every((one) => eventsOf(one).length <= 10)).toBe(true);
    expect(new Set(idsOf(api.events())).size).toBe(95);
  });

  test('the time is when it was recorded, unless the event has its own', async () => {
    const { api, trail } = await start();
    trail.record(eventOf(1));
    trail.record({ ...eventOf(2), occurred_at: '2026-01-01T00:00:00Z' });
    await trail.flush();
    const [first, second] = api.events();
    expect(first!.occurred_at).toMatch(/^\d{4}-.*Z$/);
    expect(second!.occurred_at).toBe('2026-01-01T00:00:00Z');
  });

  test('an event that changes after it was recorded is sent as it was', async () => {
    const { api, trail } = await start();
    const metadata: { n: number } = { n: 1 };
    trail.record({ ...eventOf(1), metadata });
    metadata.n = 2;
    await trail.flush();
    expect(api.events()[0]!.metadata).toEqual({ n: 1 });
  });
});

describe('when the API fails', () => {
  test('a batch keeps its key and its body from one delivery to the next', async () => {
    const { api, trail, told } = await start(
      (_, response, number) => number <= 2 && problem(response, 503, 'unavailable'),
    );
    trail.record(eventOf(1));
    trail.record(eventOf(2));
    expect(await trail.flush()).toBe(false);
    expect(await trail.flush()).toBe(false);
    expect(await trail.flush()).toBe(true);
    expect(new Set(api.taken.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(new Set(api.taken.map(({ body }) => body)).size).toBe(1);
    expect(told).toEqual([
      { code: 'unavailable', lost: [] },
      { code: 'unavailable', lost: [] },
    ]);
  });

  test('it comes back by itself', async () => {
    const { trail } = await start((_, response, number) => number === 1 && problem(response, 503, 'unavailable'));
    trail.record(eventOf(1));
    await until(() => trail.counts().accepted === 1);
  });

  test('a server that is down: record neither throws nor waits, and it is told', async () => {
    const { api, trail, told } = await start();
    await api.close();
    for (let number = 0; number < 100; number++) expect(trail.record(eventOf(number))).toBeUndefined();
    expect(await trail.flush()).toBe(false);
    expect(told[0]).toEqual({ code: 'network', lost: [] });
    expect(trail.counts()).toMatchObject({ recorded: 100, accepted: 0, dropped: 0, waiting: 100 });
    await trail.close(50);
    expect(trail.counts()).toMatchObject({ dropped: 100, waiting: 0 });
    expect(told.flatMap(({ lost }) => lost)).toHaveLength(100);
  });

  test('a listener that throws breaks nothing', async () => {
    const { trail } = await start((_, response) => problem(response, 503, 'unavailable'), {
      onError: () => {
        throw new Error('from the listener');
      },
    });
    trail.record(eventOf(1));
    expect(await trail.flush()).toBe(false);
    await trail.close(0);
    trail.record(eventOf(2));
    expect(trail.counts()).toEqual({ recorded: 2, accepted: 0, refused: 0, dropped: 2, waiting: 0 });
  });

  test('beyond maxQueued the oldest is dropped, counted and told', async () => {
    const first = gate();
    const { api, trail, told } = await start((_, _response, number) => number === 1 && first.opened, {
      batch: { maxQueued: 3 },
    });
    trail.record(eventOf(0));
    await until(() => api.taken.length === 1);
    for (let number = 1; number <= 5; number++) trail.record(eventOf(number));
    expect(told).toEqual([
      { code: 'queue_full', lost: ['e1'] },
      { code: 'queue_full', lost: ['e2'] },
    ]);
    first.open();
    await trail.flush();
    expect(idsOf(api.events())).toEqual(['e0', 'e3', 'e4', 'e5']);
    expect(trail.counts()).toEqual({ recorded: 6, accepted: 4, refused: 0, dropped: 2, waiting: 0 });
  });

  test('strict: a full queue throws and keeps what it has', async () => {
    const { trail } = await start(() => new Promise(() => {}), { strict: true, batch: { maxQueued: 1 } });
    trail.record(eventOf(1));
    expect(() => trail.record(eventOf(2))).toThrow('queue_full');
    await trail.close(0);
  });

  test('a refused key loses the batch and says so', async () => {
    const { api, trail, told } = await start((_, response) => problem(response, 401, 'unauthenticated'));
    trail.record(eventOf(1));
    await trail.flush();
    expect(told).toEqual([{ code: 'unauthenticated', lost: ['e1'] }]);
    expect(trail.counts()).toMatchObject({ dropped: 1, waiting: 0 });
    expect(api.taken).toHaveLength(1);
  });

  test('refused events are told alone; the others went in', async () => {
    const { trail, told } = await start((_, response) =>
      answer(response, 202, {
        accepted: 1,
        refused: 1,
        items: [
          { index: 0, status: 'accepted', id: 'a', tier: 'bulk' },
          { index: 1, status: 'refused', code: 'event_invalid', detail: 'No.' },
        ],
      }),
    );
    trail.record(eventOf(1));
    trail.record(eventOf(2));
    expect(await trail.flush()).toBe(true);
    expect(told).toEqual([{ code: 'event_invalid', lost: ['e2'] }]);
    expect(trail.counts()).toEqual({ recorded: 2, accepted: 1, refused: 1, dropped: 0, waiting: 0 });
  });

  test('an event that is no JSON is told and does not stop the others', async () => {
    const { api, trail, told } = await start();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    trail.record({ ...eventOf(1), metadata: circle } as unknown as EventInput);
    trail.record(eventOf(2));
    await trail.flush();
    expect(told).toEqual([{ code: 'event_unwritable', lost: ['e1'] }]);
    expect(idsOf(api.events())).toEqual(['e2']);
  });
});

describe('the end', () => {
  test('close sends what waits, then takes no more', async () => {
    const { api, trail, told } = await start();
    for (let number = 0; number < 10; number++) trail.record(eventOf(number));
    await trail.close();
    expect(api.events()).toHaveLength(10);
    trail.record(eventOf(10));
    expect(told).toEqual([{ code: 'closed', lost: ['e10'] }]);
    await trail.close();
    expect(api.events()).toHaveLength(10);
  });

  test('close does not wait for a server that never answers', async () => {
    const { trail, told } = await start(() => new Promise(() => {}));
    trail.record(eventOf(1));
    await trail.close(20);
    expect(told.flatMap(({ lost }) => lost)).toEqual(['e1']);
    expect(trail.counts()).toMatchObject({ dropped: 1, waiting: 0 });
  });

  test('flush with nothing recorded is done', async () => {
    const { api, trail } = await start();
    expect(await trail.flush()).toBe(true);
    expect(api.taken).toEqual([]);
  });
});
