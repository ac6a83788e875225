/** Jobs and messages for tests of runs. */
import { randomBytes } from 'node:crypto';
import type { Sql } from 'postgres';
import { uuidv7 } from '#core/event/uuid.ts';
import type { PartMessage, Task } from '#core/jobs/run.ts';

export const startedAt = new Date('2026-03-01T06:00:00Z');
export const at = (seconds: number) => new Date(startedAt.getTime() + seconds * 1000);
export const newId = () => uuidv7(startedAt.getTime(), randomBytes(10));

/** A job as its definition leaves it. */
export async function addJob(
  owner: Sql,
  tenant: string,
  more: {
    readonly overlap?: 'refuse' | 'queue';
    readonly attemptsMax?: number;
    readonly backoffSeconds?: number;
    readonly kind?: string;
    readonly enabled?: boolean;
    readonly config?: object;
  } = {},
): Promise<string> {
  const id = newId();
  await owner`insert into jobs.job (tenant_id, id, name, kind, timing, time_zone, config, overlap, attempts_max,
      backoff_seconds, enabled, created_by, created_at, changed_at)
    values (${tenant}, ${id}, ${id}, ${more.kind ?? 'etl'}, '{"every":"day","time":"06:00"}', 'Europe/Berlin',
      ${JSON.stringify(more.config ?? {})}::text::json, ${more.overlap ?? 'refuse'}, ${more.attemptsMax ?? 3},
      ${more.backoffSeconds ?? 60}, ${more.enabled ?? true}, 'key:one', ${startedAt}, ${startedAt})`;
  return id;
}

export const messageOf = (tenant: string, run: string, part = 'plan'): PartMessage => ({ v: 1, tenant, run, part });

/** Who takes a part at a time, for 16 minutes. */
export const taking = (seconds: number, holder: string = newId()) => ({
  at: at(seconds),
  leaseUntil: at(seconds + 960),
  holder,
  trace: 'group stream',
});

export const withTime = (task: Omit<Task, 'until'> | undefined): Task => ({ ...task!, until: at(86_400) });
