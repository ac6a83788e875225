/**
 * A run of ten thousand parts, from its plan to its end: four workers take parts and settle them, against two bare
 * transactions a part on the same PostgreSQL.
 */
import type { PartMessage } from '#core/jobs/run.ts';
import { createOnward } from '#functions/runtime/onward.ts';
import { doParts } from '#functions/runtime/run.ts';
import { createRuns } from '#stores/postgres/runs.ts';
import { contextKey, newId, startPlace } from './place.ts';
import { type Line, report } from './report.ts';

const parts = process.argv.includes('--full') ? 10_000 : 2_000;
const workers = 4;
const tenant = '019b0000-0000-7000-8000-000000000001';

const place = await startPlace();
const owner = place.ownerSql;
const now = new Date();
const job = newId(now);
await owner`insert into jobs.job (tenant_id, id, name, kind, timing, time_zone, config, overlap, attempts_max,
    backoff_seconds, enabled, created_by, created_at, changed_at)
  values (${tenant}, ${job}, 'bench', 'etl', '{}', 'UTC', '{}', 'refuse', 3, 60, true, 'bench', ${now}, ${now})`;
const runs = createRuns(place.login(workers, 'trailkeep_loader'), contextKey);
const queue: PartMessage[] = [];
const onward = createOnward({
  runs,
  queues: { send: async (messages) => void queue.push(...messages.map(({ message }) => message)) },
  recorder: { record: async () => {} },
});
const ports = { runs, onward, trace: () => 'bench', clock: () => new Date() };
const verb = doParts<typeof ports>(async (_, { part }) =>
  part === 'plan'
    ? { is: 'done', parts: Array.from({ length: parts }, (_, number) => `part/${number}`) }
    : { is: 'done', rows: { read: 1, written: 1, rejected: 0 } },
);
let number = 0;
const deliver = (message: PartMessage) =>
  verb(ports, [
    { messageId: `m${++number}`, body: JSON.stringify(message), queue: 'etl', receiveCount: 1, sentAt: Date.now() },
  ]);

const started = await runs.start({
  ...{ tenant, id: newId(now), job, cause: 'manual', askedBy: 'bench', scheduledFor: now, at: now },
});
const planned = performance.now();
await deliver(started!.due.send[0]!.message);
const planMs = performance.now() - planned;

const began = performance.now();
await Promise.all(
  Array.from({ length: workers }, async () => {
    for (let message = queue.pop(); message; message = queue.pop()) await deliver(message);
  }),
);
const seconds = (performance.now() - began) / 1000;
const run = (await runs.get(tenant, started!.run.id))!;
if (run.state !== 'succeeded' || run.parts.done !== parts + 1) throw new Error(`the run ended ${JSON.stringify(run)}`);

await owner`create table bench (id integer primary key, n integer)`;
await owner`insert into bench select n, 0 from generate_series(1, ${parts}) n`;
const bare = place.login(workers);
await owner`grant select, update on bench to trailkeep_app`;
const bareBegan = performance.now();
let next = 0;
await Promise.all(
  Array.from({ length: workers }, async () => {
    for (let id = ++next; id <= parts; id = ++next) {
      for (let twice = 0; twice < 2; twice++) {
        await bare.begin((tx) => tx`update bench set n = n + 1 where id = ${id}`);
      }
    }
  }),
);
const bareSeconds = (performance.now() - bareBegan) / 1000;

const lines: Line[] = [
  {
    path: `parts of a run, ${workers} workers`,
    figure: parts / seconds,
    unit: 'parts/s',
    against: { name: 'two bare updates', figure: parts / bareSeconds },
  },
  { path: `a plan that makes ${parts.toLocaleString('en-GB')} parts`, figure: planMs, unit: 'ms' },
];
report('Runs of jobs', lines);
await place.close();
