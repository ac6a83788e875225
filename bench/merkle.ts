/**
 * Merkle: growing a tree and checking it, against the least that could be done, which is to hash as many inputs of the
 * same lengths, one call each, with node:crypto.
 */
import { hash } from 'node:crypto';
import { decodeEntry, type Entry, encodeEntry } from '#core/proof/entry.ts';
import { bundles, integrate, type Tree } from '#core/proof/integrate.ts';
import { proveInclusion } from '#core/proof/prove.ts';
import { leafHash, verifyInclusion } from '#core/proof/tree.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { median, report } from './report.ts';

const full = process.argv.includes('--full');
const count = full ? 1_000_000 : 200_000;
const batch = 10_000;
const rounds = full ? 7 : 5;
const proofs = 20_000;

const entries: Entry[] = Array.from({ length: count }, (_, i) => ({
  id: `019f0000-0000-7000-8000-${String(i).padStart(12, '0')}`,
  kind: 'e',
  commitment: hash('sha256', `event ${i}`, 'buffer'),
  time: 1_767_225_600_000 + i,
}));
const encoded = entries.map(encodeEntry);
const leaves = encoded.map((entry) => leafHash(nodeProofCrypto, entry));
const [slot, node] = [new Uint8Array(1 + encoded[0]!.length), new Uint8Array(65)];

/** How many nodes of 65 bytes the batches hash, counted once. */
let nodes = 0;
const counting = {
  sha256: (data: Uint8Array) => {
    if (data.length === node.length) nodes++;
    return nodeProofCrypto.sha256(data);
  },
};

function grow(crypto: Pick<typeof nodeProofCrypto, 'sha256'>, hashed: readonly Uint8Array[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let tree: Tree = { size: 0, edge: [] };
  for (let at = 0; at < count; at += batch) {
    const next = integrate(crypto, tree, hashed.slice(at, at + batch));
    for (const { path, bytes } of next.tiles) files.set(path, bytes);
    tree = next;
  }
  return files;
}

/** All that sealing does on the processor: entries, their hashes, bundles and tiles. */
function growFromLeaves(): void {
  let tree: Tree = { size: 0, edge: [] };
  let partial: Uint8Array[] = [];
  for (let at = 0; at < count; at += batch) {
    const some = entries.slice(at, at + batch).map(encodeEntry);
    bundles({ size: at, partial }, some);
    tree = integrate(
      nodeProofCrypto,
      tree,
      some.map((entry) => leafHash(nodeProofCrypto, entry)),
    );
    partial = some.slice(some.length - (tree.size % 256));
  }
}

const hashTimes = (times: number, data: Uint8Array) => {
  for (let i = 0; i < times; i++) hash('sha256', data, 'buffer');
};

const files = grow(counting, leaves);
const size = count;
const root = integrate(nodeProofCrypto, { size: 0, edge: [] }, leaves).root;
let gets = 0;
const read = async (path: string) => {
  gets++;
  return files.get(path);
};
const claims = await Promise.all(
  Array.from({ length: proofs }, async (_, i) => {
    const index = (i * 7919) % size;
    const proof = await proveInclusion(nodeProofCrypto, read, index, size);
    return { index, size, leaf: leaves[index]!, proof, root };
  }),
);
const getsAProof = gets / proofs;
const steps = claims.reduce((sum, { proof }) => sum + proof.length, 0);
/** A checkpoint with our signature and one cosignature is about so long. */
const checkpointBytes = 380;
/** A line of a tlog-proof is a hash in base64. */
const proofBytes = 40 + (steps / proofs) * 45 + checkpointBytes;

/** Seconds of each piece of work, taken in turns so that all meet the same machine. */
const works = {
  limit: () => hashTimes(nodes, node),
  grow: () => void grow(nodeProofCrypto, leaves),
  sealLimit: () => {
    hashTimes(nodes, node);
    hashTimes(count, slot);
  },
  seal: growFromLeaves,
  decode: () => {
    for (const entry of encoded) if (decodeEntry(entry) === undefined) throw new Error('an entry is not read');
  },
  verifyLimit: () => hashTimes(steps, node),
  verify: () => {
    for (const claim of claims)
      if (!verifyInclusion(nodeProofCrypto, claim)) throw new Error('a proof does not verify');
  },
};
type Work = keyof typeof works;
const names = Object.keys(works) as Work[];
const seconds = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Work, number[]>;
for (let round = -1; round < rounds; round++) {
  for (const name of names) {
    const start = performance.now();
    works[name]();
    if (round >= 0) seconds[name].push((performance.now() - start) / 1000);
  }
}
const rate = (items: number, name: Work) => items / median(seconds[name]);

report(`Merkle, ${count.toLocaleString('en-GB')} leaves in batches of ${batch.toLocaleString('en-GB')}`, [
  {
    path: 'grow a tree of hashed entries, tiles included',
    figure: rate(count, 'grow'),
    unit: 'leaves/s',
    against: { name: 'the same hashes alone', figure: rate(count, 'limit') },
    goal: '≥ 0.5',
  },
  {
    path: 'entries, hashes, bundles and tiles',
    figure: rate(count, 'seal'),
    unit: 'leaves/s',
    against: { name: 'the same hashes alone', figure: rate(count, 'sealLimit') },
  },
  { path: 'read entries', figure: rate(count, 'decode'), unit: 'entries/s' },
  {
    path: `verify inclusion (${(steps / proofs).toFixed(1)} hashes each)`,
    figure: rate(proofs, 'verify'),
    unit: 'proofs/s',
    against: { name: 'the same hashes alone', figure: rate(proofs, 'verifyLimit') },
  },
  { path: 'tiles read for one inclusion proof', figure: getsAProof, unit: 'GETs' },
  { path: 'one .tlog-proof, cosigned', figure: proofBytes, unit: 'bytes' },
]);
