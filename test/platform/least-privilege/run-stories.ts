/** Runs of every kind that functions/jobs works off, from the request to their end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestPlatform } from '#test/support/platform.ts';
import type { World } from './world.ts';

const timing = { every: 'month', day: 'last', time: '03:00' };
/** Nobody listens there, and it is not tried again. */
const webhook = { config: { url: 'https://127.0.0.1:9/hook' }, attempts_max: 1 };
const jobs: Readonly<Record<string, object>> = {
  compare: {},
  report: { config: { months_ago: 0 } },
  export: { config: { last_days: 1, filter: { category: ['critical'] } } },
  retention: {},
  verify: {},
  'custom-webhook': webhook,
};

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
type Answer = any;
type Ask = (status: number, method: string, path: string, key?: string, json?: unknown) => Promise<Answer>;

/** Runs one job of each kind by hand and waits for their ends; by kind, as the API shows them. */
export async function runJobs(ask: Ask, key: string, waitMs = 90_000): Promise<Readonly<Record<string, Answer>>> {
  const ids = new Map<string, string>();
  for (const [kind, more] of Object.entries(jobs)) {
    const { id } = await ask(201, 'POST', '/v1/jobs', key, { name: `by hand: ${kind}`, kind, timing, ...more });
    await ask(202, 'POST', `/v1/jobs/${id}/run`, key);
    ids.set(kind, id);
  }
  const ended: Record<string, Answer> = {};
  for (const until = Date.now() + waitMs; Object.keys(ended).length < ids.size; await sleep(200)) {
    for (const [kind, id] of ids) {
      const { runs } = await ask(200, 'GET', `/v1/jobs/${id}/history`, key);
      if (runs[0].ended_at) ended[kind] = runs[0];
    }
    if (Date.now() > until) throw new Error(`not all runs ended: ${JSON.stringify(ended)}`);
  }
  return ended;
}

export async function workedOff({ platform, ask }: World): Promise<void> {
  const { apiKey } = await platform.makeTenant('Runs jobs');
  await ask(202, 'POST', '/v1/events', apiKey, [{ action: 'iam.role.create', actor: { type: 'user', id: 'ann' } }]);
  await platform.settled();
  const ended = await runJobs(ask, apiKey);
  const states = Object.values(ended).map(({ kind, state }) => `${kind} ${state}`);
  const failed = states.filter((one) => !one.endsWith('succeeded'));
  if (failed.join() !== 'custom-webhook failed') throw new Error(`runs ended ${states.join(', ')}`);
  await lostParts(platform);
}

/** The sweep sends what was lost: here, a part whose message went nowhere. */
async function lostParts(platform: TestPlatform): Promise<void> {
  const report = await platform.functions.invoke('jobs-sweep', {});
  if (!('sent' in (report as object))) throw new Error(`swept ${JSON.stringify(report)}`);
}
