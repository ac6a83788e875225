/** Cedar's own integration tests and corpus through our wrapper: decision, reasons and errors agree, every one. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allows, type Entity, type PolicyRequest } from '#core/access/engine.ts';
import { openCedar } from '#stores/cedar/engine.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

interface Case {
  readonly policies: string;
  readonly schema: string;
  readonly entities: readonly Entity[];
  readonly requests: readonly (Omit<PolicyRequest, 'entities'> & {
    readonly decision: 'allow' | 'deny';
    readonly reason: readonly string[];
    readonly errors: readonly string[];
  })[];
}

/** The corpus holds 64-bit integers, which a double would change: they go through as they are written. */
const parse = (text: string) =>
  JSON.parse(text, (_, value, context?: { readonly source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) ? raw(context!.source!) : value,
  );
const raw = (JSON as unknown as { rawJSON(source: string): unknown }).rawJSON;

const data = dataFolder('authz-cedar');
if (!data) noticeSkip('authz-cedar');

async function agreement(cases: readonly Case[]) {
  const count = { requests: 0, agree: 0, allow: 0 };
  for (const { policies, schema, entities, requests } of cases) {
    const engine = await openCedar({ policies, schema });
    for (const { principal, action, resource, context, ...expected } of requests) {
      const answer = engine.decide({ principal, action, resource, context, entities });
      const got = [answer.decision, [...answer.reasons].sort(), answer.errors.map(({ policy }) => policy).sort()];
      const want = [expected.decision, [...expected.reason].sort(), [...expected.errors].sort()];
      count.requests++;
      if (JSON.stringify(got) === JSON.stringify(want)) count.agree++;
      if (answer.decision === 'allow') count.allow++;
    }
  }
  return count;
}

describe.skipIf(!data)("Cedar's own tests", () => {
  test('agree: the 22 written by hand', async () => {
    const read = (path: string) => readFileSync(join(data!, path), 'utf8');
    const files = readdirSync(join(data!, 'tests'), { recursive: true, encoding: 'utf8' });
    const cases = files
      .filter((name) => name.endsWith('.json'))
      .map((name) => {
        const one = parse(read(join('tests', name)));
        return { ...one, policies: read(one.policies), schema: read(one.schema), entities: parse(read(one.entities)) };
      });
    const { requests, agree } = await agreement(cases);
    console.log(`Cedar's tests: ${cases.length} tests, ${agree} of ${requests} requests agree`);
    expect([cases.length, requests, agree]).toEqual([22, 74, 74]);
  });

  test('agree: the corpus', async () => {
    const lines = readFileSync(join(data!, 'corpus.jsonl'), 'utf8').trim().split('\n');
    const { requests, agree, allow } = await agreement(lines.map(parse));
    console.log(`Cedar's corpus: ${lines.length} cases, ${agree} of ${requests} requests agree`);
    expect([lines.length, requests, agree, allow]).toEqual([400, 3200, 3200, 1819]);
  });
});

describe('the wrapper', () => {
  const uid = (type: string) => ({ type, id: 'a' });
  const request = { principal: uid('U'), action: uid('Action'), resource: uid('R'), context: {}, entities: [] };

  test('names the policies that decided by their ids', async () => {
    const engine = await openCedar({
      policies: { all: 'permit (principal, action, resource);', none: 'forbid (principal, action, resource);' },
    });
    expect(engine.decide(request)).toEqual({ decision: 'deny', reasons: ['none'], errors: [] });
  });

  test('keeps engines apart', async () => {
    const yes = await openCedar({ policies: 'permit (principal, action, resource);' });
    const no = await openCedar({ policies: '' });
    expect([yes, no, yes].map((engine) => engine.decide(request).decision)).toEqual(['allow', 'deny', 'allow']);
  });

  test('an allow whose forbid could not be evaluated is no yes', async () => {
    const engine = await openCedar({
      policies: {
        all: 'permit (principal, action, resource);',
        broken: 'forbid (principal, action, resource) when { context.lost };',
      },
    });
    const answer = engine.decide(request);
    expect([answer.decision, answer.errors.map(({ policy }) => policy)]).toEqual(['allow', ['broken']]);
    expect(allows(answer)).toBe(false);
  });

  test('says what is wrong in policies, and refuses requests that do not fit the schema', async () => {
    await expect(openCedar({ policies: 'permit (principal' })).rejects.toThrow('cannot read the policies');
    await expect(openCedar({ policies: '', schema: 'entity' })).rejects.toThrow('cannot read the schema');
    const schema = 'entity U, R; action "a" appliesTo { principal: [U], resource: [R], context: {} };';
    const engine = await openCedar({ policies: 'permit (principal, action, resource);', schema });
    expect(engine.decide(request).decision).toBe('allow');
    expect(() => engine.decide({ ...request, principal: uid('R') })).toThrow('Cedar refused a request');
    expect(() => engine.decide({ ...request, context: { more: 1 } })).toThrow('Cedar refused a request');
  });
});
