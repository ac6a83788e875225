/**
 * Runs of jobs and their parts. It logs in as trailkeep_app or trailkeep_loader.
 *
 * Locks go from the part to its run to its job, whoever takes them, so that nobody waits in a circle. A run's row counts
 * its parts, so that who ends the last one knows it.
 */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { JsonObject } from '#core/event/event.ts';
import type { Due, Runs } from '#core/jobs/ports.ts';
import { nothingDue } from '#core/jobs/ports.ts';
import type { Outcome, PartMessage, RowCounts, Task } from '#core/jobs/run.ts';
import { firstPart, noRows } from '#core/jobs/run.ts';
import { searchEach } from './clusters.ts';
import { isUuid, withTenants } from './connect.ts';
import { runBy, runOf, selectRuns } from './run-rows.ts';
import { begin, later, lostAfterMs, type PartName, promote, sending } from './run-starts.ts';

/** SQS holds a message back no longer than that; what is due later is sent by the sweep. */
const delaySecondsMax = 900;
const backoffSecondsMax = 3_600;
/** A source may ask us to stay away for so long. */
const awayMsMax = 86_400_000;
/** A message that was sent again is given longer than the first: queues are long at times. */
const lostAgainAfterMs = 3_600_000;
/** Clocks of functions differ by less. */
const skewMs = 2_000;

const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));

/** Opens the runs; what each method promises is in core/jobs/ports.ts. */
export function createRuns(sql: Sql, contextKey: Uint8Array): Runs {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  return {
    start: (start) => within(start.tenant, (tx) => begin(tx, start)),

    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      return within(tenant, (tx) => runBy(tx, tenant, id));
    },

    async take(message, by) {
      const { tenant, run, part } = message;
      return within(tenant, async (tx) => {
        const [row] =
          await tx`select p.*, r.job_id, r.kind, r.config, r.attempts_max, r.scheduled_for, r.started_event_at,
            j.name as job_name, j.created_by
          from jobs.part p join jobs.run r on r.tenant_id = p.tenant_id and r.id = p.run_id
          join jobs.job j on j.tenant_id = r.tenant_id and j.id = r.job_id
          where p.tenant_id = ${tenant} and p.run_id = ${run} and p.part = ${part} for no key update of p`;
        if (!row) return undefined;
        const may = mayTake(row, message, by);
        if (may === 'keep-answer') {
          await tx`update jobs.part set answer = ${json(message.answer)}::text::json where ${isPart(tx, message)}`;
        }
        if (typeof may !== 'object') return undefined;
        const [taken] = await tx`update jobs.part set state = 'working', attempt = ${may.attempt}, taken = ${may.lease},
            holder = ${by.holder}, lease_until = ${by.leaseUntil}, sweep_at = ${by.leaseUntil}, answer = null
          where ${isPart(tx, message)} returning position`;
        const began = await tx`update jobs.run set state = 'running', started_at = coalesce(started_at, ${by.at}),
            trace = coalesce(trace, ${by.trace})
          where tenant_id = ${tenant} and id = ${run} and state = 'queued' returning id`;
        const unsaid = began.length > 0 || (part === firstPart && row.started_event_at === null);
        return {
          tenant,
          run,
          job: row.job_id,
          jobName: row.job_name,
          createdBy: row.created_by,
          kind: row.kind,
          part,
          attempt: may.attempt,
          lease: may.lease,
          scheduledFor: row.scheduled_for,
          config: row.config as JsonObject,
          ...(taken!.position === null ? {} : { position: taken!.position as JsonObject }),
          ...(message.answer === undefined ? {} : { answer: message.answer }),
          ...(unsaid ? { began: (await runBy(tx, tenant, run))! } : {}),
        };
      });
    },

    settle: (task, outcome, at) =>
      within(task.tenant, async (tx) => {
        const held = await holdPart(tx, task);
        if (!held) return nothingDue;
        switch (outcome.is) {
          case 'done':
            return endPart(tx, task, at, {
              rows: outcome.rows ?? noRows,
              parts: outcome.parts ?? [],
              result: outcome.result,
            });
          case 'more':
            await addRows(tx, task, outcome.rows ?? noRows);
            return putOff(
              tx,
              task,
              at,
              outcome.at ?? at,
              tx`attempt = 0, position = ${json(outcome.position)}::text::json`,
            );
          case 'away':
            return sendAway(tx, task, outcome, held, at);
        }
      }),

    fault: (task, fault, at) =>
      within(task.tenant, async (tx) => {
        const held = await holdPart(tx, task);
        if (!held) return nothingDue;
        if (!fault.again || held.attempt >= held.attempts_max) return endPart(tx, task, at, { fault });
        const backoffSeconds = Math.min(held.backoff_seconds * 2 ** (held.attempt - 1), backoffSecondsMax);
        const asked = Math.min(fault.notBefore?.getTime() ?? 0, at.getTime() + awayMsMax);
        const next = new Date(Math.max(later(at, backoffSeconds * 1000).getTime(), asked));
        return putOff(tx, task, at, next, tx`error_code = ${fault.code}, error = ${fault.message}`);
      }),

    async due(tenants, at, limit) {
      if (tenants.length === 0) return nothingDue;
      const found = await searchEach(sql, tenants, async (some) => [
        await withTenants(sql, contextKey, some, new Date(), (tx) => lost(tx, some, at, limit)),
      ]);
      return together(found);
    },

    async unsaid(tenants, before, limit) {
      if (tenants.length === 0) return [];
      const rows = await searchEach(sql, tenants, (some) =>
        withTenants(
          sql,
          contextKey,
          some,
          new Date(),
          async (tx) => tx`${selectRuns(tx)}
            where r.tenant_id in (select string_to_table(${some.join(',')}::text, ',')::uuid)
              and r.ended_event_at is null and (r.ended_at < ${before}
                or (r.started_at < ${before} and r.started_event_at is null))
            order by r.id limit ${limit}`,
          'read only',
        ),
      );
      return rows.map(runOf);
    },

    said: ({ tenant, id }, what, at) =>
      within(tenant, async (tx) => {
        const column = tx(what === 'began' ? 'started_event_at' : 'ended_event_at');
        await tx`update jobs.run set ${column} = ${at} where tenant_id = ${tenant} and id = ${id} and ${column} is null`;
      }),
  };
}

/** See Runs.due, for tenants of one cluster. */
async function lost(tx: TransactionSql, tenants: readonly string[], at: Date, limit: number): Promise<Due> {
  const rows = await tx`select p.tenant_id as tenant, p.run_id as run, p.part, p.state, p.attempt, r.attempts_max,
        r.kind, r.job_id as job
      from jobs.part p join jobs.run r on r.tenant_id = p.tenant_id and r.id = p.run_id
      where p.tenant_id in (select string_to_table(${tenants.join(',')}::text, ',')::uuid)
        and p.state in ('waiting', 'working', 'away') and p.sweep_at <= ${at}
      order by p.sweep_at, p.tenant_id, p.run_id, p.part limit ${limit} for no key update of p skip locked`;
  const found: Due[] = [];
  for (const row of rows) {
    const part = row as unknown as Ended & { readonly state: string; readonly attempt: number };
    if (part.state !== 'waiting' && part.attempt >= (row.attempts_max as number)) {
      found.push(await endPart(tx, part, at, { fault: lostFault }));
    } else {
      found.push(sending(part, 0));
    }
  }
  const again = found.flatMap(({ send }) => send.map(({ message }) => message));
  await tx`update jobs.part p set sweep_at = ${later(at, lostAgainAfterMs)}
      from json_to_recordset(${JSON.stringify(again)}::text::json) as s (tenant uuid, run uuid, part text)
      where p.tenant_id = s.tenant and p.run_id = s.run and p.part = s.part and p.sweep_at <= ${at}`;
  const behind = await tx`select distinct r.tenant_id, r.job_id from jobs.run r
      where r.tenant_id in (select string_to_table(${tenants.join(',')}::text, ',')::uuid)
        and r.state = 'queued' and r.parts_open = 0
        and not exists (select from jobs.run o where o.tenant_id = r.tenant_id and o.job_id = r.job_id
          and o.state in ('queued', 'running') and o.parts_open > 0)
      limit ${limit}`;
  for (const row of behind) found.push(await promote(tx, row.tenant_id, row.job_id, at));
  return together(found);
}

type Ended = PartName & Pick<Task, 'job' | 'kind'>;
type Fault = Parameters<Runs['fault']>[1];

const lostFault = {
  code: 'worker_lost',
  message: 'Whoever worked on it did not come back, or no answer came in time.',
  again: false,
} satisfies Fault;

const isPart = (tx: TransactionSql, { tenant, run, part }: PartName) =>
  tx`tenant_id = ${tenant} and run_id = ${run} and part = ${part}`;

const together = (all: readonly Due[]): Due => ({
  send: all.flatMap(({ send }) => send),
  began: all.flatMap(({ began }) => began),
  ended: all.flatMap(({ ended }) => ended),
});

/** What a message may do to a part as it is. */
function mayTake(
  row: Row,
  { answer, asked }: PartMessage,
  { at, holder }: { readonly at: Date; readonly holder: string },
): { readonly attempt: number; readonly lease: number } | 'keep-answer' | undefined {
  const isAnswer = answer !== undefined && (asked === undefined || asked === row.taken);
  if (answer !== undefined && !isAnswer && row.holder !== holder) return undefined;
  const isEarly = (row.next_at as Date).getTime() > at.getTime() + skewMs;
  const again = { attempt: row.attempt + 1, lease: row.taken + 1 };
  switch (row.state) {
    case 'waiting':
      return isEarly ? undefined : again;
    case 'working':
      // Its call ended without a word, and its message came again: nobody else can have it.
      if (row.holder === holder && row.lease_until > at) return { attempt: row.attempt, lease: row.taken + 1 };
      if (isAnswer && row.lease_until > at) return 'keep-answer';
      return row.lease_until > at || row.attempt >= row.attempts_max ? undefined : again;
    case 'away':
      if (isAnswer) return { attempt: row.attempt, lease: row.taken + 1 };
      return isEarly || row.attempt >= row.attempts_max ? undefined : again;
    default:
      return undefined;
  }
}

/** The part, locked, when the task still has it. */
async function holdPart(tx: TransactionSql, task: Task): Promise<Row | undefined> {
  const [row] = await tx`select p.attempt, p.answer, r.attempts_max, r.backoff_seconds
    from jobs.part p join jobs.run r on r.tenant_id = p.tenant_id and r.id = p.run_id
    where p.tenant_id = ${task.tenant} and p.run_id = ${task.run} and p.part = ${task.part}
      and p.state = 'working' and p.taken = ${task.lease} for no key update of p`;
  return row;
}

/** The part waits for its time. What is further off than a queue holds messages back is sent by the sweep. */
async function putOff(
  tx: TransactionSql,
  task: Task,
  at: Date,
  next: Date,
  what: ReturnType<TransactionSql>,
): Promise<Due> {
  const delaySeconds = Math.max(0, Math.ceil((next.getTime() - at.getTime()) / 1000));
  const isSent = delaySeconds <= delaySecondsMax;
  await tx`update jobs.part set state = 'waiting', ${what}, next_at = ${next},
      sweep_at = ${isSent ? later(next, lostAfterMs) : next}
    where ${isPart(tx, task)}`;
  return isSent ? sending(task, delaySeconds) : nothingDue;
}

async function addRows(tx: TransactionSql, part: PartName, { read, written, rejected }: RowCounts): Promise<void> {
  const sums = tx`rows_read = rows_read + ${read}, rows_written = rows_written + ${written},
    rows_rejected = rows_rejected + ${rejected}`;
  await tx`update jobs.part set ${sums} where ${isPart(tx, part)}`;
  await tx`update jobs.run set ${sums} where tenant_id = ${part.tenant} and id = ${part.run}`;
}

/** The part waits for its answer; or goes on with it, when it was faster than us. */
async function sendAway(
  tx: TransactionSql,
  task: Task,
  { until, position }: Extract<Outcome, { readonly is: 'away' }>,
  held: Row,
  at: Date,
): Promise<Due> {
  const isHere = held.answer !== null;
  await tx`update jobs.part set state = ${isHere ? 'waiting' : 'away'}, answer = null,
      position = coalesce(${json(position)}::text::json, position), next_at = ${isHere ? at : until},
      sweep_at = ${isHere ? later(at, lostAfterMs) : until}
    where ${isPart(tx, task)}`;
  if (!isHere) return nothingDue;
  const message: PartMessage = {
    v: 1,
    tenant: task.tenant,
    run: task.run,
    part: task.part,
    answer: held.answer as JsonObject,
    asked: task.lease,
  };
  return { ...nothingDue, send: [{ kind: task.kind, message, delaySeconds: 0 }] };
}

/** A part is over: those it makes are there, and the run ends when it was the last. */
async function endPart(
  tx: TransactionSql,
  part: Ended,
  at: Date,
  how: {
    readonly fault?: Fault;
    readonly rows?: RowCounts;
    readonly parts?: readonly string[];
    readonly result?: JsonObject | undefined;
  },
): Promise<Due> {
  const { tenant, run, job, kind } = part;
  const { fault, rows = noRows, parts = [], result } = how;
  await tx`update jobs.part set state = ${fault ? 'failed' : 'done'}, ended_at = ${at}, answer = null,
      error_code = ${fault?.code ?? null}, error = ${fault?.message ?? null}
    where ${isPart(tx, part)}`;
  await addRows(tx, part, rows);
  const added = await tx`insert into jobs.part (tenant_id, run_id, part, state, next_at, sweep_at)
    select ${tenant}, ${run}, name, 'waiting', ${at}, ${later(at, lostAfterMs)}
    from (select distinct json_array_elements_text(${JSON.stringify(parts)}::text::json) as name) one order by name
    on conflict do nothing returning part`;
  const open = tx`(parts_open - 1 + ${added.length}::integer)`;
  const failed = tx`(parts_failed + ${fault ? 1 : 0}::integer)`;
  const [now] = await tx`update jobs.run set parts_open = ${open}, parts_failed = ${failed},
      parts_done = parts_done + ${fault ? 0 : 1}::integer,
      state = case when ${open} > 0 then state when ${failed} > 0 then 'failed' else 'succeeded' end,
      ended_at = case when ${open} > 0 then null else ${at}::timestamptz end,
      error_code = coalesce(error_code, ${fault?.code ?? null}), error = coalesce(error, ${fault?.message ?? null}),
      result = case when ${json(result)}::text is null then result
        else (coalesce(result::text, '{}')::jsonb || ${json(result)}::text::jsonb)::text::json end
    where tenant_id = ${tenant} and id = ${run} returning parts_open`;
  const made = added.map((row) => ({
    kind,
    message: { v: 1, tenant, run, part: row.part as string } satisfies PartMessage,
    delaySeconds: 0,
  }));
  if (now!.parts_open > 0) return { ...nothingDue, send: made };
  const ended = (await runBy(tx, tenant, run))!;
  return together([{ ...nothingDue, ended: [ended] }, await promote(tx, tenant, job, at)]);
}
