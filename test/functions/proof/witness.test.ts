/** A witness, sentence by sentence of C2SP tlog-witness: what is asked of it by MUST and SHOULD. */
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { cosignaturePath } from '#core/proof/anchor.ts';
import { parseCheckpoint } from '#core/proof/checkpoint.ts';
import { cosignatureType, formatNote, formatVerifier, openNote, parseNote } from '#core/proof/note.ts';
import { emptyRoot } from '#core/proof/tree.ts';
import { type AddCheckpoint, formatAddCheckpoint } from '#core/proof/witness.ts';
import { parseKnownLogs } from '#core/proof/witness-logs.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type WitnessPorts, witness } from '#functions/proof/witness.http.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { httpRequest } from '#test/support/events.ts';
import { MemoryWitness } from '#test/support/memory-witness.ts';
import { SignedLog, TestKey } from '#test/support/signed-log.ts';

const host = 'audit.example.com/t/';
const slug = 'abcdefghijklmnopqrstuvwxyz';
const logKey = new TestKey('log');
const key = new TestKey('witness');
const name = 'witness.example.net/w1';
const verifier = key.verifier(name, cosignatureType);
const log0 = new TestKey('first').verifier('first.example');
const logsLine = `logs ${host} ${Buffer.from([1, ...logKey.bytes]).toString('base64')}`;

let log: SignedLog;
let store: MemoryWitness;
let ports: WitnessPorts;
let now: Date;

beforeEach(() => {
  log = new SignedLog(host + slug, logKey).growTo(20);
  store = new MemoryWitness(parseKnownLogs(c, logsLine).logs);
  ports = { crypto: c, signer: key, name, store };
  now = new Date('2026-03-01T12:00:00.999Z');
});

const post = (body: string | Uint8Array | undefined, method = 'POST') =>
  witness(ports, httpRequest({ method, body: typeof body === 'string' ? Buffer.from(body) : body, now }));
const send = (request: AddCheckpoint) => post(formatAddCheckpoint(request));
/** An honest request, with something else where a test says so. */
const add = async (old: number, size: number, other: Partial<AddCheckpoint> = {}) =>
  send({ old, proof: old === 0 ? [] : await log.proof(old, size), note: log.note(size), ...other });
const show = (hash: string) => witness(ports, httpRequest({ method: 'GET', params: { originHash: hash }, now }));
const hashOf = (origin: string) => createHash('sha256').update(origin).digest('hex');
/** Size and time that a witness's answer vouches for. */
const opened = (body: unknown, text = log.text()) => openNote(c, `${text}\n${String(body)}`, [verifier])?.verified[0];

describe('200', () => {
  test('the first checkpoint is cosigned, with the time, over the whole text', async () => {
    const answer = await add(0, 20);
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' } });
    expect(answer.body).toMatch(/^— witness\.example\.net\/w1 [A-Za-z0-9+/=]+\n$/);
    expect(opened(answer.body)).toEqual({ verifier, timestamp: Date.parse('2026-03-01T12:00:00Z') / 1000 });
  });

  test('from every size to every larger or equal one', async () => {
    for (let old = 0; old < 20; old++) {
      for (let size = Math.max(old, 1); size <= 20; size++) {
        store.checkpoints.clear();
        if (old > 0) expect((await add(0, old)).status).toBe(200);
        expect((await add(old, size)).status, `${old} to ${size}`).toBe(200);
      }
    }
  });

  test('the same checkpoint again gets a new time; a clock that goes back does not take it back', async () => {
    await add(0, 20);
    now = new Date(now.getTime() + 60_000);
    const later = opened((await add(20, 20)).body)!.timestamp!;
    expect(later).toBe(Date.parse('2026-03-01T12:01:00Z') / 1000);
    now = new Date('2020-01-01T00:00:00Z');
    expect(opened((await add(20, 20)).body)!.timestamp).toBe(later);
  });

  test('an empty log can be cosigned, and grows from there', async () => {
    expect((await add(0, 0)).status).toBe(200);
    expect((await add(0, 5)).status).toBe(200);
    expect((await add(5, 9)).status).toBe(200);
  });

  test('signatures of unknown keys are ignored, also those with the name or the id of a known one', async () => {
    const text = log.text();
    const good = logKey.line(log.origin, text);
    const others = [
      new TestKey('stranger').line('stranger.example', text),
      { ...good, keyId: good.keyId ^ 1, signature: new Uint8Array(64) },
      { ...good, name: `${good.name}x`, signature: new Uint8Array(64) },
      { name: 'post-quantum.example', keyId: 7, signature: new Uint8Array(2_420) },
    ];
    const answer = await add(0, 20, { note: formatNote(text, [...others, good, ...others]) });
    expect(answer.status).toBe(200);
    expect(parseNote((await show(hashOf(log.origin))).body as string)!.signatures).toHaveLength(2);
  });

  test('a hundred copies of the signature leave room for the cosignature', async () => {
    const text = log.text();
    const copies = Array.from({ length: 100 }, () => logKey.line(log.origin, text));
    expect((await add(0, 20, { note: formatNote(text, copies) })).status).toBe(200);
  });

  test('extension lines are cosigned with the rest', async () => {
    const text = `${log.text()}extension\n`;
    const answer = await add(0, 20, { note: formatNote(text, [logKey.line(log.origin, text)]) });
    expect(answer.status).toBe(200);
    expect(opened(answer.body, text)).toBeDefined();
    expect(opened(answer.body)).toBeUndefined();
  });
});

describe('400', () => {
  const note = () => log.note();
  const hash = Buffer.alloc(32, 7).toString('base64');
  const bodies: Readonly<Record<string, () => string | Uint8Array | undefined>> = {
    'no body': () => undefined,
    'an empty body': () => '',
    'no old size': () => note(),
    'an old size with a leading zero': () => `old 00\n\n${note()}`,
    'an old size with a sign': () => `old +1\n\n${note()}`,
    'an old size above 2^53 - 1': () => `old 9007199254740992\n\n${note()}`,
    'two spaces': () => `old  0\n\n${note()}`,
    'another word': () => `Old 0\n\n${note()}`,
    'carriage returns': () => `old 0\r\n\r\n${note()}`,
    'no empty line before the checkpoint': () => `old 0\n${note()}`,
    'no newline at the end': () => `old 0\n\n${note().slice(0, -1)}`,
    'a hash of 31 bytes': () => `old 1\n${Buffer.alloc(31).toString('base64')}\n\n${note()}`,
    'a hash in base64url': () => `old 1\n${'_'.repeat(43)}=\n\n${note()}`,
    'a hash with spare bits': () => `old 1\n${`${hash.slice(0, 42)}d=`}\n\n${note()}`,
    'two hashes on one line': () => `old 1\n${hash} ${hash}\n\n${note()}`,
    '64 proof lines': () => `old 1\n${`${hash}\n`.repeat(64)}\n${note()}`,
    'no signature': () => `old 0\n\n${log.text()}\n`,
    'a size with a leading zero': () => `old 0\n\n${note().replace('\n20\n', '\n020\n')}`,
    'a root of 31 bytes': () =>
      `old 0\n\n${note().replace(/\n[^\n]{44}\n/, `\n${Buffer.alloc(31).toString('base64')}\n`)}`,
    'bytes that are no text': () => Buffer.concat([Buffer.from('old 0\n\n'), Buffer.from([0xff]), Buffer.from(note())]),
  };
  test.each(Object.entries(bodies))('%s', async (_, body) => {
    expect((await post(body())).status).toBe(400);
    expect(store.history).toEqual([]);
  });

  test('63 proof lines are read', async () => {
    expect((await post(`old 0\n${`${hash}\n`.repeat(63)}\n${note()}`)).status).toBe(422);
  });

  test('an old size above the size of the checkpoint, before anything is compared with the state', async () => {
    await add(0, 12);
    expect((await add(0, 11, { old: 12 })).status).toBe(400);
    expect((await add(0, 11, { old: 15 })).status).toBe(400);
  });

  test('a text that the key could not sign', async () => {
    const text = `${log.text()}${'x'.repeat(4_000)}\n`;
    expect((await add(0, 20, { note: formatNote(text, [logKey.line(log.origin, text)]) })).status).toBe(400);
  });

  test('a body without end is not read (413)', async () => {
    expect((await post('x'.repeat(200_000))).status).toBe(413);
  });
});

describe('404: the origin is unknown', () => {
  test.each([
    ['another host', `other.example/t/${slug}`],
    ['a longer path', `${host}${slug}/x`],
    ['the prefix alone', host],
    ['a name that is no part of an address', `${host}a%20b`],
    ['a prefix in front of the prefix', `evil.example/${host}${slug}`],
  ])('%s', async (_, origin) => {
    const other = new SignedLog(origin, logKey).growTo(3);
    expect((await send({ old: 0, proof: [], note: other.note() })).status).toBe(404);
  });

  test('is said before signatures are looked at', async () => {
    const other = new SignedLog(`other.example/t/${slug}`, new TestKey('stranger')).growTo(3);
    expect((await send({ old: 9, proof: [], note: other.note() })).status).toBe(404);
  });
});

describe('403: no trusted key signed', () => {
  test('only a stranger did', async () => {
    const other = new SignedLog(log.origin, new TestKey('stranger')).growTo(20);
    expect((await add(0, 20, { note: other.note() })).status).toBe(403);
  });

  test('the signature of a known key is bad', async () => {
    const text = log.text();
    const bad = { ...logKey.line(log.origin, text), signature: new Uint8Array(64) };
    expect((await add(0, 20, { note: formatNote(text, [bad]) })).status).toBe(403);
  });

  test('a good one does not save a bad one', async () => {
    const text = log.text();
    const good = logKey.line(log.origin, text);
    const bad = { ...good, signature: good.signature.with(0, good.signature[0]! ^ 1) };
    expect((await add(0, 20, { note: formatNote(text, [good, bad]) })).status).toBe(403);
    expect((await add(0, 20, { note: formatNote(text, [bad, good]) })).status).toBe(403);
  });

  test('the key signed for another log of the same host: a signature cannot be carried over', async () => {
    const other = new SignedLog(host + slug.replace('a', 'b'), logKey).growTo(20);
    const text = other.text();
    // The line of the other log under this log's name: the same key, another text.
    const moved = formatNote(log.text(), [{ ...logKey.line(other.origin, text), name: log.origin }]);
    expect((await add(0, 20, { note: moved })).status).toBe(403);
    const renamed = { ...logKey.line(other.origin, text), name: log.origin, keyId: logKey.verifier(log.origin).keyId };
    expect((await add(0, 20, { note: formatNote(log.text(), [renamed]) })).status).toBe(403);
    // And a line of this log's name under the other log's text is of nobody.
    const line = { ...logKey.line(other.origin, text), name: log.origin };
    expect((await send({ old: 0, proof: [], note: formatNote(text, [line]) })).status).toBe(403);
  });

  test('is said before the old size is compared', async () => {
    const other = new SignedLog(log.origin, new TestKey('stranger')).growTo(20);
    expect((await add(0, 20, { old: 25, note: other.note() })).status).toBe(403);
  });
});

describe('409: the old size is not that of the newest checkpoint', () => {
  test.each([0, 3, 11])('old %d', async (old) => {
    await add(0, 7);
    expect(await add(old, 12)).toEqual({
      status: 409,
      headers: { 'content-type': 'text/x.tlog.size' },
      body: '7\n',
    });
  });

  test('a log that was never cosigned is of size zero', async () => {
    expect(await add(4, 12)).toMatchObject({ status: 409, body: '0\n' });
  });

  test('is said before a proof is judged, and before the empty root', async () => {
    await add(0, 7);
    expect((await add(3, 12, { proof: [new Uint8Array(32)] })).status).toBe(409);
    const text = `${log.origin}\n0\n${Buffer.alloc(32).toString('base64')}\n`;
    expect((await add(0, 0, { note: formatNote(text, [logKey.line(log.origin, text)]) })).status).toBe(409);
  });
});

describe('422: what the log signed does not follow', () => {
  test('a size of zero with another root than that of the empty string', async () => {
    const text = `${log.origin}\n0\n${Buffer.alloc(32).toString('base64')}\n`;
    const note = formatNote(text, [logKey.line(log.origin, text)]);
    expect((await send({ old: 0, proof: [], note })).status).toBe(422);
    expect(Buffer.from(emptyRoot(c)).toString('hex')).toMatch(/^e3b0c442/);
  });

  test('a proof from size zero', async () => {
    expect((await add(0, 20, { proof: [new Uint8Array(32)] })).status).toBe(422);
  });

  test('the same size with another root', async () => {
    await add(0, 20);
    const fork = new SignedLog(log.origin, logKey, 'b').growTo(20);
    expect((await add(20, 20, { note: fork.note() })).status).toBe(422);
    expect((await add(20, 20, { proof: [new Uint8Array(32)] })).status).toBe(422);
  });

  test('a larger tree that begins otherwise, with its own honest proof', async () => {
    await add(0, 9);
    const fork = new SignedLog(log.origin, logKey, 'b').growTo(20);
    expect((await add(9, 20, { note: fork.note(), proof: await fork.proof(9) })).status).toBe(422);
  });

  test('any proof that is not the proof', async () => {
    await add(0, 7);
    const proof = await log.proof(7, 20);
    const wrong = [
      [],
      proof.slice(1),
      proof.slice(0, -1),
      [...proof, new Uint8Array(32)],
      proof.toReversed(),
      proof.map((hash, at) => (at === 0 ? hash.with(0, hash[0]! ^ 1) : hash)),
      await log.proof(6, 20),
      await log.proof(7, 19),
    ];
    for (const other of wrong) expect((await add(7, 20, { proof: other })).status).toBe(422);
    expect((await add(7, 20)).status).toBe(200);
  });

  test('nothing of all this is kept or cosigned', async () => {
    await add(0, 9);
    const before = store.history.length;
    const fork = new SignedLog(log.origin, logKey, 'b').growTo(20);
    await add(9, 20, { note: fork.note(), proof: await fork.proof(9) });
    expect(store.history).toHaveLength(before);
  });
});

describe('the record', () => {
  test('is kept before the answer: a place that is down gives no cosignature', async () => {
    const failing: WitnessPorts = {
      ...ports,
      store: {
        latest: (hash) => store.latest(hash),
        logs: () => store.logs(),
        replace: () => Promise.reject(new Unavailable('S3')),
      },
    };
    const body = Buffer.from(formatAddCheckpoint({ old: 0, proof: [], note: log.note() }));
    await expect(witness(failing, httpRequest({ body, now }))).rejects.toBeInstanceOf(Unavailable);
  });

  test('of a checkpoint that another request overtook is not made: 409 with the other size', async () => {
    const racing: WitnessPorts = {
      ...ports,
      signer: {
        publicKey: () => key.publicKey(),
        sign: async (message) => {
          if (store.history.length === 0) await add(0, 20);
          return key.sign(message);
        },
      },
    };
    const body = Buffer.from(formatAddCheckpoint({ old: 0, proof: [], note: log.note(11) }));
    expect(await witness(racing, httpRequest({ body, now }))).toMatchObject({ status: 409, body: '20\n' });
    expect(store.history).toHaveLength(1);
  });

  test('that somebody else wrote stops the witness: it does not begin again', async () => {
    await add(0, 20);
    const hash = hashOf(log.origin);
    for (const note of [log.note(3), 'rubbish', log.note(3, { ...verifier, signature: new Uint8Array(72) })]) {
      store.checkpoints.set(hash, { note, etag: '"x"' });
      await expect(add(0, 20)).rejects.toThrow('not what this witness wrote');
    }
  });

  test('of another log under this name is not taken for it', async () => {
    const other = new SignedLog(host + slug.replace('a', 'b'), logKey).growTo(3);
    await send({ old: 0, proof: [], note: other.note() });
    store.checkpoints.set(hashOf(log.origin), store.checkpoints.get(hashOf(other.origin))!);
    await expect(add(3, 20)).rejects.toThrow('not what this witness wrote');
  });

  test('a key that signs wrongly signs nothing', async () => {
    ports = { ...ports, signer: { publicKey: () => key.publicKey(), sign: async () => new Uint8Array(64) } };
    await expect(add(0, 20)).rejects.toThrow('wrong signature');
    expect(store.history).toEqual([]);
  });
});

test('the verifier key can be seen', async () => {
  const { name, type, publicKey } = verifier;
  expect((await post(undefined, 'GET')).body).toBe(`${formatVerifier(c, name, type, publicKey)}\n`);
});

describe('monitors', () => {
  test('find the newest checkpoint with the signatures of log and witness, as add-checkpoint gave it', async () => {
    const lines = (await add(0, 12)).body as string;
    await add(12, 20);
    const again = (await add(20, 20)).body as string;
    const { status, headers, body } = await show(hashOf(log.origin));
    expect([status, headers?.['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(body).toContain(again);
    expect(body).not.toContain(lines);
    const note = openNote(c, body as string, [verifier, logKey.verifier(log.origin)]);
    expect(note?.verified).toHaveLength(2);
    expect(parseCheckpoint(note!.text)).toMatchObject({ origin: log.origin, size: 20 });
  });

  test('learn nothing of logs that were never cosigned, nor by other names', async () => {
    await add(0, 12);
    for (const hash of [hashOf('other'), hashOf(log.origin).toUpperCase(), '', '../logs.txt', log.origin]) {
      expect((await show(hash)).status, hash).toBe(404);
    }
  });
});

describe('known logs', () => {
  const vkey = formatVerifier(c, log0.name, log0.type, log0.publicKey);
  test('by verifier key, by origin, by prefix, with comments', () => {
    const { logs, problems } = parseKnownLogs(
      c,
      `# ours\n${logsLine} # all of them\n\nlog ${vkey}\r\nlog ${vkey} second.example/origin\n`,
    );
    expect(problems).toEqual([]);
    expect(logs('first.example')).toEqual([log0]);
    expect(logs('second.example/origin')).toEqual([log0]);
    expect(logs(host + slug)).toEqual([logKey.verifier(host + slug)]);
    expect(logs('third.example')).toEqual([]);
  });

  test('an origin with two keys is in the middle of a rotation', () => {
    const next = new TestKey('next').verifier('first.example');
    const { logs } = parseKnownLogs(c, `log ${vkey}\nlog ${formatVerifier(c, next.name, next.type, next.publicKey)}`);
    expect(logs('first.example')).toEqual([log0, next]);
  });

  test('a line that cannot be read is named, and the others stay', () => {
    const { logs, problems } = parseKnownLogs(
      c,
      `log nonsense\nlogs no-slash AAAA\nlogs ${host} AAAA\nwitness x\n${logsLine}\nlog ${vkey} a b\n`,
    );
    expect(problems.map((problem) => problem.slice(0, 6))).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 6']);
    expect(logs(host + slug)).toHaveLength(1);
  });
});

test('cosignatures are kept by size and key', () => {
  expect(cosignaturePath(20, { keyId: 10 })).toBe('cosignatures/00000000000000000020/0000000a');
});

describe('races', () => {
  test('1,000 pairs of requests never roll a log back and never cosign two trees of one size', async () => {
    const fork = new SignedLog(log.origin, logKey, 'b').growTo(20);
    let draw = 1;
    const random = (below: number) => {
      draw = (draw * 48_271) % 2_147_483_647;
      return draw % below;
    };
    // Each call of the store gives way a random number of times, so that pairs interleave in every order.
    const yieldSome = async () => {
      for (let i = random(4); i > 0; i--) await Promise.resolve();
    };
    let cosigned = 0;
    let refused = 0;
    let sizes: number[] = [];
    const roots = new Map<number, string>();
    for (let pair = 0; pair < 1_000; pair++) {
      if (pair % 10 === 0) {
        store.checkpoints.clear();
        sizes = [];
        roots.clear();
      }
      const slow: WitnessPorts = {
        ...ports,
        store: {
          logs: () => store.logs(),
          latest: async (hash) => {
            await yieldSome();
            return store.latest(hash);
          },
          replace: async (hash, note, etag) => {
            await yieldSome();
            const kept = await store.replace(hash, note, etag);
            if (kept) {
              const { size, root } = parseCheckpoint(parseNote(note)!.text)!;
              sizes.push(size);
              expect(roots.get(size) ?? Buffer.from(root).toString('hex')).toBe(Buffer.from(root).toString('hex'));
              roots.set(size, Buffer.from(root).toString('hex'));
            }
            return kept;
          },
        },
      };
      const kept = store.checkpoints.get(hashOf(log.origin))?.note;
      const start = kept ? parseCheckpoint(parseNote(kept)!.text)!.size : 0;
      const request = async (branch: SignedLog) => {
        const size = start + random(21 - start);
        const proof = start === 0 || start > branch.size ? [] : await branch.proof(start, size);
        const body = Buffer.from(formatAddCheckpoint({ old: start, proof, note: branch.note(size) }));
        return witness(slow, httpRequest({ body, now }));
      };
      for (const { status } of await Promise.all([request(log), request(random(2) === 0 ? log : fork)])) {
        expect([200, 409, 422]).toContain(status);
        if (status === 200) cosigned++;
        else refused++;
      }
      expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    }
    expect(cosigned).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(200);
  });
});
