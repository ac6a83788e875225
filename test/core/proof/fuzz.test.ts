/**
 * An evil server: more than 100,000 proofs, tiles, entries, bundles, notes, checkpoints, proof files and keys, each
 * spoiled in a way that its seed decides. None may pass for something that the log did not commit to, and nothing may
 * throw. What comes out with the same meaning as before is not counted; what it means is compared, not guessed.
 */
import { expect, test } from 'vitest';
import { sameBytes, toBase64 } from '#core/proof/bytes.ts';
import { formatCheckpoint, parseCheckpoint } from '#core/proof/checkpoint.ts';
import { decodeEntry, encodeEntry } from '#core/proof/entry.ts';
import { bundles } from '#core/proof/integrate.ts';
import { formatNote, formatVerifier, openNote, parseNote, parseVerifier } from '#core/proof/note.ts';
import { type Policy, policyVerifiers, satisfied } from '#core/proof/policy.ts';
import { BadTile, MissingTile, proveConsistency, proveInclusion } from '#core/proof/prove.ts';
import { decodeBundle, encodeBundle, parseTilePath, tilePath } from '#core/proof/tiles.ts';
import { formatProof, parseProof } from '#core/proof/tlog-proof.ts';
import { emptyRoot, leafHash, verifyConsistency, verifyInclusion } from '#core/proof/tree.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { MemoryLog, madeLeaves, randomFrom, testKey } from './made.ts';
import { spoilBytes, spoilList, spoilNumber, spoilText } from './mutate.ts';
import { rememberedRoots } from './naive.ts';

const size = 1500;
const entries = madeLeaves(size).map((commitment, i) =>
  encodeEntry({
    id: `019f0000-0000-7000-8000-${String(i).padStart(12, '0')}`,
    kind: 'e',
    commitment,
    time: 1_767_225_600_000 + i,
  }),
);
const leaves = entries.map((entry) => leafHash(c, entry));
const rootOf = rememberedRoots(leaves);
const log = new MemoryLog();
log.grow(leaves);
log.put(bundles({ size: 0, partial: [] }, entries));

const key = testKey('evidence.example.org/t/k3v9');
const witness = testKey('witness.example.org/w1');
const stranger = testKey('stranger.example.org/w2');
const policy: Policy = {
  logs: [{ verifier: key.log }],
  witnesses: [{ name: 'w1', verifier: witness.witness }],
  groups: [],
  quorum: 'w1',
};

/** `same`: it means what it meant. `refused`: as it should be. Anything else is a finding. */
type Outcome = 'same' | 'refused' | 'accepted' | 'respelled';
type Random = ReturnType<typeof randomFrom>;

/** Runs a fuzzer until so many spoiled values were refused; findings by their seed. */
async function fuzz(
  count: number,
  base: number,
  one: (random: Random) => Outcome | Promise<Outcome>,
): Promise<unknown> {
  const findings: string[] = [];
  let refused = 0;
  let tried = 0;
  for (; refused < count && findings.length < 10; tried++) {
    const seed = base + tried;
    let outcome: string;
    try {
      outcome = await one(randomFrom(seed));
    } catch (error) {
      outcome = `threw ${error}`;
    }
    if (outcome === 'refused') refused++;
    else if (outcome !== 'same') findings.push(`seed ${seed}: ${outcome}`);
    if (tried > 3 * count) throw new Error(`only ${refused} of ${tried} tries changed anything`);
  }
  return findings;
}

const listOf = (hashes: readonly Uint8Array[]) => hashes.map(toBase64).join();
const isCount = (n: number) => Number.isSafeInteger(n) && n >= 0;
const splitOf = (n: number): number => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};
/**
 * Sides of a proof's hashes. A root binds no size: sizes under which a path has the same sides mean the same for it,
 * and only the checkpoint's signature tells them apart.
 */
const inclusionSides = (index: number, n: number): string => {
  if (!isCount(index) || !isCount(n) || index >= n) return 'none';
  if (n === 1) return '';
  const k = splitOf(n);
  return index < k ? `${inclusionSides(index, k)}r` : `${inclusionSides(index - k, n - k)}l`;
};
const consistencySides = (m: number, n: number, whole = true): string => {
  if (!isCount(m) || !isCount(n) || m > n || m === 0) return `none ${m}`;
  if (m === n) return whole ? 'whole' : 'part';
  const k = splitOf(n);
  return m <= k ? `${consistencySides(m, k, whole)}r` : `${consistencySides(m - k, n - k, false)}l`;
};

test('inclusion proofs', async () => {
  const proofs = await Promise.all(
    Array.from({ length: 400 }, async (_, i) => {
      const random = randomFrom(i);
      const n = i === 0 ? 1 : 1 + random(size);
      const index = random(n);
      const some = new MemoryLog();
      some.grow(leaves.slice(0, n));
      return {
        index,
        size: n,
        leaf: leaves[index]!,
        proof: await proveInclusion(c, some.read, index, n),
        root: some.root,
      };
    }),
  );
  const meaning = ({ index, size: n, leaf, proof, root }: (typeof proofs)[number]) =>
    [inclusionSides(index, n), listOf([leaf, root]), listOf(proof)].join(' ');
  expect(proofs.filter((claim) => !verifyInclusion(c, claim))).toEqual([]);
  const findings = await fuzz(35_000, 1_000_000, (random) => {
    const claim = proofs[random(proofs.length)]!;
    const spoiled = { ...claim };
    const other = proofs[random(proofs.length)]!;
    const how = random(9);
    if (how <= 2) spoiled.proof = [...spoilList(claim.proof, random)];
    if (how === 3) spoiled.leaf = spoilBytes(claim.leaf, random);
    if (how === 4) spoiled.root = random(4) === 0 ? emptyRoot(c) : spoilBytes(claim.root, random);
    if (how === 5) spoiled.index = spoilNumber(claim.index, random);
    if (how === 6) spoiled.size = spoilNumber(claim.size, random);
    if (how === 7) [spoiled.size, spoiled.root] = [other.size, other.root];
    if (how === 8) [spoiled.index, spoiled.leaf] = [other.index, other.leaf];
    // Another leaf at its own place with a path that is its own too is a good proof, not a spoiled one.
    if (meaning(spoiled) === meaning(claim) || meaning(spoiled) === meaning(other)) return 'same';
    return verifyInclusion(c, spoiled) ? 'accepted' : 'refused';
  });
  expect(findings).toEqual([]);
});

test('consistency proofs', async () => {
  const proofs = await Promise.all(
    Array.from({ length: 400 }, async (_, i) => {
      const random = randomFrom(10_000 + i);
      const size2 = 1 + random(size);
      const size1 = 1 + random(size2);
      const some = new MemoryLog();
      some.grow(leaves.slice(0, size2));
      const proof = await proveConsistency(c, some.read, size1, size2);
      return { size1, size2, root1: rootOf(0, size1), root2: some.root, proof };
    }),
  );
  const meaning = ({ size1, size2, root1, root2, proof }: (typeof proofs)[number]) =>
    [consistencySides(size1, size2), listOf([root1, root2]), listOf(proof)].join(' ');
  expect(proofs.filter((claim) => !verifyConsistency(c, claim))).toEqual([]);
  const findings = await fuzz(20_000, 2_000_000, (random) => {
    const claim = proofs[random(proofs.length)]!;
    const spoiled = { ...claim };
    const other = proofs[random(proofs.length)]!;
    const how = random(9);
    if (how <= 2) spoiled.proof = [...spoilList(claim.proof, random)];
    if (how === 3) spoiled.root1 = random(4) === 0 ? emptyRoot(c) : spoilBytes(claim.root1, random);
    if (how === 4) spoiled.root2 = random(4) === 0 ? emptyRoot(c) : spoilBytes(claim.root2, random);
    if (how === 5) spoiled.size1 = spoilNumber(claim.size1, random);
    if (how === 6) spoiled.size2 = spoilNumber(claim.size2, random);
    if (how === 7) [spoiled.size1, spoiled.root1] = [other.size1, other.root1];
    if (how === 8) [spoiled.root1, spoiled.root2] = [claim.root2, claim.root1];
    if (meaning(spoiled) === meaning(claim) || meaning(spoiled) === meaning(other)) return 'same';
    return verifyConsistency(c, spoiled) ? 'accepted' : 'refused';
  });
  expect(findings).toEqual([]);
});

const paths = (entries: boolean) => [...log.files.keys()].filter((path) => path.includes('entries') === entries);
const proofs = await Promise.all(leaves.map((_, index) => proveInclusion(c, log.read, index, size)));

test('tiles', async () => {
  const tiles = paths(false);
  const findings = await fuzz(3_000, 3_000_000, async (random) => {
    const path = tiles[random(tiles.length)]!;
    const bytes = log.files.get(path)!;
    const other = tiles[random(tiles.length)]!;
    const spoiled = random(8) === 0 ? log.files.get(other)! : spoilBytes(bytes, random);
    const { level, n, width } = parseTilePath(path)!;
    const span = 256 ** Number(level);
    // A leaf below the tile, or any: its proof may need the tile as its right edge.
    const index = random(4) === 0 ? random(size) : (n * 256 + random(width)) * span + random(span);
    try {
      const proof = await proveInclusion(c, async (p) => (p === path ? spoiled : log.files.get(p)), index, size);
      if (listOf(proof) === listOf(proofs[index]!)) return 'same';
      return verifyInclusion(c, { index, size, leaf: leaves[index]!, proof, root: log.root }) ? 'accepted' : 'refused';
    } catch (error) {
      if (error instanceof BadTile || error instanceof MissingTile) return 'refused';
      throw error;
    }
  });
  expect(findings).toEqual([]);
});

test('entries', async () => {
  const findings = await fuzz(25_000, 4_000_000, (random) => {
    const index = random(size);
    const entry = entries[index]!;
    const spoiled =
      random(2) === 0
        ? spoilBytes(entry, random)
        : new TextEncoder().encode(spoilText(new TextDecoder().decode(entry), random));
    if (sameBytes(spoiled, entry)) return 'same';
    const read = decodeEntry(spoiled);
    if (read !== undefined && !sameBytes(encodeEntry(read), spoiled)) return 'respelled';
    const claim = { index, size, leaf: leafHash(c, spoiled), proof: proofs[index]!, root: log.root };
    return verifyInclusion(c, claim) ? 'accepted' : 'refused';
  });
  expect(findings).toEqual([]);
});

test('bundles', async () => {
  const some = paths(true);
  const findings = await fuzz(2_000, 5_000_000, (random) => {
    const path = some[random(some.length)]!;
    const bytes = log.files.get(path)!;
    const spoiled = random(8) === 0 ? log.files.get(some[random(some.length)]!)! : spoilBytes(bytes, random);
    if (sameBytes(spoiled, bytes)) return 'same';
    let read: Uint8Array[];
    try {
      read = decodeBundle(spoiled);
    } catch {
      return 'refused';
    }
    if (!sameBytes(encodeBundle(read), spoiled)) return 'respelled';
    const { n, width } = parseTilePath(path)!;
    const tile = log.files.get(tilePath(0, n, width))!;
    const hashes = read.map((entry) => leafHash(c, entry));
    return Buffer.concat(hashes).equals(tile) ? 'accepted' : 'refused';
  });
  expect(findings).toEqual([]);
});

const bodyOf = (n: number) => formatCheckpoint({ origin: key.log.name, size: n, root: rootOf(0, n) });
const noteOf = (n: number) => {
  const text = bodyOf(n);
  return formatNote(text, [key.sign(text), stranger.cosign(text, 3 * n), witness.cosign(text, 1_767_225_600 + n)]);
};
const notes = Array.from({ length: 40 }, (_, i) => noteOf(1 + 37 * i));

/** What a note is good for under the policy; undefined when it is good for nothing. */
function meaningOf(note: string): string | undefined {
  const opened = openNote(c, note, policyVerifiers(policy));
  if (opened === undefined || !satisfied(policy, opened) || parseCheckpoint(opened.text) === undefined)
    return undefined;
  const times = opened.verified.map(({ verifier, timestamp }) => `${verifier.name} ${verifier.type} ${timestamp}`);
  return [opened.text, ...times.sort()].join();
}

/** What the notes mean as they are. */
const meanings = new Set(notes.map(meaningOf));

/** Signature lines that no text mutation would hit upon. */
function forge(note: string, random: Random): string {
  const { text, signatures } = parseNote(note)!;
  const other = parseNote(notes[random(notes.length)]!)!;
  const [first, second, third] = signatures as [(typeof signatures)[0], (typeof signatures)[0], (typeof signatures)[0]];
  const { keyId, name } = key.log;
  switch (random(9)) {
    case 0: // the key of another, under the log's name and id
      return formatNote(text, [{ ...stranger.sign(text), keyId, name }, second, third]);
    case 1:
      return formatNote(text, [first, second, { ...stranger.cosign(text, 5), keyId: third.keyId, name: third.name }]);
    case 2: // signatures of another checkpoint
      return formatNote(text, other.signatures);
    case 3:
      return formatNote(other.text, signatures);
    case 4: // everything twice
      return formatNote(text, [...signatures, ...signatures]);
    case 5:
      return formatNote(text, [...signatures, ...other.signatures]);
    case 6: // the log signs as the witness, the witness as the log
      return formatNote(text, [
        { ...third, name, keyId },
        { ...first, name: third.name, keyId: third.keyId },
      ]);
    case 7: {
      const at = random(signatures.length);
      return formatNote(
        text,
        signatures.with(at, { ...signatures[at]!, signature: flipOne(signatures[at]!.signature, random) }),
      );
    }
    default: {
      const at = random(signatures.length);
      return formatNote(
        text,
        signatures.with(at, { ...signatures[at]!, keyId: (signatures[at]!.keyId ^ (1 << random(31))) >>> 0 }),
      );
    }
  }
}
const flipOne = (bytes: Uint8Array, random: Random) => bytes.with(random(bytes.length), random(256));

test('notes and checkpoints', async () => {
  const findings = await fuzz(10_000, 6_000_000, (random) => {
    const note = notes[random(notes.length)]!;
    const spoiled = random(3) === 0 ? forge(note, random) : spoilText(note, random);
    const parsed = parseNote(spoiled);
    if (parsed !== undefined && formatNote(parsed.text, parsed.signatures) !== spoiled) return 'respelled';
    const meaning = meaningOf(spoiled);
    if (meaning === undefined) return 'refused';
    return meanings.has(meaning) ? 'same' : 'accepted';
  });
  expect(findings).toEqual([]);
});

test('proof files', async () => {
  const made = await Promise.all(
    notes.map(async (checkpoint, i) => {
      const n = parseCheckpoint(parseNote(checkpoint)!.text)!.size;
      const index = randomFrom(i)(n);
      const some = new MemoryLog();
      some.grow(leaves.slice(0, n));
      const proof = { index, hashes: await proveInclusion(c, some.read, index, n), checkpoint };
      return { index, text: formatProof(i % 2 === 0 ? proof : { ...proof, extra: Uint8Array.of(i, 1, 2) }) };
    }),
  );
  const judged = (text: string, leaf: Uint8Array): string | undefined => {
    const proof = parseProof(text);
    const checkpoint = proof && parseCheckpoint(parseNote(proof.checkpoint)!.text);
    if (!proof || !checkpoint) return undefined;
    const { index, hashes } = proof;
    const claim = { index, size: checkpoint.size, leaf, proof: hashes, root: checkpoint.root };
    if (!verifyInclusion(c, claim)) return undefined;
    const meaning = meaningOf(proof.checkpoint);
    return meaning && `${index} ${listOf(hashes)} ${meaning}`;
  };
  const findings = await fuzz(15_000, 7_000_000, (random) => {
    const { index, text } = made[random(made.length)]!;
    const blank = text.indexOf('\n\n') + 2;
    const how = random(8);
    let spoiled = spoilText(text, random);
    let leaf = leaves[index]!;
    if (how === 0) spoiled = text.slice(0, blank) + notes[random(notes.length)]!;
    if (how === 1) spoiled = text.slice(0, blank) + forge(text.slice(blank), random);
    if (how === 2) spoiled = spoilText(text.slice(0, blank), random) + text.slice(blank);
    if (how === 3) [spoiled, leaf] = [text, leaves[random(size)]!];
    const proof = parseProof(spoiled);
    if (proof !== undefined && formatProof(proof) !== spoiled) return 'respelled';
    const meaning = judged(spoiled, leaf);
    if (meaning === undefined) return 'refused';
    return leaf === leaves[index] && meaning === judged(text, leaf) ? 'same' : 'accepted';
  });
  expect(findings).toEqual([]);
});

test('verifier keys', async () => {
  const keys = [key.log, key.witness, witness.witness].map(({ name, type, publicKey }) =>
    formatVerifier(c, name, type, publicKey),
  );
  const findings = await fuzz(5_000, 8_000_000, (random) => {
    const vkey = keys[random(keys.length)]!;
    const spoiled = spoilText(`${vkey}\n`, random).slice(0, -1);
    if (spoiled === vkey) return 'same';
    return parseVerifier(c, spoiled) === undefined ? 'refused' : 'accepted';
  });
  expect(findings).toEqual([]);
});
