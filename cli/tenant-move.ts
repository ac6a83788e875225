/** Tenant move: asks for a tenant to live on another cluster, and tells how far it is. The platform does it by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Residence } from '#client/answers.ts';
import { type Invocation, text } from './command.ts';
import { UsageError } from './fail.ts';
import { fields, say } from './print.ts';

/** The platform goes on with moves every minute. */
const lookEveryMs = 5_000;

/** Resolves to 0 when what was asked is done, and to 1 when it was left before. */
export async function move({ open, flags, out, err, stop }: Invocation, tenant: string): Promise<number> {
  const { tenants } = open('admin');
  const to = text(flags, 'to');
  const show = (residence: Residence) =>
    say({ out }, flags.json === true ? `${JSON.stringify(residence)}\n` : fields(flat(residence)));
  if (to !== undefined && flags.finish === true) throw new UsageError('--to or --finish, one after the other.');
  if (to === undefined && flags.finish !== true) {
    show(await tenants.residence(tenant));
    return 0;
  }
  if (to !== undefined && !/^\d{1,2}$/.test(to))
    throw new UsageError('--to is the number of a shard; 0 is the main cluster.');
  const isDone = (step: string | undefined) =>
    step === undefined || step === 'finished' || (to !== undefined && step === 'moved');
  let now = to === undefined ? await tenants.finishMove(tenant) : await tenants.move(tenant, { to: Number(to) });
  for (let told = ''; !isDone(now.move?.step) && !stop.aborted; ) {
    const line = [now.move!.step, now.move!.problem].filter(Boolean).join(': ');
    if (line !== told) err.write(`${line}\n`);
    told = line;
    await sleep(lookEveryMs, undefined, { signal: stop }).catch(() => {});
    now = await tenants.residence(tenant);
  }
  show(now);
  if (isDone(now.move?.step)) return 0;
  err.write('It goes on by itself; the same command looks again.\n');
  return 1;
}

const flat = ({ shard, move: newest }: Residence) => ({
  shard,
  ...(newest === null ? {} : { from: newest.from, to: newest.to, step: newest.step, stepped_at: newest.stepped_at }),
  ...(newest?.problem ? { problem: newest.problem } : {}),
  ...(newest?.rows ? { rows: newest.rows.reduce((sum, { rows }) => sum + rows, 0) } : {}),
});
