import { afterAll, beforeAll, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const one = {
  ...{ id: 'b1', principal: 'ann', reason: 'Patient unconscious.', ticket: null },
  ...{ began_at: '2026-03-01T12:00:00.000Z', until: '2026-03-01T12:30:00.000Z', ended_at: null },
};
const review = { by: 'rita', at: '2026-03-01T13:00:00.000Z', verdict: 'justified', comment: 'The ward confirms it.' };

let api: StubApi;
beforeAll(async () => {
  api = await startStub(({ method, path }) => {
    if (method === 'GET') return { body: { break_glass: [{ ...one, lasts: true, review: null }], next: null } };
    if (path.endsWith('/review')) return { body: { ...one, lasts: false, review } };
    return { status: 201, body: { ...one, lasts: true, review: null } };
  });
});
afterAll(() => api.close());

const run = (...words: string[]) =>
  trailkeep(['break-glass', ...words], { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });
const last = () => api.received.at(-1)!;

test('begin sends the reason, and says that it is on record', async () => {
  const ran = await run('begin', 'Patient unconscious.', '--minutes', '20', '--ticket', 'INC-1');
  expect(ran).toMatchObject({ code: 0, err: expect.stringContaining('on record') });
  expect(JSON.parse(last().body)).toEqual({ reason: 'Patient unconscious.', minutes: 20, ticket: 'INC-1' });
  expect(await run('begin', 'Patient unconscious.', '--minutes', '61')).toMatchObject({ code: 2 });
  expect(await run('begin')).toMatchObject({ code: 2, err: expect.stringContaining('The reason, in quotes') });
});

test('list shows what awaits a review; review sends the verdict', async () => {
  const { out } = await run('list', '--open');
  expect(last().path).toBe('/v1/break-glass?limit=1000&review=open');
  expect(out).toContain('lasts until 2026-03-01T12:30:00.000Z');
  expect(out).toContain('not reviewed');
  const ran = await run('review', 'b1', 'justified', 'The ward confirms it.');
  expect(last()).toMatchObject({ path: '/v1/break-glass/b1/review' });
  expect(ran.out).toContain('review_verdict  justified');
  expect(await run('review', 'b1', 'fine', 'x')).toMatchObject({
    code: 2,
    err: expect.stringContaining('justified or'),
  });
  expect(await run('brake')).toMatchObject({ code: 2 });
});
