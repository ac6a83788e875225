/** Both implementations of the crypto against each other and against Project Wycheproof, and core/proof in a browser bundle. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { formatCheckpoint } from '#core/proof/checkpoint.ts';
import { encodeEntry } from '#core/proof/entry.ts';
import { bundles } from '#core/proof/integrate.ts';
import { nobleProofCrypto } from '#core/proof/noble-crypto.ts';
import { formatNote } from '#core/proof/note.ts';
import { proveInclusion } from '#core/proof/prove.ts';
import { formatProof } from '#core/proof/tlog-proof.ts';
import { leafHash } from '#core/proof/tree.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';
import { MemoryLog, randomFrom, testKey } from './made.ts';

const both = { nodeProofCrypto, nobleProofCrypto };
const folder = dataFolder('vectors-crypto');
if (folder === undefined) noticeSkip('vectors-crypto');

test('SHA-256 of every length up to two blocks, and of a view into a larger buffer', () => {
  for (const [name, { sha256 }] of Object.entries(both)) {
    for (let length = 0; length < 130; length++) {
      const buffer = Uint8Array.from({ length: length + 7 }, (_, i) => (i * 31 + length) & 255);
      const data = buffer.subarray(3, 3 + length);
      expect(sha256(data), name).toEqual(new Uint8Array(createHash('sha256').update(data).digest()));
    }
  }
});

interface Group {
  readonly publicKey: { readonly pk: string };
  readonly tests: readonly {
    readonly msg: string;
    readonly sig: string;
    readonly result: string;
    readonly tcId: number;
  }[];
}

test.runIf(folder !== undefined)('Ed25519: 151 vectors of Wycheproof', () => {
  const { testGroups } = JSON.parse(readFileSync(join(folder!, 'ed25519_test.json'), 'utf8')) as {
    testGroups: Group[];
  };
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
  let count = 0;
  for (const { publicKey, tests } of testGroups) {
    for (const { msg, sig, result, tcId } of tests) {
      count++;
      for (const [name, { verifyEd25519 }] of Object.entries(both)) {
        const good = verifyEd25519(bytes(publicKey.pk), bytes(msg), bytes(sig));
        expect(good, `${name}: case ${tcId}`).toBe(result === 'valid');
      }
    }
  }
  expect(count).toBe(151);
});

test('keys and signatures of other lengths are false, never an exception', () => {
  for (const { verifyEd25519 } of Object.values(both)) {
    for (const [key, signature] of [
      [31, 64],
      [33, 64],
      [0, 64],
      [32, 63],
      [32, 65],
      [32, 0],
    ] as const) {
      expect(verifyEd25519(new Uint8Array(key), new Uint8Array(3), new Uint8Array(signature))).toBe(false);
    }
    expect(verifyEd25519(new Uint8Array(32).fill(255), new Uint8Array(3), new Uint8Array(64))).toBe(false);
  }
});

test('points of small order are no keys: one signature would fit every message', () => {
  const orders = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ];
  // R = identity, S = 0: with a key of order one this is a signature of everything.
  const signature = Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0));
  for (const [name, { verifyEd25519 }] of Object.entries(both)) {
    for (const hex of orders) {
      for (const sign of [0, 0x80]) {
        const key = new Uint8Array(Buffer.from(hex, 'hex'));
        key[31]! |= sign;
        for (let i = 0; i < 20; i++)
          expect(verifyEd25519(key, Uint8Array.of(i), signature), `${name} ${hex}`).toBe(false);
      }
    }
  }
});

const log = testKey('evidence.example.org/t/k3v9');
const witness = testKey('witness.example.org/w1');

/** What an auditor's page is handed: a line's entry, a proof, the log's key, and whether it is good. */
async function cases(): Promise<{ entry: Uint8Array; proof: string; good: boolean }[]> {
  const random = randomFrom(6);
  const entries = Array.from({ length: 500 }, (_, i) =>
    encodeEntry({
      id: `019f0000-0000-7000-8000-${String(i).padStart(12, '0')}`,
      kind: 'e',
      commitment: new Uint8Array(createHash('sha256').update(`event ${i}`).digest()),
      time: 1_767_225_600_000 + i,
    }),
  );
  const tree = new MemoryLog();
  tree.grow(entries.map((entry) => leafHash(nodeProofCrypto, entry)));
  tree.put(bundles({ size: 0, partial: [] }, entries));
  const body = formatCheckpoint({ origin: log.log.name, size: tree.size, root: tree.root });
  return Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const index = random(entries.length);
      const signatures = [log.sign(body), witness.cosign(body, 1_767_225_700 + i)];
      const hashes = await proveInclusion(nodeProofCrypto, tree.read, index, tree.size);
      const entry = entries[index]!.slice();
      const how = i % 4;
      if (how === 1) entry[10]! ^= 1 << random(5);
      if (how === 2) signatures[0]!.signature[random(64)]! ^= 1 << random(8);
      if (how === 3) signatures[1]!.signature[random(72)]! ^= 1 << random(8);
      return {
        entry,
        proof: formatProof({ index, hashes, checkpoint: formatNote(body, signatures) }),
        good: how === 0,
      };
    }),
  );
}

const page = `
import { openCheckpoint } from './core/proof/checkpoint.ts';
import { nobleProofCrypto } from './core/proof/noble-crypto.ts';
import { parseProof } from './core/proof/tlog-proof.ts';
import { leafHash, verifyInclusion } from './core/proof/tree.ts';
export function verify(c, { entry, proof }, log, witness) {
  const { index, hashes, checkpoint } = parseProof(proof);
  const opened = openCheckpoint(c, checkpoint, log, [witness]);
  if (!opened) return false;
  return verifyInclusion(c, { index, size: opened.size, leaf: leafHash(c, entry), proof: hashes, root: opened.root });
}
export const verifyInBrowser = (...some) => verify(nobleProofCrypto, ...some);
`;

test('core/proof runs in a browser: a bundle without node judges 200 proofs as node:crypto does', async () => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: page, resolveDir: join(import.meta.dirname, '../../..'), loader: 'ts' },
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'page',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  expect(Object.keys(metafile.inputs).filter((path) => path.startsWith('node:'))).toEqual([]);
  // A context of its own: what ECMAScript has, and of the platform the two that every browser has. No Buffer, no process.
  const context = { TextEncoder, TextDecoder, Uint8Array, ArrayBuffer, DataView };
  type Verify = (...some: readonly unknown[]) => boolean;
  const bundle = runInNewContext(`${outputFiles[0]!.text}; page`, context) as {
    verify: Verify;
    verifyInBrowser: Verify;
  };
  const all = await cases();
  const args = [log.log, witness.witness];
  expect(all.map((one) => bundle.verifyInBrowser(one, ...args))).toEqual(all.map(({ good }) => good));
  expect(all.map((one) => bundle.verify(nodeProofCrypto, one, ...args))).toEqual(all.map(({ good }) => good));
});
