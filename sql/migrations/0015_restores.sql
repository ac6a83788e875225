-- Restores: what somebody asked to have back from Deep Archive for some days, and how far S3 is with it.
set local role trailkeep_owner;

-- One row is a restore: a range of times that was looked at and priced, and that counts once it is confirmed.
create table archive.restore (
  tenant_id uuid not null,
  id uuid not null,
  -- estimated: nothing happened yet; asking: S3 is being asked, file by file; asked: it was asked for all.
  state text collate "C" not null default 'estimated' check (state in ('estimated', 'asking', 'asked')),
  -- Times of events, ms since 1970; `to_time` exclusive.
  from_time bigint not null,
  to_time bigint not null check (to_time > from_time),
  -- NULL: every category.
  category smallint,
  speed text collate "C" not null check (speed in ('standard', 'bulk')),
  -- How long the copies stay.
  days integer not null check (days between 1 and 30),
  -- What it was said to cost: core/archive/restore.ts.
  estimate json not null,
  asked_by text not null,
  asked_at timestamptz not null,
  confirmed_by text,
  confirmed_at timestamptz,
  -- When S3 was asked for the last file.
  ended_at timestamptz,
  primary key (tenant_id, id),
  check ((state = 'estimated') = (confirmed_at is null)),
  check ((confirmed_by is null) = (confirmed_at is null)),
  check ((state = 'asked') = (ended_at is not null))
);
alter table archive.restore enable row level security;
alter table archive.restore force row level security;
create policy tenant on archive.restore to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (state, confirmed_by, confirmed_at, ended_at) on archive.restore to trailkeep_app;

-- One row is a file of a confirmed restore. Files that merges or retention took from the catalogue meanwhile keep their
-- row, and end as `gone`.
create table archive.restore_file (
  tenant_id uuid not null,
  restore_id uuid not null,
  file_id uuid not null,
  key text not null,
  bytes bigint not null,
  -- chosen: S3 was not asked; asked: its copy is under way; ready: it can be read, until `until` when it is a copy.
  state text collate "C" not null default 'chosen' check (state in ('chosen', 'asked', 'ready', 'gone')),
  until timestamptz check (until is null or state = 'ready'),
  -- When S3 was last asked how far it is: those longest ago come first.
  looked_at timestamptz,
  primary key (tenant_id, restore_id, file_id),
  foreign key (tenant_id, restore_id) references archive.restore on delete cascade
);
create index restore_file_open on archive.restore_file (tenant_id, restore_id, state, looked_at nulls first, file_id);
alter table archive.restore_file enable row level security;
alter table archive.restore_file force row level security;
create policy tenant on archive.restore_file to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (state, until, looked_at) on archive.restore_file to trailkeep_app;
