/** Questions to the whole archive through the client. */
import { expect, test } from 'vitest';
import { queries } from '#client/queries.ts';
import type { Call } from '#client/transport.ts';
import { eventAt } from '#test/support/lines.ts';

const coverage = { complete: true, commit: '7' };

/** A transport that answers in order and keeps what it was asked. */
function told(...answers: object[]) {
  const calls: Call[] = [];
  const transport = async <T>(call: Call) => {
    calls.push(call);
    return answers.shift() as T;
  };
  return { calls, client: queries(transport) };
}

const all = async <T>(from: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const one of from) list.push(one);
  return list;
};

test('a query is asked, waited for and read to its end', async () => {
  const page = { complete: true, limited: false, coverage };
  const { calls, client } = told(
    { id: 'q/1', state: 'queued' },
    { id: 'q/1', state: 'running' },
    { id: 'q/1', state: 'succeeded' },
    { ...page, events: [eventAt(1)], next_cursor: 'c' },
    { ...page, events: [eventAt(2)], next_cursor: null },
  );
  const { id } = await client.ask({ actor: 'ada', limit: 100_000 });
  expect((await client.ended(id, 0)).state).toBe('succeeded');
  expect((await all(client.results(id))).map((event) => event.id)).toEqual([eventAt(1).id, eventAt(2).id]);
  expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /v1/queries',
    'GET /v1/queries/q%2F1',
    'GET /v1/queries/q%2F1',
    'GET /v1/queries/q%2F1/results',
    'GET /v1/queries/q%2F1/results?cursor=c',
  ]);
});

test('an answer that is not all there is ends with an error, after its events', async () => {
  for (const [limited, why] of [
    [true, 'its limit ended it'],
    [false, 'out of reach'],
  ] as const) {
    const { client } = told({ events: [eventAt(1)], next_cursor: null, complete: false, limited, coverage });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of client.results('q-1')) seen.push(event.id);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'query_incomplete', detail: expect.stringContaining(why) });
    expect(seen).toEqual([eventAt(1).id]);
  }
});
