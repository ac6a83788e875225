/** What an auditor takes along: asked for, built, and a bundle that stands for itself. */
import { createHash } from 'node:crypto';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import type { Problem } from '#core/event/problem.ts';
import { fromBase64 } from '#core/proof/bytes.ts';
import { parseCheckpoint } from '#core/proof/checkpoint.ts';
import { commitmentOf } from '#core/proof/commitment.ts';
import { decodeEntry } from '#core/proof/entry.ts';
import { parseNote, parseVerifier } from '#core/proof/note.ts';
import { proveInclusion, readEntries, treeRoot } from '#core/proof/prove.ts';
import { rangeRoot } from '#core/proof/range.ts';
import { parseProof } from '#core/proof/tlog-proof.ts';
import { leafHash, verifyConsistency, verifyInclusion } from '#core/proof/tree.ts';
import { verifyExport } from '#core/proof/verify-export.ts';
import type { LogFiles } from '#core/proof/verify-log.ts';
import { build } from '#functions/proof/build.queue.ts';
import { exports } from '#functions/proof/exports.http.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { createEventExports } from '#stores/postgres/event-exports.ts';
import { createExports } from '#stores/postgres/exports.ts';
import { tenantB } from '#test/support/events.ts';
import { MemoryOutlet, MemoryPlace } from '#test/support/memory.ts';
import { contextKey } from '#test/support/postgres.ts';
import { asking, auditor, eventOf, proofWorld } from './proof-world.ts';

class MemoryExportParts extends MemoryPlace {
  readonly objects = new Map<string, Uint8Array>();
  async put(tenant: string, id: string, run: string, part: number, bytes: Uint8Array): Promise<void> {
    this.reach();
    this.objects.set(`${tenant}/${id}/${run}-${part}`, Uint8Array.from(bytes));
  }
  async get(tenant: string, id: string, run: string, part: number): Promise<Uint8Array | undefined> {
    this.reach();
    return this.objects.get(`${tenant}/${id}/${run}-${part}`);
  }
}

let world: Awaited<ReturnType<typeof proofWorld>>;
let ports: Parameters<typeof exports>[0] & Parameters<typeof build>[0];
const parts = new MemoryExportParts();
const queue = new MemoryOutlet();
const bulk = Array.from({ length: 600 }, () => eventOf());
const critical = Array.from({ length: 30 }, () => eventOf({ action: 'user.login', category: 'auth_events' }));
const later = Array.from({ length: 300 }, () => eventOf());
const foreign = eventOf({ tenant: tenantB });

let ids = 0;
beforeAll(async () => {
  world = await proofWorld('exports');
  const app = world.database.login('trailkeep_app');
  const none = async () => Promise.reject(new Error('there are no exports of events here'));
  const events = { eventExports: createEventExports(app, contextKey), eventParts: { get: none, link: none } };
  const outlet = { exportQueue: queue, exportParts: parts, ...events };
  const registry = createExports(app, contextKey);
  const newId = () => `01890000-0000-7000-8000-${(++ids).toString(16).padStart(12, '0')}`;
  ports = { ...world.ports, ...outlet, exports: registry, newId };
  await world.commit('bulk', bulk.slice(0, 300));
  await world.seal();
  await world.commit('bulk', bulk.slice(300));
  await world.commit('critical', critical);
  await world.seal();
  await world.commit('bulk', [...later, foreign]);
  await world.seal();
}, 60_000);
afterAll(() => world.end());
beforeEach(() => {
  queue.messages.length = 0;
  world.recorder.recorded.length = 0;
});

const now = new Date('2026-12-01T00:00:00.000Z');
const caught = (work: Promise<unknown>): Promise<Problem> =>
  work.then(
    () => Promise.reject(new Error('it was answered')),
    (error: Problem) => error,
  );
const ask = (json: unknown, caller = auditor) =>
  exports(ports, asking({ method: 'POST', path: '/v1/exports/auditor', json, caller, now }));
const look = (id: string, caller = auditor) =>
  exports(ports, asking({ path: `/v1/exports/${id}`, params: { exportId: id }, caller }));
const content = (id: string, part?: string, caller = auditor) =>
  exports(
    ports,
    asking({
      path: `/v1/exports/${id}/content`,
      params: { exportId: id },
      query: new URLSearchParams(part === undefined ? {} : { part }),
      caller,
    }),
  );
const messageOf = (body: string, at = 'm1') => ({
  ...{ messageId: at, body, queue: 'exports', receiveCount: 1, sentAt: 0 },
});
const work = (at = now) =>
  build(
    ports,
    queue.messages.splice(0).map(({ body }) => messageOf(body)),
    { now: at },
  );
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
const bodyOf = async (answer: Promise<{ readonly body?: unknown }>): Promise<any> => (await answer).body;

type Files = Readonly<Record<string, Uint8Array>>;
const textOf = (files: Files, name: string) => new TextDecoder().decode(files[name]);
const jsonOf = (files: Files, name: string) => JSON.parse(textOf(files, name));
const linesOf = (files: Files) => textOf(files, 'events.jsonl').split('\n').slice(0, -1);
const rootOf = (note: string) => parseCheckpoint(parseNote(note)!.text)!.root;

/** Asked for, built, fetched and unpacked. */
async function bundle(json: unknown, caller = auditor): Promise<Files> {
  const { id } = await bodyOf(ask(json, caller));
  expect(await work()).toEqual([]);
  const state = await bodyOf(look(id, caller));
  expect(state.state).toBe('ready');
  const pieces: Uint8Array[] = [];
  for (let part = 1; part <= state.parts; part++) pieces.push(await bodyOf(content(id, String(part), caller)));
  const zip = Buffer.concat(pieces);
  expect(zip.length).toBe(state.bytes);
  expect(createHash('sha256').update(zip).digest('hex')).toBe(state.sha256);
  return unzipSync(zip);
}

/** When the leaves of a batch were committed, as the log has it. */
async function timeOf(index: number): Promise<string> {
  const slug = (await world.ports.leaves.slug(auditor.tenant))!;
  const [entry] = await readEntries((path) => world.store.get(slug, path), index, index + 1, 930);
  return new Date(decodeEntry(entry!)!.time).toISOString();
}

describe('a period', () => {
  test('its bundle proves every event of it, and that there are no others, from its own files alone', async () => {
    const [from, to] = [await timeOf(300), await timeOf(630)];
    const files = await bundle({ from, to });
    const range = jsonOf(files, 'range.json');
    expect(range).toMatchObject({ size: 930, start: 300, end: 630, first: 299, last: 631 });
    const read = async (path: string) => files[path];
    const root = rootOf(textOf(files, 'checkpoint'));
    expect(await treeRoot(c, read, range.size)).toEqual(root);

    const entries = await readEntries(read, range.first, range.last, range.size);
    const [left, right] = [range.left.map(fromBase64), range.right.map(fromBase64)];
    const leaves = entries.map((entry) => leafHash(c, entry));
    expect(rangeRoot(c, { first: range.first, size: range.size, leaves, left, right })).toEqual(root);
    const lines = linesOf(files);
    expect(lines).toHaveLength(330);
    for (const [at, line] of lines.entries()) {
      const entry = decodeEntry(entries[at + 1]!)!;
      expect(entry.id).toBe(JSON.parse(line).id);
      expect(Buffer.from(entry.commitment)).toEqual(Buffer.from(commitmentOf(c, line)));
    }
    for (const index of [300, 511, 512, 629]) {
      const proof = await proveInclusion(c, read, index, range.size);
      const leaf = leaves[index - range.first]!;
      expect(verifyInclusion(c, { index, size: range.size, leaf, proof, root })).toBe(true);
    }
    expect(jsonOf(files, 'manifest.json')).toEqual({
      ...{ v: 1, type: 'trailkeep-auditor-bundle', origin: range.origin, size: 930, asked: { from, to } },
      ...{ made_at: now.toISOString(), leaves: { start: 300, end: 630 }, events: 330, without: [] },
    });
    // Tiles as the tree of this size has them, and no more.
    expect(
      Object.keys(files)
        .filter((path) => path.startsWith('tile/'))
        .sort(),
    ).toEqual([
      ...['tile/0/001', 'tile/0/002', 'tile/0/003.p/162', 'tile/1/000.p/3'],
      ...['tile/entries/001', 'tile/entries/002'],
    ]);
  });

  test('carries other checkpoints, and the proofs that all tell one history', async () => {
    const files = await bundle({ from: await timeOf(300), to: await timeOf(630) });
    const { proofs, size } = jsonOf(files, 'consistency.json');
    expect(proofs.map((proof: { size: number }) => proof.size)).toEqual([300, 630, 930]);
    const first = await bundle({ from: await timeOf(0), to: await timeOf(300) });
    const older = jsonOf(first, 'consistency.json');
    expect(older.proofs.map((proof: { size: number }) => proof.size)).toEqual([300, 630]);
    const root2 = rootOf(textOf(first, 'checkpoint'));
    for (const proof of older.proofs) {
      const note = textOf(first, `checkpoint-archive/${String(proof.size).padStart(20, '0')}`);
      const hashes = proof.hashes.map(fromBase64);
      const sizes = { size1: proof.size, size2: size, root1: rootOf(note), root2 };
      expect(verifyConsistency(c, { ...sizes, proof: hashes })).toBe(true);
    }
  });

  test('what its asker may not see is named and not shown', async () => {
    const some = eventOf({ category: 'system', data_class: 'none', action: 'job.done' });
    await world.commit('bulk', [some]);
    await world.seal();
    const { sight, ...guard } = world.ports.guard;
    const narrow = {
      ...ports,
      guard: {
        ...guard,
        sight: async (...of: Parameters<typeof sight>) => {
          const whole = await sight(...of);
          return {
            ...whole,
            view: (...kind: Parameters<typeof whole.view>) => (kind[0] === 'system' ? undefined : whole.view(...kind)),
          };
        },
      },
    };
    const json = { from: '2020-01-01T00:00:00Z', to: now.toISOString() };
    await exports(narrow, asking({ method: 'POST', path: '/v1/exports/auditor', json, now }));
    const { id } = JSON.parse(queue.messages[0]!.body);
    await work();
    const files = unzipSync(await bodyOf(content(id)));
    const { without, events } = jsonOf(files, 'manifest.json');
    expect(without).toEqual([{ index: 930, id: some.id, reason: 'withheld' }]);
    expect(events).toBe(930);
    expect(textOf(files, 'events.jsonl')).not.toContain(some.id);
    const byId = exports(
      narrow,
      asking({ method: 'POST', path: '/v1/exports/auditor', json: { ids: [some.id] }, now }),
    );
    const { id: second } = await bodyOf(byId);
    await work();
    expect(jsonOf(unzipSync(await bodyOf(content(second))), 'manifest.json')).toMatchObject({ missing: [some.id] });
  });

  test('what cannot be found any more is named', async () => {
    const [key, object] = [...world.segments.objects][0]!;
    world.segments.objects.delete(key);
    try {
      const files = await bundle({ from: '2020-01-01T00:00:00Z', to: now.toISOString() });
      const { without, events } = jsonOf(files, 'manifest.json');
      expect(without).toHaveLength(300);
      expect(without[7]).toMatchObject({ index: 7, reason: 'gone' });
      expect(new Set(without.map((one: { id: string }) => one.id))).toEqual(
        new Set(bulk.slice(0, 300).map((e) => e.id)),
      );
      expect(events).toBe(631);
    } finally {
      world.segments.objects.set(key, object);
    }
  });

  test('names fields that nobody can open any more', async () => {
    const line = linesOf(await bundle({ ids: [critical[0]!.id] }))[0]!;
    const [{ key, at }] = JSON.parse(line).sealed;
    world.subjectKeys.states.set(key, 'shredded');
    const files = await bundle({ ids: [critical[0]!.id] });
    world.subjectKeys.states.delete(key);
    expect(jsonOf(files, 'erased.json')).toEqual({
      v: 1,
      events: [{ index: expect.any(Number), id: critical[0]!.id, fields: at }],
    });
    expect(linesOf(files)).toEqual([line]);
  });

  test('without events has a proof all the same', async () => {
    const files = await bundle({ from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' });
    expect(linesOf(files)).toEqual([]);
    expect(jsonOf(files, 'range.json')).toMatchObject({ start: 0, end: 0, first: 0, last: 1 });
  });
});

describe('our verifier', () => {
  const filesOf = (files: Files): LogFiles => ({
    read: async (path) => files[path],
    list: async function* (prefix) {
      yield* Object.keys(files).filter((path) => path.startsWith(prefix));
    },
    lines: async (path) =>
      files[path] &&
      (async function* () {
        yield* textOf(files, path).split('\n').slice(0, -1);
      })(),
  });
  const verdictOf = async (files: Files) => {
    const key = parseVerifier(c, textOf(files, 'keys.txt').trim().split('\n').at(-1)!)!;
    return (await verifyExport(c, { keys: [key] }, filesOf(files))).judgement.verdict;
  };

  test('says VERIFIED of a bundle as it is, and TAMPERED when a line or a tile is another', async () => {
    const files = await bundle({ from: await timeOf(300), to: await timeOf(630) });
    expect(await verdictOf(files)).toBe('VERIFIED');
    expect(await verdictOf(await bundle({ ids: [bulk[3]!.id, later[200]!.id] }))).toBe('VERIFIED');
    const line = Buffer.from(textOf(files, 'events.jsonl').replace('"success"', '"failure"'));
    expect(await verdictOf({ ...files, 'events.jsonl': line })).toBe('TAMPERED');
    const tile = Uint8Array.from(files['tile/0/001']!);
    tile[77]! ^= 1;
    expect(await verdictOf({ ...files, 'tile/0/001': tile })).toBe('TAMPERED');
    const lines = textOf(files, 'events.jsonl').split('\n').slice(1).join('\n');
    expect(await verdictOf({ ...files, 'events.jsonl': Buffer.from(lines) })).toBe('MISSING');
  });
});

describe('events by their ids', () => {
  test('each has its proof; unknown and foreign ids are missing', async () => {
    const unknown = '01890000-0000-7000-8000-00000000ffff';
    const some = [later[9]!, bulk[0]!, critical[3]!];
    const files = await bundle({ ids: [...some.map(({ id }) => id), unknown, foreign.id] });
    const manifest = jsonOf(files, 'manifest.json');
    expect(manifest).toMatchObject({ events: 3, missing: [unknown, foreign.id] });
    const found = linesOf(files).map((line) => JSON.parse(line) as Event);
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set(some.map(({ id }) => id)));
    const names = Object.keys(files).filter((name) => name.startsWith('proofs/'));
    expect(names).toHaveLength(3);
    for (const name of names) {
      const { index, hashes, extra, checkpoint } = parseProof(textOf(files, name))!;
      expect(checkpoint).toBe(textOf(files, 'checkpoint'));
      const { size, root } = parseCheckpoint(parseNote(checkpoint)!.text)!;
      expect(verifyInclusion(c, { index, size, leaf: leafHash(c, extra!), proof: hashes, root })).toBe(true);
      expect(name).toBe(`proofs/${index}.tlog-proof`);
    }
  });

  test('none of which there is makes a bundle without events', async () => {
    const files = await bundle({ ids: [foreign.id] });
    expect(linesOf(files)).toEqual([]);
    expect(jsonOf(files, 'manifest.json')).toMatchObject({ events: 0, missing: [foreign.id] });
  });
});

describe('on its way', () => {
  const whole = { from: '2020-01-01T00:00:00Z', to: now.toISOString() };

  test('it waits until all that was committed is published', async () => {
    await world.commit('critical', [eventOf({ action: 'doc.late' })]);
    const { id } = await bodyOf(ask(whole));
    expect(await work()).toEqual([]);
    expect(queue.messages).toHaveLength(1);
    expect(await bodyOf(look(id))).toMatchObject({ state: 'building' });
    expect((await caught(content(id))).fault.code).toBe('proof_pending');
    await world.seal();
    await work();
    expect(await bodyOf(look(id))).toMatchObject({ state: 'ready' });
    expect(queue.messages).toHaveLength(0);
  });

  test('it does not wait for ever', async () => {
    await world.commit('critical', [eventOf({ action: 'doc.late' })]);
    const { id } = await bodyOf(ask(whole));
    await work(new Date(now.getTime() + 61 * 60_000));
    expect(await bodyOf(look(id))).toMatchObject({ state: 'failed', problem: 'proof_pending' });
    expect((await caught(content(id))).fault.code).toBe('proof_pending');
    await world.seal();
  });

  test('one that nobody builds any more has failed', async () => {
    const { id } = await bodyOf(ask(whole));
    const later = (hours: number) => {
      const at = new Date(now.getTime() + hours * 3_600_000);
      return bodyOf(exports(ports, asking({ path: `/v1/exports/${id}`, params: { exportId: id }, now: at })));
    };
    expect(await later(24)).toMatchObject({ state: 'building' });
    expect(await later(25)).toMatchObject({ state: 'failed', problem: 'internal' });
  });

  test('delivered again it is built once; a run that died is built anew', async () => {
    const { id } = await bodyOf(ask(whole));
    const message = messageOf(queue.messages[0]!.body);
    parts.down = true;
    expect(await build(ports, [message], { now })).toEqual(['m1']);
    parts.down = false;
    expect(await build(ports, [message], { now })).toEqual([]);
    const state = await bodyOf(look(id));
    expect(await build(ports, [message], { now })).toEqual([]);
    expect(await bodyOf(look(id))).toEqual(state);
  });

  test('a message that is faster than its row comes again; one without its row then is dropped', async () => {
    const body = JSON.stringify({ v: 1, tenant: auditor.tenant, id: '01890000-0000-7000-8000-0000000fffff' });
    const message = messageOf(body);
    expect(await build(ports, [message], { now })).toEqual([message.messageId]);
    expect(await build(ports, [{ ...message, receiveCount: 2 }], { now })).toEqual([]);
  });

  test('is recorded before anything else, and so is each part that is handed out', async () => {
    const { id } = await bodyOf(ask(whole));
    expect(world.recorder.recorded).toMatchObject([{ event: { action: 'export.auditor', metadata: { export: id } } }]);
    await work();
    await content(id);
    expect(world.recorder.recorded[1]).toMatchObject({
      event: { action: 'export.read', metadata: { export: id, part: 1 } },
    });
    world.recorder.down = true;
    await expect(ask(whole)).rejects.toMatchObject({ name: 'Unavailable' });
    await expect(content(id)).rejects.toMatchObject({ name: 'Unavailable' });
    world.recorder.down = false;
    expect(queue.messages).toHaveLength(0);
  });

  test('is for whoever asked, and looks to everybody else like none', async () => {
    const { id } = await bodyOf(ask(whole));
    await work();
    const others = [
      { ...auditor, tenant: tenantB },
      { ...auditor, keyId: 'bbbbbbbbbbbbbbbbbbbb' },
    ];
    const missing = await caught(look('01890000-0000-7000-8000-0000000fffff'));
    expect(missing.fault.code).toBe('not_found');
    for (const caller of others) {
      expect((await caught(look(id, caller))).fault).toEqual(missing.fault);
      expect((await caught(content(id, '1', caller))).fault).toEqual(missing.fault);
    }
    for (const malformed of ['', 'x', '../..']) expect((await caught(look(malformed))).fault).toEqual(missing.fault);
    for (const part of ['0', '2', '-1', '1e0', '99999999', ''])
      expect((await caught(content(id, part))).fault.code, part).toBe('not_found');
  });

  test('refuses what is no period and no ids', async () => {
    const far = { from: '2020-01-01T00:00:00Z', to: '2030-01-01T00:00:00Z' };
    const id = bulk[0]!.id;
    for (const json of [
      {},
      { from: whole.to, to: whole.from },
      far,
      { ids: [] },
      { ids: ['x'] },
      { ...whole, ids: [id] },
      { ids: Array(1001).fill(id) },
    ]) {
      expect((await caught(ask(json))).fault.code, JSON.stringify(json).slice(0, 80)).toBe('request_invalid');
    }
    expect((await caught(ask(whole, { ...auditor, project: 'shop' }))).fault.code).toBe('forbidden');
    expect((await caught(ask(whole, { ...auditor, scopes: ['exports:create'] }))).fault.code).toBe('forbidden');
    expect(world.recorder.recorded).toHaveLength(0);
  });
});
