/** What is handed out of the log: everything in it can be checked without us, and nothing of it is another's. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import type { Problem } from '#core/event/problem.ts';
import { fromBase64 } from '#core/proof/bytes.ts';
import { openCheckpoint, parseCheckpoint } from '#core/proof/checkpoint.ts';
import { commitmentOf } from '#core/proof/commitment.ts';
import { decodeEntry } from '#core/proof/entry.ts';
import { parseNote, parseVerifier } from '#core/proof/note.ts';
import { bundlePaths, pathsToRoot, rangeRoot } from '#core/proof/range.ts';
import { decodeBundle } from '#core/proof/tiles.ts';
import { parseProof } from '#core/proof/tlog-proof.ts';
import { leafHash, verifyConsistency, verifyInclusion } from '#core/proof/tree.ts';
import { logs } from '#functions/proof/logs.http.ts';
import { prove } from '#functions/proof/prove.http.ts';
import { range } from '#functions/proof/range.http.ts';
import { tiles } from '#functions/proof/tiles.http.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { callerA, tenantB } from '#test/support/events.ts';
import { asking, auditor, eventOf, proofWorld } from './proof-world.ts';

let world: Awaited<ReturnType<typeof proofWorld>>;
const sealed: Event[] = [];
const late = eventOf({ action: 'doc.late' });
const twice = eventOf({ action: 'doc.twice' });
const foreign = eventOf({ tenant: tenantB });
const health = eventOf({ data_class: 'phi', category: 'critical' });

beforeAll(async () => {
  world = await proofWorld('prove');
  const batch = (count: number, overrides: Partial<Event> = {}) => {
    const events = Array.from({ length: count }, () => eventOf(overrides));
    sealed.push(...events);
    return events;
  };
  await world.commit('bulk', [...batch(300), twice]);
  await world.commit('critical', [...batch(40), health]);
  await world.seal();
  await world.commit('bulk', [twice, foreign, ...batch(400)]);
  await world.seal();
  await world.seal(tenantB);
  await world.commit('critical', [late]);
}, 60_000);
afterAll(() => world.end());

const caught = (work: Promise<unknown>): Promise<Problem> =>
  work.then(
    () => Promise.reject(new Error('it was answered')),
    (error: Problem) => error,
  );
const proofOf = async (id: string, more: Parameters<typeof asking>[0] = {}) =>
  prove(world.ports, asking({ path: `/v1/events/${id}/proof`, params: { eventId: id }, ...more }));
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
const bodyOf = async (answer: Promise<{ readonly body?: unknown }>): Promise<any> => (await answer).body;
const hashesOf = (texts: readonly string[]) => texts.map((text) => fromBase64(text)!);
const rootOf = (note: string) => parseCheckpoint(parseNote(note)!.text)!.root;

describe('the proof of one event', () => {
  test('leads from the stored line to a checkpoint that the log signed, for every event', async () => {
    const seen = new Set<number>();
    for (const event of [...sealed.filter((_, n) => n % 37 === 0), health]) {
      const proof = await bodyOf(proofOf(event.id));
      const entry = decodeEntry(new TextEncoder().encode(proof.entry))!;
      expect(entry.id).toBe(event.id);
      expect(Buffer.from(entry.commitment)).toEqual(Buffer.from(commitmentOf(c, proof.line)));
      expect(JSON.parse(proof.line)).toMatchObject({ id: event.id, salt: expect.stringMatching(/^[\w-]{22}$/) });
      const verifier = parseVerifier(c, proof.verifier)!;
      const checkpoint = openCheckpoint(c, proof.checkpoint, verifier)!;
      expect(checkpoint).toMatchObject({ origin: proof.origin, size: proof.size });
      const leaf = leafHash(c, new TextEncoder().encode(proof.entry));
      const { index, size } = proof;
      expect(verifyInclusion(c, { index, size, leaf, proof: hashesOf(proof.hashes), root: checkpoint.root })).toBe(
        true,
      );
      seen.add(index);
    }
    expect(seen.size).toBe(21);
  });

  test('as text it is a tlog-proof whose extra line is the entry', async () => {
    const [event] = sealed;
    const { body, headers } = await proofOf(event!.id, { headers: { accept: 'text/plain' } });
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8' });
    const proof = parseProof(String(body))!;
    expect(decodeEntry(proof.extra!)?.id).toBe(event!.id);
    const { index, hashes, checkpoint } = proof;
    const { size, root } = parseCheckpoint(parseNote(checkpoint)!.text)!;
    expect(verifyInclusion(c, { index, size, leaf: leafHash(c, proof.extra!), proof: hashes, root })).toBe(true);
  });

  test('?size= asks for an older checkpoint', async () => {
    const proof = await bodyOf(proofOf(sealed[3]!.id, { query: new URLSearchParams('size=342') }));
    expect(proof.size).toBe(342);
    const leaf = leafHash(c, new TextEncoder().encode(proof.entry));
    const { index, size, checkpoint } = proof;
    const root = rootOf(checkpoint);
    expect(verifyInclusion(c, { index, size, leaf, proof: hashesOf(proof.hashes), root })).toBe(true);
    const never = await caught(proofOf(sealed[3]!.id, { query: new URLSearchParams('size=341') }));
    expect(never.fault.code).toBe('not_found');
    const before = await caught(proofOf(sealed.at(-1)!.id, { query: new URLSearchParams('size=342') }));
    expect(before.fault.code).toBe('request_invalid');
    for (const size of ['', '-1', '1e3', '0342', '9007199254740993']) {
      const wrong = await caught(proofOf(sealed[3]!.id, { query: new URLSearchParams({ size }) }));
      expect(wrong.fault.code, size).toBe('request_invalid');
    }
  });

  test('an event that has two leaves is proved by the one that readers see', async () => {
    const proof = await bodyOf(proofOf(twice.id));
    expect(proof.index).toBeLessThan(301);
    expect(decodeEntry(new TextEncoder().encode(proof.entry))!.id).toBe(twice.id);
    expect(Buffer.from(decodeEntry(new TextEncoder().encode(proof.entry))!.commitment)).toEqual(
      Buffer.from(commitmentOf(c, proof.line)),
    );
  });

  test('says which fields nobody can open any more', async () => {
    const proof = await bodyOf(proofOf(sealed[1]!.id));
    expect(proof.erased).toBeUndefined();
    const [{ key, at }] = JSON.parse(proof.line).sealed;
    world.subjectKeys.states.set(key, 'shredded');
    try {
      const again = await bodyOf(proofOf(sealed[1]!.id));
      expect(again.erased).toEqual(at);
      expect(again.line).toBe(proof.line);
    } finally {
      world.subjectKeys.states.delete(key);
    }
  });

  test('a look is recorded before the answer, and without the record there is none', async () => {
    world.recorder.recorded.length = 0;
    await proofOf(sealed[0]!.id);
    expect(world.recorder.recorded).toMatchObject([
      { event: { action: 'audit_log.proof', metadata: { event: sealed[0]!.id } } },
    ]);
    world.recorder.down = true;
    await expect(proofOf(sealed[0]!.id)).rejects.toMatchObject({ name: 'Unavailable' });
    world.recorder.down = false;
  });

  test('what is not sealed yet says when it is due', async () => {
    const problem = await caught(proofOf(late.id));
    expect(problem).toMatchObject({ status: 409, fault: { code: 'proof_pending' }, retryAfterSeconds: 5 });
    const due = Date.parse(String(problem.extensions.due_at));
    expect(due - Date.now()).toBeGreaterThan(0);
    expect(due - Date.now()).toBeLessThanOrEqual(60_000);
  });

  test('what was stored before there were logs says so', async () => {
    const { ownerSql } = world.database;
    await ownerSql`update record.segment_part set first_leaf = null where first_leaf = 342`;
    const problem = await caught(proofOf(sealed.at(-1)!.id));
    expect(problem.fault.code).toBe('proof_unavailable');
    await ownerSql`update record.segment_part set first_leaf = 342
      where first_leaf is null and tenant_id = ${auditor.tenant}`;
  });

  test('a foreign event, a missing one, one that the caller may not see, and nonsense are answered alike', async () => {
    const project = { ...auditor, project: 'shop' };
    const answers = await Promise.all([
      caught(proofOf(foreign.id)),
      caught(proofOf('01890000-0000-7000-8000-00000000ffff')),
      caught(proofOf('../checkpoint')),
      caught(proofOf(sealed[0]!.id, { caller: project })),
    ]);
    for (const answer of answers) expect(answer.fault).toEqual(answers[0]!.fault);
    expect(answers[0]!.fault.code).toBe('not_found');
  });

  test('takes both permissions', async () => {
    for (const scopes of [['proofs:read'], ['events:read']] as const) {
      const problem = await caught(proofOf(sealed[0]!.id, { caller: { ...callerA, scopes } }));
      expect(problem.fault.code).toBe('forbidden');
    }
  });
});

describe('the log at its path', () => {
  const slug = 'a'.repeat(26);
  const fetched = (path: string, caller = auditor, of = slug) =>
    tiles(world.ports, asking({ path: `/t/${of}/${path}`, params: { slug: of, path }, caller }));

  test('a checkpoint, keys and tiles are what the bucket holds, byte for byte', async () => {
    for (const path of ['checkpoint', 'keys.txt', 'policy.txt', 'checkpoint-archive/00000000000000000342']) {
      const answer = await fetched(path);
      expect(Buffer.from(answer.body as string)).toEqual(Buffer.from((await world.store.get(slug, path))!));
      expect(answer.headers?.['content-type']).toBe('text/plain; charset=utf-8');
    }
    for (const path of [...pathsToRoot(0, 743, 743), ...bundlePaths(0, 743, 743)]) {
      const answer = await fetched(path);
      expect(answer.body).toEqual(await world.store.get(slug, path));
      expect(answer.headers?.['content-type']).toBe('application/octet-stream');
    }
  });

  test('a partial tile that went is cut from the full one', async () => {
    const [old, bundle] = await Promise.all([fetched('tile/0/001.p/86'), fetched('tile/entries/001.p/86')]);
    expect(await world.store.get(slug, 'tile/0/001.p/86')).toBeUndefined();
    expect(old.body).toEqual((await world.store.get(slug, 'tile/0/001'))!.slice(0, 86 * 32));
    expect(decodeBundle(bundle.body as Uint8Array)).toHaveLength(86);
  });

  test('another log, a path that is spelled otherwise, and what is not there are answered alike', async () => {
    const answers = await Promise.all([
      caught(fetched('checkpoint', auditor, 'b'.repeat(26))),
      caught(fetched('checkpoint', auditor, 'z'.repeat(26))),
      ...['tile/0/3', 'tile/0/000.p/256', 'tile/0/000.p/0', 'tile/00/000', 'tile/0/009', 'tile/0/002.p/9'].map((path) =>
        caught(fetched(path)),
      ),
      ...['', '../incarnation', 'checkpoint/', 'incarnation', 'checkpoint-archive/342', 'Checkpoint'].map((path) =>
        caught(fetched(path)),
      ),
    ]);
    for (const answer of answers) expect(answer.fault).toEqual({ code: 'not_found', detail: 'There is nothing here.' });
    expect((await world.store.get('b'.repeat(26), 'checkpoint'))!.length).toBeGreaterThan(0);
  });

  test('a key of one project does not see the whole log', async () => {
    expect((await caught(fetched('checkpoint', { ...auditor, project: 'shop' }))).fault.code).toBe('forbidden');
  });
});

describe('the state of the log', () => {
  const state = (caller = auditor) => bodyOf(logs(world.ports, asking({ path: '/v1/log', caller })));

  test('tells sizes, the key, and when what is pending is due', async () => {
    expect(await state()).toMatchObject({
      ...{ state: 'active', origin: `trailkeep.test/t/${'a'.repeat(26)}`, path: `/t/${'a'.repeat(26)}/` },
      ...{ leaves: 744, published_size: 743, pending: 1, merge_delay_seconds: { critical: 60, bulk: 900 } },
      pending_due_at: expect.stringMatching(/Z$/),
      verifier: expect.stringMatching(/^trailkeep\.test\/t\/a{26}\+[0-9a-f]{8}\+/),
    });
  });

  test('a tenant without a log has one that begins', async () => {
    const caller = { ...auditor, tenant: '01890000-0000-7000-8000-00000000000c' };
    expect(await state(caller)).toMatchObject({ state: 'initializing', origin: null, leaves: 0, published_size: 0 });
    const problem = await caught(proofOf(sealed[0]!.id, { caller }));
    expect(problem.fault.code).toBe('not_found');
  });
});

describe('consistency', () => {
  const asked = (query: string, headers = {}) =>
    logs(world.ports, asking({ path: '/v1/log/consistency', query: new URLSearchParams(query), headers }));

  test('between any two sizes', async () => {
    const note = (size: number) => `checkpoint-archive/${String(size).padStart(20, '0')}`;
    const text = async (size: number) => new TextDecoder().decode((await world.store.get('a'.repeat(26), note(size)))!);
    const { hashes, from, to } = await bodyOf(asked('from=342'));
    expect([from, to]).toEqual([342, 743]);
    const [root1, root2] = [rootOf(await text(342)), rootOf(await text(743))];
    expect(verifyConsistency(c, { size1: from, size2: to, root1, root2, proof: hashesOf(hashes) })).toBe(true);
    const { body } = await asked('from=342&to=743', { accept: 'text/plain' });
    expect(body).toBe(hashes.map((hash: string) => `${hash}\n`).join(''));
    for (const query of ['from=0', 'from=743', 'from=5&to=5']) expect((await bodyOf(asked(query))).hashes).toEqual([]);
  });

  test('a size that is none, or is not there yet, is refused', async () => {
    for (const query of ['', 'from=', 'from=x', 'from=5&to=4', 'from=-1'])
      expect((await caught(asked(query))).fault.code, query).toBe('request_invalid');
    expect((await caught(asked('from=1&to=744'))).fault.code).toBe('not_found');
  });
});

describe('a period', () => {
  const asked = (from: string, to: string, caller = auditor) =>
    range(world.ports, asking({ method: 'POST', path: '/v1/log/range-proof', json: { from, to }, caller }));
  const whole = ['2020-01-01T00:00:00.000Z', '2100-01-01T00:00:00.000Z'] as const;

  test('lists all its leaves and their neighbours, and they lead to the root', async () => {
    const all = await bodyOf(asked(...whole));
    expect(all).toMatchObject({ start: 0, end: 743, first: 0, last: 743, left: [], right: [] });
    const times = all.entries.map((entry: string) => JSON.parse(entry).t as number);
    // From the second batch on to the end of it, by the times that the database gave.
    const [from, to] = [new Date(times[301]!).toISOString(), new Date(times[342]!).toISOString()];
    const part = await bodyOf(asked(from, to));
    expect(part).toMatchObject({ start: 301, end: 342, first: 300, last: 343 });
    for (const proof of [all, part]) {
      const leaves = proof.entries.map((entry: string) => leafHash(c, new TextEncoder().encode(entry)));
      const { first, size } = proof;
      const root = rangeRoot(c, { first, size, leaves, left: hashesOf(proof.left), right: hashesOf(proof.right) });
      expect(root).toEqual(rootOf(proof.checkpoint));
    }
  });

  test('without leaves is proved by the neighbours that touch', async () => {
    expect(await bodyOf(asked(whole[0], whole[0]))).toMatchObject({ start: 0, end: 0, first: 0, last: 1 });
    const after = await bodyOf(asked('2099-01-01T00:00:00.000Z', whole[1]));
    expect(after).toMatchObject({ start: 743, end: 743, first: 742, last: 743 });
    expect(after.entries).toHaveLength(1);
  });

  test('the look is recorded', async () => {
    world.recorder.recorded.length = 0;
    await asked(...whole);
    expect(world.recorder.recorded).toMatchObject([
      { event: { action: 'audit_log.range_proof', metadata: { leaves: 743 } } },
    ]);
  });

  test('refuses times that are none, and a key of one project', async () => {
    expect((await caught(asked('yesterday', whole[1]))).fault.code).toBe('request_invalid');
    expect((await caught(asked(whole[1], whole[0]))).fault.code).toBe('request_invalid');
    expect((await caught(asked(...whole, { ...auditor, environment: 'test' }))).fault.code).toBe('forbidden');
  });
});
