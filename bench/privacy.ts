/**
 * Privacy: what encrypting costs. A field's envelope alone, sealing and opening of whole events, and the two write
 * paths with sealing against the same paths without it, in one run.
 */
import { randomBytes } from 'node:crypto';
import type { View } from '#core/access/view.ts';
import { neededKeys, showEvent } from '#core/privacy/open.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { leavesOf } from '#functions/record/leaves.ts';
import { seal } from '#functions/record/seal.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import { dataKeyOf, nodeCipher } from '#stores/crypto/cipher.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { contextKey, newId, startPlace } from './place.ts';
import { batchesOf } from './prepared.ts';
import { type Line, median, report } from './report.ts';

const full = process.argv.includes('--full');
const rounds = full ? 5 : 3;
const batch = 2_000;
const count = full ? 60_000 : 20_000;
const writers = 4;
const place = await startPlace();

/** Operations a second of one function, a second long. */
function rateOf(work: () => void): number {
  const run = (ms: number) => {
    const until = performance.now() + ms;
    let done = 0;
    for (; performance.now() < until; done += 100) for (let i = 0; i < 100; i++) work();
    return done;
  };
  run(300);
  return run(1_000);
}

const linesOf = async (tier: 'critical' | 'bulk', seed: number): Promise<EventLine[][]> =>
  (await batchesOf(tier, { count, batch, tenants: 20, seed })).map((messages) =>
    messages.flatMap(({ body }) => {
      const opened = openEnvelope(body);
      return opened.ok ? opened.value.lines : [];
    }),
  );

/** One execution environment for all rounds: the first round meets the people, as in life, and is not counted. */
const environment = place.sealPorts(place.login(writers));

/** Without sealing; sealed with all people met within five minutes; sealed with those that the seed brings anew. */
type How = 'clear' | 'known' | 'new';

/** Events a second of a write path: sealed or not, planned, compressed, put and committed, by four writers at once. */
async function write(
  tier: 'critical' | 'bulk',
  how: How,
  seed: number,
): Promise<{ wall: number; cpu: number; bytes: number }> {
  const queue = await linesOf(tier, seed);
  const sql = place.login(writers);
  const ledger = createLedger(sql, contextKey);
  if (how === 'known') for (const lines of queue) await seal(environment, lines);
  let bytes = 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const writer = async () => {
    for (let lines = queue.shift(); lines; lines = queue.shift()) {
      const stored = how === 'clear' ? lines : await seal(environment, lines);
      const plan = planSegment(stored, { id: newId(new Date()), tier, now: new Date() });
      const segment = await place.segments.write(plan);
      const ordered = plan.blocks.flatMap((block) => block.lines);
      bytes += segment.bytes;
      await ledger.commit(segment, ordered, leavesOf(ordered));
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await sql.end();
  return { wall: count / wall, cpu: count / ((user + system) / 1e6), bytes: bytes / count };
}

const key = dataKeyOf(randomBytes(32));
const aad = '01890000-0000-7000-8000-000000000001|019f0000-0000-7000-8000-000000000001|key|who|/actor/id /actor/email';
const text = '["u-1724","ada.lovelace@example.org"]';
const box = nodeCipher.seal(key.cipher, text, aad);
const sql = place.login(2);
const sealing = place.sealPorts(sql);
const some = (await linesOf('critical', 900))[0]!;
const stored = await seal(sealing, some);
const view: View = {
  who: 'clear',
  where: 'clear',
  what: 'clear',
  target_identity: 'clear',
  payload: 'clear',
  diff: 'clear',
};
const tenant = stored[0]!.event.tenant;
const mine = stored.filter(({ event }) => event.tenant === tenant).map(({ event }) => event);
const keys = await sealing.subjectKeys.open(
  tenant,
  neededKeys(mine, () => view),
);
let at = 0;
const single: Line[] = [
  { path: 'seal one envelope', figure: rateOf(() => nodeCipher.seal(key.cipher, text, aad)), unit: 'envelopes/s' },
  { path: 'open one envelope', figure: rateOf(() => nodeCipher.open(key.cipher, box, aad)), unit: 'envelopes/s' },
  { path: 'token', figure: rateOf(() => nodeCipher.token(key.index, 'email|ada@example.org')), unit: 'tokens/s' },
  {
    path: 'open a whole event',
    figure: rateOf(() => showEvent(mine[at++ % mine.length]!, view, keys, nodeCipher)),
    unit: 'events/s',
  },
];
report(
  `Privacy, one at a time (${(stored.reduce((n, { event }) => n + (event.sealed?.length ?? 0), 0) / stored.length).toFixed(1)} envelopes an event)`,
  single,
);

const many = (await linesOf('critical', 901)).flat();
for (let round = 0; round < 3; round++) await seal(environment, many);
const sealStart = performance.now();
await seal(environment, many);
const sealed = (many.length / (performance.now() - sealStart)) * 1000;
report('Privacy, sealing alone', [{ path: 'seal a batch, keys at hand', figure: sealed, unit: 'events/s' }]);

const lines: Line[] = [];
let seed = 1;
const ways: readonly How[] = ['clear', 'known', 'new'];
for (const tier of ['critical', 'bulk'] as const) {
  const runs: Record<How, Awaited<ReturnType<typeof write>>[]> = { clear: [], known: [], new: [] };
  for (let round = -1; round < rounds; round++) {
    for (const how of ways) {
      const one = await write(tier, how, seed++);
      if (round >= 0) runs[how].push(one);
    }
  }
  for (const how of ['known', 'new'] as const) {
    for (const by of ['wall', 'cpu'] as const) {
      lines.push({
        path: `write ${tier}, ${how} people, ${by}`,
        figure: median(runs[how].map((one) => one[by])),
        unit: 'events/s',
        against: { name: `the same without sealing, ${by}`, figure: median(runs.clear.map((one) => one[by])) },
        goal: '≥ 0.8',
      });
    }
  }
  const bytes = (how: How) => median(runs[how].map((one) => one.bytes)).toFixed(0);
  console.log(`${tier}: ${bytes('known')} bytes an event in the segment, ${bytes('clear')} without sealing`);
}
await place.close();
report('Privacy, the write paths', lines);
