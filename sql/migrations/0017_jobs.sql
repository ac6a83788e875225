-- Jobs: what a tenant has done by the clock, and what came of every run.

-- Runs write usage, costs and forecasts; they change no event, no policy and no permission.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'trailkeep_loader') then
      create role trailkeep_loader nosuperuser nocreatedb nocreaterole nobypassrls login;
    end if;
  exception when duplicate_object or unique_violation then
    null;
  end;
  if exists (select from pg_roles where rolname = 'rds_iam')
     and not pg_has_role('trailkeep_loader', 'rds_iam', 'member') then
    grant rds_iam to trailkeep_loader;
  end if;
end $$;

-- For two views by names that other tools look for without a schema; nobody else makes anything in there.
grant create on schema public to trailkeep_owner;

set local role trailkeep_owner;

create schema jobs;
grant usage on schema jobs to trailkeep_app, trailkeep_loader;
grant usage on schema sec, access to trailkeep_loader;
grant execute on function sec.ctx_tenants() to trailkeep_loader;

-- One row is a job: a kind of work, with its settings, and when it is done. `timing` is a Timing of core/jobs/timing.ts,
-- `config` what its kind asks for. A job is never removed: its runs and their events name it.
create table jobs.job (
  tenant_id uuid not null,
  id uuid not null,
  name text not null,
  kind text collate "C" not null check (kind in
    ('etl', 'refresh', 'forecast', 'compare', 'report', 'export', 'retention', 'verify', 'custom-webhook')),
  timing json not null,
  time_zone text collate "C" not null,
  config json not null,
  -- What becomes of a run that is due while another is under way.
  overlap text collate "C" not null check (overlap in ('refuse', 'queue')),
  attempts_max integer not null check (attempts_max between 1 and 10),
  backoff_seconds integer not null check (backoff_seconds between 1 and 3600),
  enabled boolean not null,
  created_by text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  deleted_at timestamptz,
  -- When its schedule was last made to say what stands here. Older than the change: the schedule lags behind.
  scheduled_at timestamptz,
  primary key (tenant_id, id)
);
-- A name is free again once its job is gone.
create unique index job_name on jobs.job (tenant_id, name) where deleted_at is null;
alter table jobs.job enable row level security;
alter table jobs.job force row level security;
create policy tenant on jobs.job to trailkeep_app, trailkeep_loader
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (enabled, changed_at, deleted_at, scheduled_at) on jobs.job to trailkeep_app;
grant select on jobs.job to trailkeep_loader;

-- One row is a run. It is `queued` until its first part begins, or while an earlier run of its job is under way;
-- `refused` when it came while one was, and its job wants that. It ends when all its parts have.
-- `started_event_at` and `ended_event_at` say that the trail knows of it: what a crash left unsaid is said by the sweep.
create table jobs.run (
  tenant_id uuid not null,
  id uuid not null,
  job_id uuid not null,
  kind text collate "C" not null,
  -- As the job had them when the run began.
  config json not null,
  attempts_max integer not null,
  backoff_seconds integer not null,
  cause text collate "C" not null check (cause in ('schedule', 'manual')),
  asked_by text not null,
  -- The moment the schedule names, which late runs are late against.
  scheduled_for timestamptz not null,
  state text collate "C" not null check (state in ('queued', 'running', 'succeeded', 'failed', 'refused')),
  queued_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  rows_read bigint not null default 0,
  rows_written bigint not null default 0,
  rows_rejected bigint not null default 0,
  -- Counted with each part, so that the end is seen without looking at thousands. None open in a queued run: it waits
  -- for an earlier run of its job.
  parts_open integer not null default 0,
  parts_done integer not null default 0,
  parts_failed integer not null default 0,
  -- The first thing that went wrong: a stable code, and a sentence without anything secret.
  error_code text collate "C",
  error text,
  -- What the kind tells of it: totals, file names, figures.
  result json,
  -- Where its traces are: a CloudWatch log group and stream with the request, or a file here.
  trace text,
  started_event_at timestamptz,
  ended_event_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, job_id) references jobs.job,
  check ((state in ('succeeded', 'failed', 'refused')) = (ended_at is not null))
);
-- A schedule that is delivered twice makes one run.
create unique index run_once on jobs.run (tenant_id, job_id, scheduled_for) where cause = 'schedule';
create index run_by_job on jobs.run (tenant_id, job_id, id desc);
create index run_open on jobs.run (tenant_id, state) where state in ('queued', 'running');
create index run_unsaid on jobs.run (tenant_id, id) where ended_event_at is null;
alter table jobs.run enable row level security;
alter table jobs.run force row level security;
create policy tenant on jobs.run to trailkeep_app, trailkeep_loader
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (state, started_at, ended_at, rows_read, rows_written, rows_rejected, parts_open,
  parts_done, parts_failed, error_code, error, result, trace, started_event_at, ended_event_at) on jobs.run to trailkeep_app, trailkeep_loader;

-- One row is a part of a run: what one call of a function does, alone and again if need be. The first is `plan`; it may
-- make others, as `source/stream/2026-11-20`. `lease_until` is until when the one who works on it is waited for; `holder`
-- is the message it was taken by, which may take it again at once; `taken` counts, so that who was late is not heard.
create table jobs.part (
  tenant_id uuid not null,
  run_id uuid not null,
  part text collate "C" not null check (length(part) between 1 and 300),
  state text collate "C" not null check (state in ('waiting', 'working', 'away', 'done', 'failed')),
  attempt integer not null default 0,
  taken integer not null default 0,
  holder text collate "C",
  lease_until timestamptz,
  -- Not before that; an answer from outside is waited for until then.
  next_at timestamptz not null,
  -- When its message counts as lost, and is sent again.
  sweep_at timestamptz not null,
  -- An answer that came before its question was noted.
  answer json,
  -- Where a part that was too long for one call goes on.
  position json,
  rows_read bigint not null default 0,
  rows_written bigint not null default 0,
  rows_rejected bigint not null default 0,
  error_code text collate "C",
  error text,
  ended_at timestamptz,
  primary key (tenant_id, run_id, part),
  foreign key (tenant_id, run_id) references jobs.run
);
create index part_open on jobs.part (tenant_id, sweep_at) where state in ('waiting', 'working', 'away');
alter table jobs.part enable row level security;
alter table jobs.part force row level security;
create policy tenant on jobs.part to trailkeep_app, trailkeep_loader
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (state, attempt, taken, holder, lease_until, next_at, sweep_at, answer, position, rows_read,
  rows_written, rows_rejected, error_code, error, ended_at) on jobs.part to trailkeep_app, trailkeep_loader;

-- The same under the names that reports and other tools know. They see what who asks may see.
create view public.job_execution_history with (security_invoker) as
  select r.tenant_id, r.id as run_id, r.job_id, j.name as job_name, r.kind, r.cause, r.asked_by, r.scheduled_for,
    r.state as status, r.queued_at, r.started_at, r.ended_at,
    extract(epoch from r.ended_at - r.started_at) as duration_seconds,
    r.rows_read, r.rows_written, r.rows_rejected, r.error_code, r.error as error_message, r.trace
  from jobs.run r join jobs.job j on j.tenant_id = r.tenant_id and j.id = r.job_id;
create view public.etl_execution_log with (security_invoker) as
  select tenant_id, run_id, job_name, status, scheduled_for, started_at, ended_at, duration_seconds,
    rows_read as rows_extracted, rows_written as rows_loaded, rows_rejected, error_code, error_message, trace
  from public.job_execution_history where kind = 'etl';
grant select on public.job_execution_history, public.etl_execution_log to trailkeep_app, trailkeep_loader;
