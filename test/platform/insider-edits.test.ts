/**
 * Whoever may write to Postgres and S3 changes one thing, more than 5,000 times: each time the verifier says so, and
 * says what it is. The log is one that the real writer and the real sealer wrote.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatCheckpoint } from '#core/proof/checkpoint.ts';
import { formatNote, keyIdOf } from '#core/proof/note.ts';
import { encodeBundle } from '#core/proof/tiles.ts';
import type { Judgement, Reason } from '#core/proof/verdict.ts';
import type { PlacedEntry } from '#core/proof/verify-lines.ts';
import { judgeRows } from '#core/proof/verify-stored.ts';
import { openTree } from '#core/proof/verify-tree.ts';
import { verifyObject, verifyPart, verifyRows, verifySegments } from '#functions/proof/verify-share.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { storedRow } from '#stores/postgres/verification.ts';
import { sidecarKey } from '#stores/s3/segment-index.ts';
import { tenantA } from '#test/support/events.ts';
import { TestKey } from '#test/support/signed-log.ts';
import { archived, copyOf, restorer, rewrite, type Stored, type StoredLeafPart } from './insider.ts';
import { eventOf, type WrittenLog, writtenLog } from './written-log.ts';

let world: WrittenLog;
let stored: Stored;
let ports: Awaited<ReturnType<typeof copyOf>>['ports'];
let restore: () => void;
let lines: Map<StoredLeafPart, readonly string[]>;
let origin: string;
let inRows: readonly PlacedEntry[];
let edits = 0;

/** 305 leaves: a full tile and two partial ones. Few are critical, so that thousands of looks at them take seconds. */
const batches = [
  ['critical', 20],
  ['bulk', 110],
  ['critical', 20],
  ['bulk', 61],
  ['bulk', 94],
] as const;

/** mulberry32: the same edits in every run. */
let state = 20_261_121;
function random(below: number): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % below;
}
const pick = <T>(from: Iterable<T>): T => {
  const all = [...from];
  return all[random(all.length)]!;
};
const flip = (bytes: Uint8Array, at = random(bytes.length)): Uint8Array => {
  const other = Uint8Array.from(bytes);
  other[at]! ^= 1 << random(8);
  return other;
};

beforeAll(async () => {
  world = await writtenLog('insider');
  for (const [tier, count] of batches) {
    await world.commit(
      tier,
      Array.from({ length: count }, () => eventOf()),
    );
    await world.seal();
  }
  ({ origin } = await world.log());
  ({ stored, ports } = await copyOf(world));
  restore = restorer(stored);
  inRows = (await Promise.all(stored.parts.filter(({ tier }) => tier === 'critical').map(placedOf))).flat();
  lines = new Map();
  for (const part of stored.parts) {
    const texts = await ports.blocks.read(part, part.blocks);
    lines.set(part, texts.join('').slice(0, -1).split('\n'));
  }
}, 60_000);
afterAll(() => world?.end());

/** Makes an edit many times, and resolves with those whose reason was not found. */
async function missed(
  times: number,
  edit: () => unknown,
  look: () => Promise<readonly Judgement[]>,
  expected: readonly Reason[],
): Promise<string[]> {
  const unseen: string[] = [];
  for (let i = 0; i < times; i++) {
    const what = await edit();
    const findings = await look();
    restore();
    edits++;
    if (!findings.some(({ reason }) => expected.includes(reason))) {
      unseen.push(`${String(what)}: ${findings.map(({ reason }) => reason).join(', ') || 'nothing found'}`);
    }
  }
  return unseen;
}

/** The part of the verifier that looks at rows; entries are read once, for nobody changes the log here. */
const rowsSay = async () => judgeRows(c, stored.rows.map(storedRow), inRows, () => false);
/** The log alone, without the segments beside it. */
const logSays = async () => {
  const verification = { ...ports.verification, partsFrom: async () => [] };
  return (await verifySegments({ ...ports, verification }, tenantA, undefined)).findings;
};
const allSays = async () => (await verifySegments(ports, tenantA, undefined)).findings;

test('of what nobody touched nothing is said', async () => {
  expect(await verifyRows(ports, tenantA, undefined)).toMatchObject({ checked: 40, findings: [] });
  expect(await rowsSay()).toEqual([]);
  expect(await allSays()).toEqual([]);
  // An edit that the verifier is not shown is counted as missed: the counting works.
  expect(await missed(1, () => 'unseen', rowsSay, ['event_differs'])).toEqual(['unseen: nothing found']);
  edits = 0;
});

describe('rows', () => {
  const rowAt = () => random(stored.rows.length);
  const edit = (change: (row: Stored['rows'][number]) => object) => () => {
    const at = rowAt();
    stored.rows[at] = { ...stored.rows[at]!, ...change(stored.rows[at]!) };
  };
  const inBody = (body: string) => {
    const at = random(body.length);
    return `${body.slice(0, at)}${String.fromCharCode(body.charCodeAt(at) ^ (1 << random(5)))}${body.slice(at + 1)}`;
  };
  test('one character of a body', async () => {
    expect(
      await missed(
        800,
        edit(({ body }) => ({ body: inBody(body) })),
        rowsSay,
        ['event_differs'],
      ),
    ).toEqual([]);
  });
  test('a column that queries look at', async () => {
    const columns = [
      () => ({ occurred_at: new Date(0) }),
      ...['category', 'outcome', 'severity'].map((name) => () => ({ [name]: 2 - random(2) })),
      () => ({ action: 'nothing.happened' }),
      () => ({ actor: 'nobody' }),
    ];
    const changed = edit((row) => {
      const now = pick(columns)();
      const [[name, value]] = Object.entries(now) as [[string, unknown]];
      return { [name]: row[name] === value ? 5 : value };
    });
    expect(await missed(300, changed, rowsSay, ['event_differs'])).toEqual([]);
  });
  test('a salt for another', async () => {
    const swapped = edit(({ body }) => {
      const other = /"salt":"([^"]+)"/.exec(stored.rows[rowAt()]!.body)![1]!;
      const mine = /"salt":"([^"]+)"/.exec(body)![1]!;
      return {
        body: body.replace(mine, other === mine ? `${mine.slice(0, -1)}${mine.endsWith('A') ? 'Q' : 'A'}` : other),
      };
    });
    const differing = async () => (await rowsSay()).filter(({ reason }) => reason === 'event_differs');
    const unseen = await missed(300, swapped, differing, ['event_differs']);
    expect(unseen).toEqual([]);
  });
  test('deleted, inserted, swapped', async () => {
    expect(await missed(300, () => stored.rows.splice(rowAt(), 1).length, rowsSay, ['event_gone'])).toEqual([]);
    const inserted = () => {
      const row = stored.rows[rowAt()]!;
      const id = row.id.slice(0, -4) + random(65_536).toString(16).padStart(4, '0');
      if (stored.rows.some((one) => one.id === id)) return inserted();
      stored.rows.push({ ...row, id, body: row.body.replace(row.id, id) });
      return id;
    };
    expect(await missed(300, inserted, rowsSay, ['event_extra'])).toEqual([]);
    const swapped = () => {
      const [a, b] = [rowAt(), rowAt()];
      const other = a === b ? (a + 1) % stored.rows.length : b;
      const [first, second] = [stored.rows[a]!, stored.rows[other]!];
      stored.rows[a] = { ...first, body: second.body };
      stored.rows[other] = { ...second, body: first.body };
    };
    expect(await missed(300, swapped, rowsSay, ['event_differs'])).toEqual([]);
  });
});

describe('segments', () => {
  let part: StoredLeafPart;
  let entries: Parameters<typeof verifyPart>[2];
  beforeAll(async () => {
    part = stored.parts[2]!;
    entries = await entriesOf(part);
  });
  const own = () => lines.get(stored.parts[2]!)!;
  /** The part of the verifier that looks at one segment, whatever the catalogue says of it by now. */
  const partSays = async () => {
    const now = stored.parts[2]!;
    const known = stored.segments.find(({ id }) => id === now.segment)!;
    return [...(await verifyPart(ports, now, entries)), ...(await verifyObject(ports, known))];
  };
  const rewritten = (change: (text: readonly string[]) => readonly string[]) => () =>
    rewrite(stored, part, change(own()));

  test('a bit anywhere in the object', async () => {
    const rot = () => void stored.objects.set(part.key, flip(stored.objects.get(part.key)!));
    expect(await missed(500, rot, partSays, ['segment_differs'])).toEqual([]);
  });
  test('a line edited, its salt swapped, a line gone, more, moved, with object, sidecar and catalogue to match', async () => {
    const at = () => random(own().length);
    const edited = rewritten((text) => {
      const i = at();
      return text.with(i, text[i]!.replace(/"severity":"info"/, '"severity":"low"'));
    });
    expect(await missed(200, edited, partSays, ['event_differs'])).toEqual([]);
    const salted = rewritten((text) => {
      const [i, j] = [at(), at()];
      const salt = (line: string) => /"salt":"([^"]+)"/.exec(line)![1]!;
      const other = salt(text[i === j ? (j + 1) % text.length : j]!);
      return text.with(i, text[i]!.replace(salt(text[i]!), other));
    });
    expect(await missed(100, salted, partSays, ['event_differs'])).toEqual([]);
    expect(
      await missed(
        100,
        rewritten((text) => text.toSpliced(at(), 1)),
        partSays,
        ['event_gone'],
      ),
    ).toEqual([]);
    const more = rewritten((text) => text.toSpliced(at(), 0, JSON.stringify(eventOf())));
    expect(await missed(100, more, partSays, ['event_extra'])).toEqual([]);
    const moved = rewritten((text) => {
      const [i, j] = [at(), at()];
      const other = i === j ? (j + 1) % text.length : j;
      return text.with(i, text[other]!).with(other, text[i]!);
    });
    expect(await missed(100, moved, partSays, ['order_differs'])).toEqual([]);
  });
  test('another segment in its place, or none, or no sidecar, or a part that is not catalogued', async () => {
    const others = stored.parts.filter((one) => one !== part);
    const swapped = () => void stored.objects.set(part.key, stored.objects.get(pick(others).key)!);
    expect(await missed(50, swapped, partSays, ['segment_differs'])).toEqual([]);
    const withCatalogue = () => rewrite(stored, part, lines.get(pick(others))!);
    expect(await missed(50, withCatalogue, partSays, ['segment_differs'])).toEqual([]);
    expect(await missed(10, () => stored.objects.delete(part.key), partSays, ['segment_gone'])).toEqual([]);
    expect(await missed(10, () => stored.objects.delete(sidecarKey(part.key)), partSays, ['segment_gone'])).toEqual([]);
    expect(await missed(30, () => stored.parts.splice(random(5), 1).length, allSays, ['segment_gone'])).toEqual([]);
    const doubled = () => void stored.parts.push({ ...stored.parts[random(5)]! });
    expect(await missed(30, doubled, allSays, ['segment_differs'])).toEqual([]);
  });
  test('an index that hides events from queries, in the catalogue and in the sidecar', async () => {
    const hidden = () => {
      const block = part.blocks[0]!;
      const change = pick([
        { blocks: [{ ...block, filter: flip(block.filter) }] },
        { blocks: [{ ...block, minTime: block.minTime + 1 }] },
        { blocks: [{ ...block, maxTime: block.maxTime - 1 }] },
        { minTime: part.minTime + 1 },
        { maxTime: part.maxTime - 1 },
        { minId: part.maxId },
        { maxId: part.minId },
      ]);
      stored.parts[2] = { ...part, ...change };
      return Object.keys(change);
    };
    expect(await missed(150, hidden, partSays, ['segment_differs'])).toEqual([]);
    const sidecar = () => {
      const text = Buffer.from(stored.objects.get(sidecarKey(part.key))!).toString();
      // Digests of queue messages say nothing of events, and nothing is stored to compare them with.
      const at = random(text.indexOf('"messages"'));
      stored.objects.set(sidecarKey(part.key), flip(Buffer.from(text), at));
      return text.slice(at - 20, at + 20);
    };
    expect(await missed(200, sidecar, partSays, ['segment_differs', 'segment_gone'])).toEqual([]);
  });
});

describe('the log', () => {
  const files = () => [...stored.log.keys()].filter((path) => path.startsWith('tile/')).filter((path) => isUsed(path));
  /** Partial tiles of trees before the last one stay behind; nobody needs them once their leaves are in wider ones. */
  const isUsed = (path: string) => !path.includes('.p/') || /\/(001\.p\/49|000\.p\/1)$/.test(path);
  test('a bit of any tile or bundle', async () => {
    const rot = () => {
      const path = pick(files());
      stored.log.set(path, flip(stored.log.get(path)!));
      return path;
    };
    expect(await missed(700, rot, logSays, ['tile_differs', 'entry_differs', 'entry_invalid'])).toEqual([]);
  });
  test('a bit of any checkpoint, or of the key that auditors are told', async () => {
    const rot = () => {
      const path = pick(['checkpoint', 'keys.txt', ...archived(stored)]);
      const bytes = stored.log.get(path)!;
      stored.log.set(path, flip(bytes));
      return path;
    };
    expect(await missed(400, rot, logSays, ['checkpoint_invalid', 'signature_invalid'])).toEqual([]);
  });
  test('a tile or bundle rewritten, or gone', async () => {
    const rewritten = () => {
      const path = pick(files());
      const bytes = stored.log.get(path)!;
      const other = path.includes('entries')
        ? encodeBundle(Array.from({ length: path.includes('.p/') ? 49 : 256 }, () => Buffer.from('{"v":1}')))
        : Uint8Array.from(bytes, () => random(256));
      stored.log.set(path, other);
      return path;
    };
    expect(await missed(100, rewritten, logSays, ['tile_differs', 'entry_differs'])).toEqual([]);
    const gone = () => {
      const path = pick(files());
      stored.log.delete(path);
      return path;
    };
    expect(await missed(50, gone, logSays, ['tile_gone', 'entry_gone'])).toEqual([]);
    expect(
      await missed(20, () => stored.log.delete(pick(archived(stored).slice(0, -1))), logSays, ['checkpoint_gone']),
    ).toEqual([]);
  });
  test('a checkpoint that went back, or that another key signed', async () => {
    const back = () => void stored.log.set('checkpoint', stored.log.get(pick(archived(stored).slice(0, -1)))!);
    expect(await missed(50, back, logSays, ['rewound'])).toEqual([]);
    const forged = () => {
      const { size, root } = pick(stored.signed);
      const text = formatCheckpoint({ origin, size, root });
      const note = formatNote(text, [new TestKey(`thief ${random(1000)}`).line(origin, text)]);
      stored.log.set(pick(['checkpoint', ...archived(stored)]), Buffer.from(note));
    };
    expect(await missed(100, forged, logSays, ['signature_invalid'])).toEqual([]);
  });
  test('another history, signed by the key of the log', async () => {
    const forked = async () => {
      const { size } = pick(stored.signed);
      const text = formatCheckpoint({ origin, size, root: Uint8Array.from({ length: 32 }, () => random(256)) });
      const signature = await world.signer.sign(Buffer.from(text));
      const keyId = keyIdOf(c, origin, 1, await world.signer.publicKey());
      const path = archived(stored)[stored.signed.findIndex((one) => one.size === size)]!;
      stored.log.set(path, Buffer.from(formatNote(text, [{ name: origin, keyId, signature }])));
      return path;
    };
    expect(await missed(50, forked, logSays, ['two_roots', 'inconsistent'])).toEqual([]);
    const root = () => {
      const at = random(stored.signed.length);
      stored.signed[at] = { ...stored.signed[at]!, root: flip(stored.signed[at]!.root) };
    };
    expect(await missed(50, root, logSays, ['root_differs'])).toEqual([]);
  });
});

test('there were more than 5,000 of them', () => {
  expect(edits).toBeGreaterThanOrEqual(5_000);
});

async function placedOf(part: StoredLeafPart): Promise<PlacedEntry[]> {
  const entries = await entriesOf(part);
  return entries.map((entry, i) => ({ index: part.firstLeaf + i, entry: entry! }));
}

/** The entries of a part, out of the checked tree. */
async function entriesOf({ firstLeaf, events }: StoredLeafPart) {
  const last = stored.signed.at(-1)!;
  const tree = (await openTree(
    c,
    async (path) => stored.log.get(path),
    last,
    () => {},
  ))!;
  const all = await Promise.all([tree.bundle(0), tree.bundle(1)]);
  return all.flatMap((bundle) => bundle.entries).slice(firstLeaf, firstLeaf + events);
}
