/** Asking witnesses: what good ones bring, and what bad ones cannot do. */
import { beforeEach, describe, expect, test } from 'vitest';
import { cosignatureOf } from '#core/proof/anchor.ts';
import { cosignatureType, formatVerifier, openNote, parseNote } from '#core/proof/note.ts';
import type { Put } from '#core/proof/ports.ts';
import { cosigned, messageFor, parseAddCheckpoint } from '#core/proof/witness.ts';
import { parseKnownLogs } from '#core/proof/witness-logs.ts';
import type { WitnessAnswer, WitnessClient } from '#core/proof/witness-ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type AnchorPorts, anchor } from '#functions/proof/anchor.queue.ts';
import { anchorLog } from '#functions/proof/anchor-log.ts';
import { sweepAnchors } from '#functions/proof/anchor-sweep.schedule.ts';
import { witness } from '#functions/proof/witness.http.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { httpRequest } from '#test/support/events.ts';
import { MemoryPlace } from '#test/support/memory.ts';
import { MemoryWitness } from '#test/support/memory-witness.ts';
import { SignedLog, TestKey } from '#test/support/signed-log.ts';

const slug = 'abcdefghijklmnopqrstuvwxyz';
const origin = `audit.example.com/t/${slug}`;
let now: Date;
let log: SignedLog;
let logs: MemoryLogs;
let ports: AnchorPorts;

/** One log's folder in the evidence bucket. */
class MemoryLogs extends MemoryPlace {
  readonly files: Map<string, Uint8Array>;
  note: string | undefined;
  version = 0;
  publishes = 0;

  constructor(files: Map<string, Uint8Array>) {
    super();
    this.files = files;
  }

  async checkpoint() {
    this.reach();
    return this.note === undefined ? undefined : { note: this.note, etag: String(this.version) };
  }

  async get(_: string, path: string) {
    this.reach();
    return this.files.get(path);
  }

  async put(_: string, path: string, bytes: Uint8Array): Promise<Put> {
    this.reach();
    const there = this.files.get(path);
    if (there) return Buffer.compare(there, bytes) === 0 ? 'same' : 'different';
    this.files.set(path, bytes);
    return 'stored';
  }

  async publish(_: string, note: string, etag: string | undefined): Promise<boolean> {
    this.reach();
    this.publishes++;
    if (etag !== String(this.version)) return false;
    this.set(note);
    return true;
  }

  set(note: string): void {
    this.note = note;
    this.version++;
  }

  get cosignatures(): string[] {
    return [...this.files.keys()].filter((path) => path.startsWith('cosignatures/'));
  }
}

type Client = WitnessClient & { readonly bodies: string[] };

const nameOf = (word: string) => `${word}.example/w`;
const verifierOf = (word: string) => new TestKey(word).verifier(nameOf(word), cosignatureType);

/** A client whose witness says whatever a test wants. */
function fake(word: string, answer: (body: string) => Promise<WitnessAnswer> | WitnessAnswer): Client {
  const { name, type, publicKey } = verifierOf(word);
  const bodies: string[] = [];
  return {
    vkey: formatVerifier(c, name, type, publicKey),
    bodies,
    addCheckpoint: async (body) => {
      bodies.push(body);
      return answer(body);
    },
  };
}

/** Our own witness function behind a client. */
function honest(word: string): Client & { readonly store: MemoryWitness } {
  const rules = `logs audit.example.com/t/ ${Buffer.from([1, ...log.key.bytes]).toString('base64')}`;
  const store = new MemoryWitness(parseKnownLogs(c, rules).logs);
  const client = fake(word, async (text) => {
    const request = httpRequest({ body: Buffer.from(text), now });
    const answer = await witness({ crypto: c, signer: new TestKey(word), name: nameOf(word), store }, request);
    const body = String(answer.body);
    if (answer.status === 200) return { kind: 'cosigned', lines: body };
    return answer.status === 409
      ? { kind: 'conflict', size: Number(body) }
      : { kind: 'refused', status: answer.status };
  });
  return Object.assign(client, { store });
}

/** A line by some key over some text, as an answer. */
async function lineBy(word: string, text: string, timestamp: number, signs = word): Promise<WitnessAnswer> {
  const signature = await new TestKey(signs).sign(messageFor({ text }, timestamp));
  return { kind: 'cosigned', lines: cosigned({ text, signatures: [] }, verifierOf(word), timestamp, signature).lines };
}

const seconds = () => Math.floor(now.getTime() / 1000);
const use = (...witnesses: WitnessClient[]) => {
  ports = { ...ports, witnesses };
};
const run = () => anchorLog(ports, slug, now);
const publish = (size: number) => logs.set(log.growTo(size).note(size));
const cosignersOf = (...words: string[]) => words.filter((word) => cosignatureOf(c, logs.note!, verifierOf(word)));

beforeEach(() => {
  now = new Date('2026-03-01T12:00:00.000Z');
  log = new SignedLog(origin).growTo(300);
  logs = new MemoryLogs(log.files);
  ports = { crypto: c, logs, witnesses: [], hints: new Map() };
  publish(300);
});

describe('good witnesses', () => {
  test('cosign, and what they said is published and kept', async () => {
    use(honest('one'), honest('two'));
    expect(await run()).toEqual({ cosigned: 2, failed: 0 });
    const opened = openNote(c, logs.note!, [log.key.verifier(origin), verifierOf('one'), verifierOf('two')]);
    expect(opened?.verified).toHaveLength(3);
    expect(opened?.text).toBe(log.text(300));
    expect(logs.cosignatures).toHaveLength(2);
    const [path] = logs.cosignatures;
    const line = Buffer.from(logs.files.get(path!)!).toString();
    expect(openNote(c, `${log.text(300)}\n${line}`, [verifierOf('one'), verifierOf('two')])).toBeDefined();
  });

  test('are asked once while what they said is fresh, and again when it is not', async () => {
    const one = honest('one');
    use(one);
    await run();
    await run();
    expect(one.bodies).toHaveLength(1);
    const first = logs.files.get(logs.cosignatures[0]!);
    now = new Date(now.getTime() + 3_600_000);
    expect(await run()).toEqual({ cosigned: 1, failed: 0 });
    expect(cosignatureOf(c, logs.note!, verifierOf('one'))?.timestamp).toBe(seconds());
    expect(parseNote(logs.note!)?.signatures).toHaveLength(2);
    // The earliest one is the proof of the time.
    expect(logs.cosignatures).toHaveLength(1);
    expect(logs.files.get(logs.cosignatures[0]!)).toBe(first);
  });

  test('follow a log as it grows, with one request each while this process remembers', async () => {
    const one = honest('one');
    use(one);
    for (const size of [300, 301, 512, 513, 700]) {
      publish(size);
      expect(await run(), String(size)).toEqual({ cosigned: 1, failed: 0 });
    }
    expect(one.bodies).toHaveLength(5);
    ports = { ...ports, hints: new Map() };
    publish(800);
    expect(await run()).toEqual({ cosigned: 1, failed: 0 });
    expect(one.bodies).toHaveLength(7);
  });

  test('are sent the log’s signature and nobody else’s', async () => {
    use(honest('one'));
    await run();
    const two = honest('two');
    use(honest('one'), two);
    await run();
    expect(parseNote(parseAddCheckpoint(two.bodies[0]!)!.note)?.signatures).toHaveLength(1);
    expect(cosignersOf('one', 'two')).toEqual(['one', 'two']);
  });

  test('a log that is not published yet is left alone', async () => {
    logs.note = undefined;
    use(honest('one'));
    expect(await run()).toEqual({ cosigned: 0, failed: 0 });
  });
});

describe('bad witnesses', () => {
  const bad: Readonly<Record<string, () => Promise<WitnessAnswer> | WitnessAnswer>> = {
    'no answer': () => ({ kind: 'unanswered', why: 'time-out' }),
    'refused with 422': () => ({ kind: 'refused', status: 422 }),
    'refused with 404': () => ({ kind: 'refused', status: 404 }),
    'an empty answer': () => ({ kind: 'cosigned', lines: '' }),
    garbage: () => ({ kind: 'cosigned', lines: '<html>hello</html>\n' }),
    'another key under its name': () => lineBy('bad', log.text(300), seconds(), 'stranger'),
    'a line of another witness': () => lineBy('stranger', log.text(300), seconds()),
    'a cosignature on another size': () => lineBy('bad', log.text(299), seconds()),
    'a cosignature on another origin': () => lineBy('bad', log.text(300).replace(slug, 'b'.repeat(26)), seconds()),
    'no time': () => lineBy('bad', log.text(300), 0),
    'a time of tomorrow': () => lineBy('bad', log.text(300), seconds() + 86_400),
    'the log’s own signature': () => ({ kind: 'cosigned', lines: log.note(300).slice(log.text(300).length + 1) }),
    'another text in front of its line': async () => {
      const answer = await lineBy('bad', `${log.text(300)}\nmore\n`, seconds());
      return answer.kind === 'cosigned' ? { kind: 'cosigned', lines: `more\n\n${answer.lines}` } : answer;
    },
    'the same conflict for ever': () => ({ kind: 'conflict', size: 0 }),
    'a conflict with a larger tree than there is': () => ({ kind: 'conflict', size: 4_000 }),
  };

  test.each(Object.entries(bad))('%s: the others are heard, and it adds nothing', async (_, answer) => {
    const client = fake('bad', answer);
    use(client, honest('good'));
    expect(await run()).toEqual({ cosigned: 1, failed: 1 });
    expect(client.bodies.length).toBeLessThanOrEqual(3);
    expect(cosignersOf('bad', 'good')).toEqual(['good']);
    expect(parseNote(logs.note!)?.signatures).toHaveLength(2);
    expect(logs.cosignatures).toHaveLength(1);
  });

  test.each(Object.entries(bad))('%s: alone, it changes nothing', async (_, answer) => {
    use(fake('bad', answer));
    const before = logs.note;
    expect(await run()).toEqual({ cosigned: 0, failed: 1 });
    expect([logs.note, logs.publishes, logs.cosignatures]).toEqual([before, 0, []]);
  });

  test('a storm of conflicts ends after three requests', async () => {
    const storm = fake('bad', () => ({ kind: 'conflict', size: 7 * storm.bodies.length }));
    use(storm);
    expect(await run()).toEqual({ cosigned: 0, failed: 1 });
    expect(storm.bodies.map((body) => parseAddCheckpoint(body)?.old)).toEqual([0, 7, 14]);
  });

  test('one that forgot what it cosigned is served, from the beginning', async () => {
    const one = honest('one');
    use(one);
    await run();
    one.store.checkpoints.clear();
    publish(400);
    expect(await run()).toEqual({ cosigned: 1, failed: 0 });
    expect(one.bodies.map((body) => parseAddCheckpoint(body)?.old)).toEqual([0, 300, 0]);
  });

  test('a cosignature that stands in the published note and is wrong is replaced', async () => {
    const { lines } = (await lineBy('one', log.text(299), seconds())) as { readonly lines: string };
    logs.set(log.note(300) + lines);
    use(honest('one'));
    expect(await run()).toEqual({ cosigned: 1, failed: 0 });
    expect(parseNote(logs.note!)?.signatures).toHaveLength(2);
    expect(cosignersOf('one')).toEqual(['one']);
  });
});

describe('while others publish', () => {
  test('a newer checkpoint stays, and the cosignature on the older one is kept', async () => {
    const one = honest('one');
    use({
      ...one,
      addCheckpoint: async (body) => {
        const answer = await one.addCheckpoint(body);
        publish(400);
        return answer;
      },
    });
    await run();
    expect(logs.note).toBe(log.note(400));
    expect(logs.cosignatures).toEqual([expect.stringContaining('00000000000000000300')]);
  });

  test('cosignatures that another run published stay', async () => {
    const two = honest('two');
    const mine = ports;
    use({
      ...two,
      addCheckpoint: async (body) => {
        const answer = await two.addCheckpoint(body);
        await anchorLog({ ...mine, witnesses: [honest('one')] }, slug, now);
        return answer;
      },
    });
    await run();
    expect(cosignersOf('one', 'two')).toEqual(['one', 'two']);
  });

  test('a witness that is ahead because the log is, is no finding', async () => {
    use(
      fake('one', () => {
        publish(400);
        return { kind: 'conflict', size: 400 };
      }),
    );
    expect(await run()).toEqual({ cosigned: 0, failed: 1 });
    expect(logs.note).toBe(log.note(400));
  });
});

describe('the queue', () => {
  const message = (body: string, messageId: string) => ({
    messageId,
    body,
    queue: 'anchor',
    receiveCount: 1,
    sentAt: 0,
  });

  test('a log that is asked for five times is anchored once', async () => {
    const one = honest('one');
    use(one);
    expect(
      await anchor(
        ports,
        Array.from({ length: 5 }, (_, id) => message(slug, String(id))),
        { now },
      ),
    ).toEqual([]);
    expect(one.bodies).toHaveLength(1);
  });

  test('S3 that is down fails the batch; a log that is broken fails alone', async () => {
    use(honest('one'));
    logs.down = true;
    await expect(anchor(ports, [message(slug, 'a')], { now })).rejects.toBeInstanceOf(Unavailable);
    logs.down = false;
    logs.set('rubbish');
    expect(await anchor(ports, [message(slug, 'a'), message(slug, 'b')], { now })).toEqual(['a', 'b']);
  });

  test('a tile that is missing is the log’s fault and not the witness’s', async () => {
    use(honest('one'));
    await run();
    publish(600);
    for (const path of log.files.keys()) if (path.startsWith('tile/0/')) log.files.delete(path);
    expect(await anchor(ports, [message(slug, 'a')], { now })).toEqual(['a']);
    expect(logs.note).toBe(log.note(600));
  });
});

describe('the sweep', () => {
  const sweep = async (slugs: readonly string[], at = now) => {
    const asked: string[] = [];
    const report = await sweepAnchors(
      {
        crypto: c,
        logs,
        witnesses: ports.witnesses,
        anchors: { ask: async (one) => void asked.push(one) },
        directory: {
          async *slugs() {
            yield* slugs;
          },
        },
      },
      { now: at },
    );
    return { asked, report };
  };

  test('asks for what no witness, or not every one, has seen within the hour', async () => {
    use(honest('one'));
    expect((await sweep([slug])).asked).toEqual([slug]);
    await run();
    expect((await sweep([slug])).asked).toEqual([]);
    expect((await sweep([slug], new Date(now.getTime() + 3_601_000))).asked).toEqual([slug]);
    use(honest('one'), honest('two'));
    expect(await sweep([slug])).toEqual({ asked: [slug], report: { logs: 1, asked: 1 } });
  });

  test('sees every log, however many there are', async () => {
    use(honest('one'));
    const many = Array.from({ length: 50 }, (_, index) => `log-${index}`);
    expect((await sweep(many)).asked.toSorted()).toEqual(many.toSorted());
  });

  test('where there is no witness it reads nothing', async () => {
    logs.down = true;
    expect(await sweep([slug])).toEqual({ asked: [], report: { logs: 0, asked: 0 } });
  });
});
