/** Runs are dealt out to processes, one for each core. */
import { fork } from 'node:child_process';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Failure, Share, Told } from './shard.ts';
import { addTally, emptyTally, type Tally } from './tally.ts';

/** What a process is started with: each would strip and compile the same modules again, for half a second. */
export const compiledOnce = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'trailkeep-sim-compiled') };

/** Runs a process takes before it is replaced: a larger share keeps what it has learned, a smaller one tells sooner. */
const runsOfShare = 200;

/** Runs all, and resolves with what came of them by mode. `failed` hears of each run that failed, in no order. */
export async function runAll(
  runs: Share['runs'],
  options: Omit<Share, 'runs'> & { readonly jobs?: number; readonly failed?: (failure: Failure) => void },
): Promise<Map<string, Tally>> {
  const { jobs = availableParallelism(), failed = () => {}, ...rest } = options;
  const tallies = new Map<string, Tally>();
  const shares = [...Map.groupBy(runs, ([mode]) => mode)].flatMap(([mode, own]) => {
    tallies.set(mode, emptyTally());
    const size = Math.min(runsOfShare, Math.max(1, Math.ceil(own.length / jobs)));
    return Array.from({ length: Math.ceil(own.length / size) }, (_, n) => ({
      mode,
      share: { ...rest, runs: own.slice(n * size, (n + 1) * size) },
    }));
  });
  let stopped = false;
  const lane = async () => {
    for (let next = shares.shift(); next && !stopped; next = shares.shift()) {
      const tally = await runShare(next.share, (failure) => {
        failed(failure);
        stopped = rest.untilFailure === true;
      });
      addTally(tallies.get(next.mode)!, tally);
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  return tallies;
}

function runShare(share: Share, failed: (failure: Failure) => void): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./shard.ts', import.meta.url), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: compiledOnce,
    });
    let done: Tally | undefined;
    child.on('message', (told: Told) => {
      if ('done' in told) done = told.done;
      else failed(told.failure);
    });
    child.once('error', reject);
    child.once('exit', (code) => (done ? resolve(done) : reject(new Error(`a shard ended with ${code}`))));
    child.send(share);
  });
}
