-- Exports of events: what a filter finds, as files that a worker writes part by part.
set local role trailkeep_owner;

-- One row is one export. `plan` is what the worker has to know and nobody else (the filter, with people's names in it,
-- and what the asker might see when asking), sealed under the tenant's own key and forgotten when the export ends;
-- `asked` is what may be kept of the question. `reached` is where the next part begins, as `<ms>_<id>`: a step
-- counts only when nobody else took it. `unread` names objects that were left out, or made the export fail.
create table archive.export (
  tenant_id uuid not null,
  id uuid not null,
  state text collate "C" not null default 'asked' check (state in ('asked', 'ready', 'failed')),
  format text collate "C" not null check (format in ('jsonl', 'csv', 'parquet')),
  asked json not null,
  asked_by text not null,
  asked_at timestamptz not null,
  plan text,
  parts integer not null default 0,
  events bigint not null default 0,
  bytes bigint not null default 0,
  reached text collate "C",
  unread json not null default '[]',
  advanced_at timestamptz not null,
  ended_at timestamptz,
  problem text,
  primary key (tenant_id, id),
  check ((state = 'asked') = (ended_at is null)),
  check ((state = 'asked') = (plan is not null)),
  check ((state = 'failed') = (problem is not null))
);
alter table archive.export enable row level security;
alter table archive.export force row level security;
create policy tenant on archive.export to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert,
  update (state, plan, parts, events, bytes, reached, unread, advanced_at, ended_at, problem)
  on archive.export to trailkeep_app;

-- One row is one object of an export; `run` names the try that wrote it. What a try wrote that has no row is nobody's.
create table archive.export_part (
  tenant_id uuid not null,
  export_id uuid not null,
  part integer not null check (part > 0),
  run uuid not null,
  events integer not null check (events >= 0),
  bytes bigint not null,
  sha256 bytea not null check (length(sha256) = 32),
  primary key (tenant_id, export_id, part),
  foreign key (tenant_id, export_id) references archive.export
);
alter table archive.export_part enable row level security;
alter table archive.export_part force row level security;
create policy tenant on archive.export_part to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert on archive.export_part to trailkeep_app;
