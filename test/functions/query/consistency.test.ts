/** Which database a request is answered from. */
import { expect, test } from 'vitest';
import { Problem } from '#core/event/problem.ts';
import { type Consistency, reading, readingOne, type Sources } from '#functions/query/consistency.ts';
import type { HttpRequest, HttpVerb } from '#functions/runtime/request.ts';

const strong = { name: 'strong' } as unknown as Sources & { name: string };
const bounded = { name: 'bounded' } as unknown as Sources & { name: string };
type Ports = Sources & { readonly name: string; readonly missingIn: readonly string[] };

async function ask(wrap: typeof reading, query: string, replicated: boolean, missingIn: readonly string[] = []) {
  const asked: Consistency[] = [];
  const verb: HttpVerb<Ports> = async (ports, request) => {
    asked.push(ports.name as Consistency);
    if (ports.missingIn.includes(ports.name)) throw new Problem('not_found', 'There is none.');
    return { status: 200, body: { from: ports.name, query: request.query.toString() } };
  };
  const wrapped = wrap(verb) as HttpVerb<object>;
  const reads = { replicated, from: (consistency: Consistency) => (consistency === 'strong' ? strong : bounded) };
  const request = { query: new URLSearchParams(query) } as unknown as HttpRequest;
  const answer = await wrapped({ reads, missingIn }, request).then(
    ({ body }) => body,
    (problem: Problem) => problem.fault.code,
  );
  return { answer, asked };
}

test.each([reading, readingOne])(
  '%o reads within the bound unless all is asked for, and the verb sees no parameter',
  async (wrap) => {
    expect((await ask(wrap, 'action=a', true)).answer).toEqual({ from: 'bounded', query: 'action=a' });
    expect((await ask(wrap, 'consistency=bounded', true)).answer).toEqual({ from: 'bounded', query: '' });
    expect((await ask(wrap, 'consistency=strong&limit=2', true)).answer).toEqual({ from: 'strong', query: 'limit=2' });
  },
);

test.each(['consistency=weak', 'consistency=', 'consistency=strong&consistency=strong'])(
  '%s is refused',
  async (query) => {
    expect(await ask(reading, query, true)).toEqual({ answer: 'filter_invalid', asked: [] });
  },
);

test('what a replica does not have is asked for once more where it must be', async () => {
  expect(await ask(readingOne, '', true, ['bounded'])).toMatchObject({
    answer: { from: 'strong' },
    asked: ['bounded', 'strong'],
  });
  expect(await ask(readingOne, '', true, ['bounded', 'strong'])).toEqual({
    answer: 'not_found',
    asked: ['bounded', 'strong'],
  });
});

test('without replicas, and for all that is committed, there is one question', async () => {
  expect(await ask(readingOne, '', false, ['strong'])).toEqual({ answer: 'not_found', asked: ['strong'] });
  expect(await ask(readingOne, 'consistency=strong', true, ['strong'])).toEqual({
    answer: 'not_found',
    asked: ['strong'],
  });
});
