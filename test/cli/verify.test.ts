/** Verifying from the auditor's disk: folders and zips, every kind of proof, and exit codes that a script can trust. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '#cli/main.ts';
import { proofCrypto as c } from '#cli/proof-crypto.ts';
import { toBase64 } from '#core/proof/bytes.ts';
import { proveConsistency, proveInclusion } from '#core/proof/prove.ts';
import { besideRange } from '#core/proof/range.ts';
import { formatProof } from '#core/proof/tlog-proof.ts';
import { firstTime, keyOf, leafMs, lineAt, madeLog, noteOf, origin, vkey } from '#test/core/proof/made-log.ts';
import { putFiles } from '#test/platform/written-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-verify-'));
const at = (name: string) => join(folder, name);
const lines = Array.from({ length: 700 }, (_, index) => lineAt(index));
const log = madeLog(lines, [100, 300, 700]);
const read = async (path: string) => log.files.get(path);
const put = (name: string, content: string | Uint8Array) => {
  writeFileSync(at(name), content);
  return at(name);
};

/** Runs the command; with what it said and how it ended. */
async function verify(...args: string[]) {
  const said: string[] = [];
  const stream = { write: (text: string) => said.push(text) } as unknown as NodeJS.WritableStream;
  const terminal = { out: stream, err: stream, stdin: process.stdin, stop: new AbortController().signal };
  const code = await main(['verify', ...args], terminal);
  return { code, said: said.join('') };
}

beforeAll(() => {
  const files = new Map(log.files).set('events.jsonl', Buffer.from(`${lines.join('\n')}\n`));
  putFiles(at('log'), files);
  put('log.zip', zipSync(Object.fromEntries(files)));
  put('keys.txt', `# of ${origin}\n${vkey}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a log', () => {
  test.each(['log', 'log.zip'])('as %s', async (name) => {
    expect(await verify('log', at(name), '--key', vkey)).toEqual({
      code: 0,
      said: [
        `VERIFIED  All 700 entries hash to the root that ${origin} signed.`,
        `  log        ${origin}`,
        '  tree       700 leaves',
        '  entries    700 checked',
        '  events     700 VERIFIED',
        '',
      ].join('\n'),
    });
  });
  test('with an edited event ends with 1, and --json has it all', async () => {
    const edited = lines.with(3, lineAt(3, { action: 'nothing.happened' })).join('\n');
    put('log/events.jsonl', `${edited}\n`);
    const { code, said } = await verify('log', at('log'), '--key', at('keys.txt'), '--json');
    put('log/events.jsonl', `${lines.join('\n')}\n`);
    expect(code).toBe(1);
    expect(JSON.parse(said)).toMatchObject({
      ...{ verdict: 'TAMPERED', reason: 'event_differs', at: { index: 3 }, entries: 700, more: 0 },
      ...{ events: { VERIFIED: 699, TAMPERED: 1 }, findings: [{ reason: 'event_differs' }] },
    });
  });
  test('in a zip that is cut off, or not there, or not one', async () => {
    const zip = zipSync({ checkpoint: log.files.get('checkpoint')! });
    expect(await verify('log', put('cut.zip', zip.subarray(0, -30)), '--key', vkey)).toMatchObject({ code: 1 });
    expect((await verify('log', at('nowhere'), '--key', vkey)).said).toMatch(/There is no .*nowhere/);
    const [from, to] = [Buffer.from('checkpoint'), Buffer.from('checkpoinT')];
    const twice = Buffer.from(zipSync({ checkpoint: zip, checkpoinT: zip }));
    for (let i = twice.indexOf(to); i >= 0; i = twice.indexOf(to)) from.copy(twice, i);
    expect((await verify('log', put('twice.zip', twice), '--key', vkey)).said).toMatch(/is broken at "checkpoint"/);
  });
});

describe('the proof of an event', () => {
  const proofOf = async (index: number, more: object = {}) => {
    const hashes = (await proveInclusion(c, read, index, 700)).map(toBase64);
    const entry = Buffer.from(log.entries[index]!).toString();
    const known = { v: 1, origin, line: lines[index], entry, index, size: 700, hashes, verifier: vkey };
    return put(`${index}.json`, JSON.stringify({ ...known, checkpoint: noteOf(700, log.root), ...more }));
  };
  test('as the API answers it', async () => {
    expect(await verify('event', await proofOf(5), '--key', vkey)).toEqual({
      code: 0,
      said: 'VERIFIED  The event is what leaf 5 commits to.\n',
    });
    expect((await verify('event', await proofOf(5, { erased: ['/actor/name'] }), '--key', vkey)).said).toMatch(
      /^VERIFIED_ERASED/,
    );
    expect(await verify('event', await proofOf(5, { line: lines[6] }), '--key', vkey)).toMatchObject({ code: 1 });
  });
  test('as a tlog-proof beside its event', async () => {
    const hashes = await proveInclusion(c, read, 8, 700);
    const text = formatProof({ index: 8, hashes, checkpoint: noteOf(700, log.root), extra: log.entries[8]! });
    const event = put('8.jsonl', `${lines[8]}\n`);
    expect(await verify('event', put('8.tlog-proof', text), '--event', event, '--key', vkey)).toMatchObject({
      code: 0,
    });
    expect((await verify('event', at('8.tlog-proof'), '--key', vkey)).said).toMatch(/^MISSING {2}The log has leaf 8/);
  });
  test('without a key, with another log’s key, and under another key', async () => {
    const without = await verify('event', await proofOf(5));
    expect(without).toMatchObject({ code: 1 });
    expect(without.said).toMatch(/^UNVERIFIABLE .*\n {2}Give --key\. .*The file itself names trailkeep\.test/);
    expect((await verify('event', at('5.json'), '--key', keyOf('log').vkey('other.example/t/x'))).said).toMatch(
      /^UNVERIFIABLE/,
    );
    expect((await verify('event', at('5.json'), '--key', keyOf('thief').vkey(origin))).said).toMatch(
      /^TAMPERED.*no key of that log/,
    );
  });
});

test('the proof of a period, and the same with a leaf left out', async () => {
  const [start, end] = [100, 200];
  const time = (index: number) => new Date(firstTime + index * leafMs).toISOString();
  const [first, last] = [start - 1, end + 1];
  const inclusion = (index: number) => proveInclusion(c, read, index, 700);
  const beside = besideRange(
    { first, last, size: 700 },
    { first: await inclusion(first), last: await inclusion(last - 1) },
  );
  const file = {
    ...{ v: 1, origin, size: 700, from: time(start), to: time(end), start, end, first, last, verifier: vkey },
    ...{ left: beside.left.map(toBase64), right: beside.right.map(toBase64), checkpoint: noteOf(700, log.root) },
    entries: log.entries.slice(first, last).map((entry) => Buffer.from(entry).toString()),
  };
  expect(await verify('range', put('range.json', JSON.stringify(file)), '--key', vkey)).toEqual({
    code: 0,
    said: 'VERIFIED  The log has exactly 100 leaves of the period.\n',
  });
  const less = { ...file, end: end - 1, last: last - 1, entries: file.entries.slice(0, -1) };
  expect(await verify('range', put('less.json', JSON.stringify(less)), '--key', vkey)).toMatchObject({ code: 1 });
  const narrow = { ...file, from: time(start - 5) };
  expect((await verify('range', put('narrow.json', JSON.stringify(narrow)), '--key', vkey)).said).toMatch(
    /^MISSING {2}Leaf 99 is of the period too/,
  );
});

test('two checkpoints: by the tiles, by a proof, by nothing, and of two histories', async () => {
  const monday = put('monday', noteOf(300, log.roots.get(300)!));
  const friday = put('friday', noteOf(700, log.root));
  const begins = { code: 0, said: 'VERIFIED  The tree of 700 leaves begins with the one of 300.\n' };
  expect(await verify('checkpoint', monday, friday, '--log', at('log.zip'), '--key', vkey)).toEqual(begins);
  const proof = (await proveConsistency(c, read, 300, 700)).map(toBase64).join('\n');
  expect(await verify('checkpoint', friday, monday, '--proof', put('proof.txt', `${proof}\n`), '--key', vkey)).toEqual(
    begins,
  );
  expect((await verify('checkpoint', monday, friday, '--key', vkey)).said).toMatch(/^UNVERIFIABLE/);
  const other = madeLog(lines.with(9, lineAt(9, { action: 'nothing.happened' })), [300, 700]);
  const forked = put('forked', noteOf(300, other.roots.get(300)!));
  expect((await verify('checkpoint', forked, friday, '--log', at('log'), '--key', vkey)).said).toMatch(/^FORKED/);
  expect((await verify('checkpoint', forked, monday, '--key', vkey)).said).toMatch(
    /^FORKED.*signed two roots for 300 leaves/,
  );
});

test('what is typed wrongly ends with 2', async () => {
  expect(await verify()).toMatchObject({ code: 2 });
  expect(await verify('evnt', 'x', '--key', vkey)).toMatchObject({ code: 2 });
  expect(await verify('event', '--key', vkey)).toMatchObject({ code: 2 });
});
