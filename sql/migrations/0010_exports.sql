-- What auditors asked to be handed: zips that a worker builds from the log and the segments.
set local role trailkeep_owner;

-- One row is one export. `sees` is what its asker might see when asking (`category data_class`): the worker has no other
-- way to know. `leaves` is how many leaves the tenant had then: nothing is built before a checkpoint covers them.
-- `asked` and `result` are documents that nobody looks into.
create table proof.export (
  tenant_id uuid not null,
  id uuid not null,
  state text collate "C" not null default 'asked' check (state in ('asked', 'ready', 'failed')),
  asked_by text not null,
  asked_at timestamptz not null,
  asked json not null,
  sees text[] not null,
  leaves bigint not null,
  ended_at timestamptz,
  result json,
  problem text,
  primary key (tenant_id, id),
  check ((state = 'asked') = (ended_at is null)),
  check ((state = 'ready') = (result is not null)),
  check ((state = 'failed') = (problem is not null))
);
alter table proof.export enable row level security;
alter table proof.export force row level security;
create policy tenant on proof.export to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (state, ended_at, result, problem) on proof.export to trailkeep_app;
