import { describe, expect, test } from 'vitest';
import { proofCrypto as c } from '#cli/proof-crypto.ts';
import { verifyLog } from '#core/proof/verify-log.ts';
import { filesOf, keyOf, lineAt, madeLog, noteOf, trust } from './made-log.ts';

const lines = Array.from({ length: 1500 }, (_, index) => lineAt(index));
const log = madeLog(lines, [100, 300, 1024, 1500]);
const withLines = new Map(log.files).set('events.jsonl', Buffer.from(`${lines.join('\n')}\n`));

const judged = async (files: ReadonlyMap<string, Uint8Array>) => (await verifyLog(c, trust, filesOf(files))).judgement;
const flip = (path: string, at: number, files = log.files) => {
  const bytes = Uint8Array.from(files.get(path)!);
  bytes[at]! ^= 1;
  return new Map(files).set(path, bytes);
};
const without = (path: string, files = log.files) => {
  const rest = new Map(files);
  expect(rest.delete(path)).toBe(true);
  return rest;
};

describe('a log as it was made', () => {
  test.each([0, 1, 255, 256, 257, 512, 1500])('of %i leaves is verified', async (size) => {
    const report = await verifyLog(c, trust, filesOf(madeLog(lines.slice(0, size)).files));
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ judgement: { verdict: 'VERIFIED' }, entries: size, size });
  });
  test('with its events and every archived checkpoint', async () => {
    const report = await verifyLog(c, trust, filesOf(withLines));
    expect(report).toMatchObject({ judgement: { verdict: 'VERIFIED' }, findings: [], events: { VERIFIED: 1500 } });
  });
  test('of 65,536 leaves and more, with tiles on three levels', async () => {
    const big = madeLog(Array.from({ length: 65_800 }, (_, index) => lineAt(index)));
    expect((await judged(big.files)).verdict).toBe('VERIFIED');
    expect(await judged(flip('tile/1/000', 77, big.files))).toMatchObject({
      reason: 'tile_differs',
      at: { path: 'tile/1/000' },
    });
    expect(await judged(flip('tile/0/131', 77, big.files))).toMatchObject({
      reason: 'tile_differs',
      at: { path: 'tile/0/131' },
    });
    expect(await judged(flip('tile/2/000.p/1', 7, big.files))).toMatchObject({
      reason: 'tile_differs',
      at: { path: 'tile/2/000.p/1' },
    });
  });
});

describe('what was changed is named', () => {
  test.each([
    ['tile/0/001', 31],
    ['tile/0/005.p/220', 4000],
    ['tile/1/000.p/5', 159],
  ])('a bit of %s', async (path, at) => {
    expect(await judged(flip(path, at))).toMatchObject({ verdict: 'TAMPERED', reason: 'tile_differs', at: { path } });
  });
  test('a bit of an entry', async () => {
    expect(await judged(flip('tile/entries/002', 20))).toMatchObject({ reason: 'entry_differs', at: { index: 512 } });
    expect(await judged(flip('tile/entries/002', 1))).toMatchObject({ verdict: 'TAMPERED', reason: 'entry_invalid' });
    expect(await judged(flip('tile/entries/005.p/220', 20))).toMatchObject({
      reason: 'entry_differs',
      at: { index: 1280 },
    });
  });
  test('files that are gone', async () => {
    expect(await judged(without('tile/entries/002'))).toMatchObject({ verdict: 'MISSING', reason: 'entry_gone' });
    expect(await judged(without('tile/0/002'))).toMatchObject({ verdict: 'MISSING', reason: 'tile_gone' });
    expect(await judged(without('tile/1/000.p/5'))).toMatchObject({ verdict: 'MISSING', reason: 'tile_gone' });
    expect(await judged(without('checkpoint'))).toMatchObject({ verdict: 'UNVERIFIABLE', reason: 'no_log' });
  });
  test('tiles and entries rewritten to agree with each other', async () => {
    const other = madeLog(lines.with(700, lineAt(700, { action: 'nothing.happened' })), [1500]);
    const files = new Map([...other.files, ['checkpoint', log.files.get('checkpoint')!]]);
    expect(await judged(files)).toMatchObject({ verdict: 'TAMPERED', reason: 'root_differs' });
  });
});

describe('checkpoints', () => {
  const checkpoint = (note: string) => new Map(log.files).set('checkpoint', Buffer.from(note));
  test('signed by another key', async () => {
    expect(await judged(checkpoint(noteOf(1500, log.root, keyOf('thief'))))).toMatchObject({
      reason: 'signature_invalid',
    });
  });
  test('of another log', async () => {
    const other = { keys: [{ ...trust.keys[0]!, name: 'other' }] };
    expect((await verifyLog(c, other, filesOf(log.files))).judgement).toMatchObject({ reason: 'other_log' });
    expect((await verifyLog(c, { keys: [] }, filesOf(log.files))).judgement).toMatchObject({ reason: 'no_key' });
  });
  test('gone back to an older one', async () => {
    const files = madeLog(lines, [1024]).files;
    files.set('checkpoint-archive/00000000000000001500', log.files.get('checkpoint-archive/00000000000000001500')!);
    expect(await judged(files)).toMatchObject({ verdict: 'TAMPERED', reason: 'rewound' });
  });
  test('two histories under one key', async () => {
    const forked = madeLog(lines.with(50, lineAt(50, { action: 'nothing.happened' })), [100, 300, 1024, 1500]);
    for (const size of [100, 1500]) {
      const path = `checkpoint-archive/${String(size).padStart(20, '0')}`;
      const files = new Map(log.files).set(path, forked.files.get(path)!);
      expect(await judged(files)).toMatchObject({ verdict: 'FORKED', at: { path } });
    }
  });
});

describe('events beside their log', () => {
  const events = async (changed: readonly string[]) => {
    const report = await verifyLog(
      c,
      trust,
      filesOf(new Map(log.files).set('events.jsonl', Buffer.from(changed.join('\n')))),
    );
    return report.findings.map(({ reason, at: { index } }) => [reason, index]);
  };
  test('edited, gone, added, moved, with a swapped salt', async () => {
    expect(await events(lines.with(9, lineAt(9, { action: 'nothing.happened' })))).toEqual([['event_differs', 9]]);
    expect(await events(lines.toSpliced(9, 1))).toEqual([['event_gone', 9]]);
    expect(await events(lines.toSpliced(9, 0, lineAt(5000)))).toEqual([['event_extra', undefined]]);
    expect(await events(lines.toSpliced(9, 0, lines[9]!))).toEqual([['event_extra', undefined]]);
    expect(await events(lines.with(9, lines[10]!).with(10, lines[9]!))).toEqual([['order_differs', 9]]);
    const salted = (at: number, from: number) => lineAt(at, { salt: JSON.parse(lines[from]!).salt as string });
    expect(await events(lines.with(9, salted(9, 10)).with(10, salted(10, 9)))).toEqual([
      ['event_differs', 9],
      ['event_differs', 10],
    ]);
    expect(await events(lines.with(9, 'no event'))).toEqual([
      ['event_extra', undefined],
      ['event_gone', 9],
    ]);
  });
  test('purged, as the log says', async () => {
    const own = { producer: { key: 'trailkeep' }, action: 'retention.purged' } as const;
    const told = lines.with(1400, lineAt(1400, { ...own, metadata: { policy: 'days-30', leaves: [[10, 20]] } }));
    const purged = madeLog(told);
    const kept = (text: readonly string[]) => new Map(purged.files).set('events.jsonl', Buffer.from(text.join('\n')));
    const report = await verifyLog(c, trust, filesOf(kept(told.toSpliced(10, 10))));
    expect(report).toMatchObject({ judgement: { verdict: 'PURGED' }, events: { PURGED: 10, VERIFIED: 1490 } });
    // One more than the leaf says; and a producer cannot say it.
    expect(await judged(kept(told.toSpliced(10, 11)))).toMatchObject({ verdict: 'MISSING', at: { index: 20 } });
    const lied = lines.with(
      1400,
      lineAt(1400, { action: 'retention.purged', metadata: { policy: 'x', leaves: [[10, 20]] } }),
    );
    const files = new Map(madeLog(lied).files).set('events.jsonl', Buffer.from(lied.toSpliced(10, 10).join('\n')));
    expect(await judged(files)).toMatchObject({ verdict: 'MISSING' });
  });
});
