/** Offline verification of a log and of an export's events: leaves a second, against the SHA-256 that it cannot avoid. */
import { hash } from 'node:crypto';
import { proofCrypto as c } from '#cli/proof-crypto.ts';
import { encodeEntry } from '#core/proof/entry.ts';
import { bundles, integrate } from '#core/proof/integrate.ts';
import { leafHash } from '#core/proof/tree.ts';
import { verifyLog } from '#core/proof/verify-log.ts';
import { filesOf, firstTime, idAt, lineAt, madeLog, noteOf, trust } from '#test/core/proof/made-log.ts';
import { median, report } from './report.ts';

const leaves = process.argv.includes('--full') ? 1_000_000 : 250_000;
const events = 20_000;
const rounds = 5;

/** A log of entries alone: what a mirror holds. */
function bareLog(): Map<string, Uint8Array> {
  const entries = Array.from({ length: leaves }, (_, index) =>
    encodeEntry({ id: idAt(index), kind: 'e', commitment: c.sha256(Buffer.from(`${index}`)), time: firstTime + index }),
  );
  const grown = integrate(
    c,
    { size: 0, edge: [] },
    entries.map((entry) => leafHash(c, entry)),
  );
  const files = new Map(
    [...grown.tiles, ...bundles({ size: 0, partial: [] }, entries)].map(({ path, bytes }) => [path, bytes]),
  );
  return files.set('checkpoint', Buffer.from(noteOf(leaves, grown.root)));
}

async function perSecond(count: number, run: () => Promise<void> | void): Promise<number> {
  const figures: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const from = process.hrtime.bigint();
    await run();
    figures.push((count * 1e9) / Number(process.hrtime.bigint() - from));
  }
  return median(figures);
}

async function verified(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const { judgement } = await verifyLog(c, trust, filesOf(files));
  if (judgement.verdict !== 'VERIFIED') throw new Error(judgement.why);
}

const log = bareLog();
const lines = Array.from({ length: events }, (_, index) => lineAt(index));
const whole = madeLog(lines).files.set('events.jsonl', Buffer.from(`${lines.join('\n')}\n`));

// A leaf is hashed once (one byte and about 125), and every leaf but one makes a node (65 bytes).
const [leafInput, nodeInput] = [Buffer.alloc(126), Buffer.alloc(65)];
const limit = await perSecond(leaves, () => {
  for (let i = 0; i < leaves; i++) {
    hash('sha256', leafInput, 'binary');
    hash('sha256', nodeInput, 'binary');
  }
});
report('Offline verification', [
  {
    path: `verifyLog, ${leaves.toLocaleString('en-GB')} leaves in memory: entries → root, tiles, times`,
    figure: await perSecond(leaves, () => verified(log)),
    unit: 'leaves/s',
    against: { name: 'two SHA-256 a leaf', figure: limit },
    goal: '≥ 200,000/s',
  },
  {
    path: `the same with ${events.toLocaleString('en-GB')} events of about 600 bytes`,
    figure: await perSecond(events, () => verified(whole)),
    unit: 'events/s',
  },
]);
