/** Every verdict about one event, each for its own reason. */
import { describe, expect, test } from 'vitest';
import { proofCrypto as c } from '#cli/proof-crypto.ts';
import { decodeEntry, encodeEntry } from '#core/proof/entry.ts';
import { formatNote, formatVerifier, parseNote, parseVerifier } from '#core/proof/note.ts';
import { parsePolicy } from '#core/proof/policy.ts';
import { proveInclusion } from '#core/proof/prove.ts';
import { isGood, verdicts, worst } from '#core/proof/verdict.ts';
import { type About, type EventProof, judgeAbsent, verifyEvent } from '#core/proof/verify-event.ts';
import { firstTime, keyOf, lineAt, madeLog, noteOf, origin, trust } from './made-log.ts';

const box = { group: 'identity', key: 'k'.repeat(32), at: ['/actor/name'], box: 'AAAA' } as const;
const lines = [
  lineAt(0),
  lineAt(1, { sealed: [box] as never }),
  ...Array.from({ length: 300 }, (_, i) => lineAt(i + 2)),
];
const log = madeLog(lines);
const proofAt = async (index: number): Promise<EventProof> => ({
  line: lines[index],
  entry: log.entries[index]!,
  index,
  hashes: await proveInclusion(c, async (path) => log.files.get(path), index, log.size),
  checkpoint: noteOf(log.size, log.root),
});
const judged = async (index: number, change: Partial<EventProof> = {}, about: About = {}, trusting = trust) => {
  const { verdict, reason } = verifyEvent(c, trusting, { ...(await proofAt(index)), ...change }, about);
  return `${verdict} ${reason}`;
};

describe('VERIFIED, VERIFIED_ERASED, PURGED', () => {
  test('each event of the log, and no other in its place', async () => {
    for (let index = 0; index < lines.length; index += 7) {
      expect(await judged(index)).toBe('VERIFIED verified');
      expect(await judged(index, { line: lines[(index + 1) % lines.length] })).toBe('TAMPERED event_differs');
    }
  });
  test('erased when somebody says so, or when one of its keys is known to be gone', async () => {
    expect(await judged(1, {}, { erased: true })).toBe('VERIFIED_ERASED erased');
    expect(await judged(1, {}, { erased: new Set([box.key]) })).toBe('VERIFIED_ERASED erased');
    expect(await judged(1, {}, { erased: new Set(['other']) })).toBe('VERIFIED verified');
    // What is erased and changed is changed.
    expect(await judged(1, { line: lines[2] }, { erased: true })).toBe('TAMPERED event_differs');
  });
  test('purged when a purge names the leaf', async () => {
    const purges = [{ index: 200, policy: 'days-30', leaves: [[3, 5]] }] as const;
    expect(await judged(4, { line: undefined }, { purges })).toBe('PURGED purged');
    expect(await judged(5, { line: undefined }, { purges })).toBe('MISSING event_gone');
  });
});

describe('PENDING and MISSING', () => {
  test('before and after the merge delay', () => {
    expect(judgeAbsent('x', firstTime, 60_000, firstTime + 59_999)).toMatchObject({
      verdict: 'PENDING',
      reason: 'not_due',
    });
    expect(judgeAbsent('x', firstTime, 60_000, firstTime + 60_000)).toMatchObject({
      verdict: 'MISSING',
      reason: 'overdue',
    });
  });
});

describe('TAMPERED', () => {
  test('the entry, the proof, the index', async () => {
    const { entry, hashes } = await proofAt(9);
    const other = encodeEntry({ ...decodeEntry(entry)!, time: firstTime });
    expect(await judged(9, { entry: other })).toBe('TAMPERED proof_differs');
    expect(await judged(9, { entry: Buffer.from('{"v":1}') })).toBe('TAMPERED entry_invalid');
    expect(await judged(9, { hashes: hashes.slice(1) })).toBe('TAMPERED proof_differs');
    expect(await judged(9, { index: 10 })).toBe('TAMPERED proof_differs');
  });
  test('an entry that the log itself wrote wrongly: another id, another kind', async () => {
    const wrong = (change: object) => {
      const entry = encodeEntry({ ...decodeEntry(log.entries[9]!)!, ...change });
      return { entry, ...madeOf(entry) };
    };
    expect(await judged(9, wrong({ id: decodeEntry(log.entries[8]!)!.id }))).toBe('TAMPERED entry_differs');
    expect(await judged(9, wrong({ kind: 'x' }))).toBe('TAMPERED entry_differs');
  });
  test('the checkpoint', async () => {
    expect(await judged(9, { checkpoint: noteOf(log.size, log.root, keyOf('thief')) })).toBe(
      'TAMPERED signature_invalid',
    );
    expect(await judged(9, { checkpoint: 'nothing' })).toBe('TAMPERED checkpoint_invalid');
    expect(await judged(9, { checkpoint: noteOf(log.size * 2, log.root) })).toBe('TAMPERED proof_differs');
    // A signature of ours that is broken spoils the note, whatever else is signed.
    const { text, signatures } = parseNote(noteOf(log.size, log.root))!;
    const broken = { ...signatures[0]!, signature: new Uint8Array(64) };
    expect(await judged(9, { checkpoint: formatNote(text, [...signatures, broken]) })).toBe(
      'TAMPERED signature_invalid',
    );
  });
});

/** A log of this one leaf. */
function madeOf(entry: Uint8Array) {
  const leaf = c.sha256(Uint8Array.of(0, ...entry));
  return { index: 0, hashes: [], checkpoint: noteOf(1, leaf) };
}

describe('UNVERIFIABLE', () => {
  test('no key, the key of another log, witnesses that a policy asks for', async () => {
    expect(await judged(9, {}, {}, { keys: [] })).toBe('UNVERIFIABLE no_key');
    const other = parseVerifier(c, keyOf('log').vkey('other.example/t/x'))!;
    expect(await judged(9, {}, {}, { keys: [other] })).toBe('UNVERIFIABLE other_log');
    const { publicKey } = keyOf('witness');
    const witness = formatVerifier(c, 'witness.example', 4, publicKey);
    const log1 = keyOf('log').vkey(origin);
    const policy = parsePolicy(c, `log ${log1}\nwitness w ${witness}\nquorum w\n`)!;
    expect(policy).toBeDefined();
    expect(await judged(9, {}, {}, { ...trust, policy } as typeof trust)).toBe('UNVERIFIABLE policy_unmet');
  });
});

test('the worst of several decides, and three verdicts are good', () => {
  const one = (verdict: (typeof verdicts)[number]) => ({ verdict, reason: 'verified', why: '', at: {} }) as const;
  expect(worst([one('VERIFIED'), one('PURGED'), one('FORKED'), one('TAMPERED')]).verdict).toBe('FORKED');
  expect(verdicts.filter((verdict) => isGood({ verdict }))).toEqual(['VERIFIED', 'VERIFIED_ERASED', 'PURGED']);
});
