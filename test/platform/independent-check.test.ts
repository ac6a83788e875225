/**
 * Nobody has to believe our code about our logs: Go's `sumdb/note` and `sumdb/tlog` open a log that the platform wrote,
 * and `openssl` with `jq` reproduce a commitment and a leaf hash as the auditor's README prints it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readmeCommands } from '#core/proof/bundle-readme.ts';
import { toBase64 } from '#core/proof/bytes.ts';
import { proveConsistency, proveInclusion } from '#core/proof/prove.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { eventOf, putFiles, type WrittenLog, writtenLog } from './written-log.ts';

const gopath = '/usr/share/gocode';
const has = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const hasGo = has('go') && existsSync(join(gopath, 'src/golang.org/x/mod/sumdb/tlog'));
const hasTools = has('openssl') && has('jq') && has('basenc');
if (!hasGo)
  console.warn('no Go with golang.org/x/mod (Debian: golang-go golang-golang-x-mod-dev): its check is skipped');
if (!hasTools) console.warn('no openssl, jq or basenc: the check of the README is skipped');

/** Past one full tile of each level that has hashes, and no round number. */
const leaves = 1_733;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-independent-'));
let world: WrittenLog;
let files: Map<string, Uint8Array>;
let vkey: string;

beforeAll(async () => {
  world = await writtenLog('independent');
  const events = Array.from({ length: leaves }, () => eventOf());
  for (let at = 0; at < leaves; at += 400) {
    await world.commit(at % 800 === 0 ? 'bulk' : 'critical', events.slice(at, at + 400));
    await world.seal();
  }
  const log = await world.log();
  expect(log.publishedSize).toBe(leaves);
  vkey = log.vkey;
  files = await world.objects('evidence', `t/${log.slug}/`);
  putFiles(folder, files);
}, 60_000);
afterAll(async () => {
  await world?.end();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(!hasGo)('Go, with none of our code', () => {
  const program = join(folder, 'proof-go');
  const read = async (path: string) => files.get(path);
  const check = (...more: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, [folder, vkey, ...more], { encoding: 'utf8' });
    return { good: status === 0, said: `${stdout}${stderr}`.trim() };
  };
  /** Runs the check on a file with something changed in it. */
  const changed = (path: string, change: (bytes: Uint8Array) => void, ...more: string[]) => {
    const bytes = readFileSync(join(folder, path));
    const other = Uint8Array.from(bytes);
    change(other);
    putFiles(folder, new Map([[path, other]]));
    try {
      return check(...more);
    } finally {
      putFiles(folder, new Map([[path, bytes]]));
    }
  };

  beforeAll(async () => {
    const env = { ...process.env, GOPATH: gopath, GO111MODULE: 'off', GOFLAGS: '', GOCACHE: join(folder, 'gocache') };
    execFileSync('go', ['build', '-o', program, 'main.go'], {
      cwd: new URL('../proof-go', import.meta.url).pathname,
      env,
    });
    const sizes = [1, 2, 255, 256, 257, 400, 1000, 1024, 1600];
    const indexes = Array.from({ length: 200 }, (_, i) => (i * 8_191) % leaves);
    const proofs = {
      inclusion: await Promise.all(
        [...indexes.map((index) => ({ index, size: leaves })), ...sizes.map((size) => ({ index: size - 1, size }))].map(
          async ({ index, size }) => ({
            index,
            size,
            hashes: (await proveInclusion(c, read, index, size)).map(toBase64),
          }),
        ),
      ),
      consistency: await Promise.all(
        sizes.map(async (old) => ({
          old,
          size: leaves,
          hashes: (await proveConsistency(c, read, old, leaves)).map(toBase64),
        })),
      ),
    };
    putFiles(folder, new Map([['proofs.json', JSON.stringify(proofs)]]));
  }, 60_000);

  test('opens the checkpoint, derives its root from the entries, and accepts our proofs', () => {
    expect(check(join(folder, 'proofs.json'))).toEqual({
      good: true,
      said: [
        `trailkeep.test/t/${'a'.repeat(26)}: signature good, ${leaves} entries hash to the signed root`,
        '209 inclusion and 9 consistency proofs good',
      ].join('\n'),
    });
  });

  test('refuses any bit that is not ours', () => {
    const flip = (at: number) => (bytes: Uint8Array) => {
      bytes[at]! ^= 1;
    };
    for (const at of [2, 60, 31_000]) expect(changed('tile/entries/003', flip(at))).toMatchObject({ good: false });
    expect(changed('tile/0/002', flip(77)).said).toMatch(/REJECTED: leaf 514 differs/);
    expect(changed('tile/entries/006.p/197', flip(90)).said).toMatch(/REJECTED: leaf 1536 differs/);
    const origin = files.get('checkpoint')!.indexOf(10);
    for (const at of [3, origin + 1, origin + 10, files.get('checkpoint')!.length - 9]) {
      expect(changed('checkpoint', flip(at))).toMatchObject({ good: false });
    }
    const proofs = readFileSync(join(folder, 'proofs.json'), 'utf8');
    const hash = proofs.indexOf('"hashes":["') + 15;
    expect(changed('proofs.json', flip(hash), join(folder, 'proofs.json'))).toMatchObject({ good: false });
    expect(check(join(folder, 'proofs.json')).good).toBe(true);
  });
});

describe.skipIf(!hasTools)('openssl and jq, as the README of an export prints it', () => {
  const run = (command: string) =>
    execFileSync('bash', ['-c', `set -eo pipefail\n${command}`], { cwd: folder, encoding: 'utf8' })
      .trim()
      .split('\n');

  beforeAll(async () => {
    const lines: string[] = [];
    for await (const { key } of world.segments.list(new Date(Date.now() - 3_600_000), new Date(Date.now() + 60_000))) {
      lines.push(...(await world.segments.load(key))!.lines.map(({ line }) => line));
    }
    expect(lines).toHaveLength(leaves);
    putFiles(
      folder,
      new Map([
        ['events.jsonl', `${lines.join('\n')}\n`],
        ['keys.txt', `# ours\n${vkey}\n`],
      ]),
    );
  });

  test('the commitment of an event is the one in its entry, and the entry is a leaf', () => {
    for (const line of [1, 700, 1_733]) {
      const [computed, committed, ...rest] = run(readmeCommands.commitment.replace('line=1\n', `line=${line}\n`));
      expect([computed, rest]).toEqual([committed, []]);
      expect(computed).toMatch(/^[\w-]{43}$/);
      const [hash, count] = run(readmeCommands.leaf);
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
      expect(Number(count)).toBeGreaterThan(0);
    }
  });

  test('another event has another commitment', () => {
    const [event] = readFileSync(join(folder, 'events.jsonl'), 'utf8').split('\n');
    putFiles(folder, new Map([['events.jsonl', `${event!.replace('"r"', '"u"')}\n`]]));
    const [computed, committed] = run(readmeCommands.commitment);
    expect(computed).not.toBe(committed);
  });

  test('the log signed the checkpoint, and nothing else', () => {
    expect(run(readmeCommands.signature)).toEqual(['Signature Verified Successfully']);
    const note = readFileSync(join(folder, 'checkpoint'), 'utf8');
    putFiles(folder, new Map([['checkpoint', note.replace(`\n${leaves}\n`, `\n${leaves - 1}\n`)]]));
    expect(() => run(readmeCommands.signature)).toThrow('Command failed');
  });
});
