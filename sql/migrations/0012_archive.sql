-- The archive: files on S3 with what segments held, by tenant, tier, category and day, sorted and without repeats.

-- Compaction writes the archive's catalogue and lets segments go; it reads no event in Postgres and changes none.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'trailkeep_archiver') then
      create role trailkeep_archiver nosuperuser nocreatedb nocreaterole nobypassrls login;
    end if;
  exception when duplicate_object or unique_violation then
    null;
  end;
  if exists (select from pg_roles where rolname = 'rds_iam')
     and not pg_has_role('trailkeep_archiver', 'rds_iam', 'member') then
    grant rds_iam to trailkeep_archiver;
  end if;
end $$;

set local role trailkeep_owner;

create schema archive;
-- Recovery reads where critical events are that it puts back.
grant usage on schema archive to trailkeep_app, trailkeep_archiver, trailkeep_purger, trailkeep_verifier,
  trailkeep_recovery;
grant usage on schema sec, access, record to trailkeep_archiver;
grant execute on function sec.ctx_tenants() to trailkeep_archiver;

-- One row is an archive file: an object `key` and its sidecar. `day` is the first day it covers, by occurred_at in UTC.
-- `lines_sum` is the sum modulo 2^256 of the SHA-256 of its lines: two sets of lines with equal sums and counts are the
-- same, in whatever order. Leaf indexes are NULL when no event of the file has a leaf.
create table archive.file (
  tenant_id uuid not null,
  file_id uuid not null,
  key text not null,
  tier smallint not null,
  category smallint not null,
  span text collate "C" not null check (span in ('day', 'month')),
  day date not null,
  events integer not null check (events > 0),
  bytes bigint not null,
  raw_bytes bigint not null,
  sha256 bytea not null check (length(sha256) = 32),
  lines_sum bytea not null check (length(lines_sum) = 32),
  min_time bigint not null,
  max_time bigint not null,
  min_id uuid not null,
  max_id uuid not null,
  min_leaf bigint,
  max_leaf bigint,
  -- How it moves through S3's storage classes: a name of core/archive/ladder.ts, the object's tag `ladder`.
  ladder text collate "C" not null,
  written_at timestamptz not null,
  primary key (tenant_id, file_id),
  check (span = 'day' or extract(day from day) = 1)
);
create index file_by_day on archive.file (tenant_id, day, category, tier);
-- What retention looks for: files whose newest event is old.
create index file_by_age on archive.file (tenant_id, max_time);
alter table archive.file enable row level security;
alter table archive.file force row level security;
create policy tenant on archive.file to trailkeep_app, trailkeep_archiver, trailkeep_purger, trailkeep_verifier,
  trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on archive.file to trailkeep_app, trailkeep_verifier, trailkeep_recovery;
grant select, insert, delete on archive.file to trailkeep_archiver;
grant select, delete on archive.file to trailkeep_purger;

-- One row is a run of neighbouring blocks of a file, small enough to be read for one look-up. `blocks` as in
-- record.segment_part; `leaves` says which leaf each event is (core/archive/leaf-places.ts).
create table archive.chunk (
  tenant_id uuid not null,
  file_id uuid not null,
  number integer not null,
  tier smallint not null,
  events integer not null,
  min_time bigint not null,
  max_time bigint not null,
  min_id uuid not null,
  max_id uuid not null,
  min_leaf bigint,
  max_leaf bigint,
  blocks bytea not null,
  leaves bytea not null,
  primary key (tenant_id, file_id, number),
  foreign key (tenant_id, file_id) references archive.file on delete cascade
);
create index chunk_by_time on archive.chunk (tenant_id, max_time desc, file_id, number);
create index chunk_by_id on archive.chunk (tenant_id, max_id, min_id);
create index chunk_by_leaf on archive.chunk (tenant_id, max_leaf, min_leaf);
alter table archive.chunk alter column blocks set storage external;
alter table archive.chunk alter column leaves set storage external;
alter table archive.chunk enable row level security;
alter table archive.chunk force row level security;
create policy tenant on archive.chunk to trailkeep_app, trailkeep_archiver, trailkeep_purger, trailkeep_verifier,
  trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on archive.chunk to trailkeep_app, trailkeep_verifier, trailkeep_recovery;
grant select, insert, delete on archive.chunk to trailkeep_archiver;
grant select, delete on archive.chunk to trailkeep_purger;

-- One row says how far a tenant's parts are archived: those with seq <= compacted_seq are in files, and their rows in
-- record.segment_part serve pollers only, until seq <= released_seq, when they are gone.
create table archive.progress (
  tenant_id uuid primary key,
  compacted_seq bigint not null default 0,
  released_seq bigint not null default 0,
  -- Counts transactions that added files. Two pages of the catalogue with one version are of one archive: without it a
  -- reader between two pages could miss what moved to a place that it had passed.
  version bigint not null default 0,
  check (released_seq <= compacted_seq)
);
alter table archive.progress enable row level security;
alter table archive.progress force row level security;
create policy tenant on archive.progress to trailkeep_app, trailkeep_archiver, trailkeep_verifier, trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on archive.progress to trailkeep_app, trailkeep_verifier, trailkeep_recovery;
grant select, insert, update on archive.progress to trailkeep_archiver;

-- The version counts by itself: a compaction or a merge that forgot it would hide events from a reader now and then.
create function archive.count_version() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into archive.progress as p (tenant_id, version) select distinct tenant_id, 1 from added
    on conflict (tenant_id) do update set version = p.version + 1;
  return null;
end $$;
revoke all on function archive.count_version() from public;
create trigger count_version after insert on archive.file
  referencing new table as added for each statement execute function archive.count_version();

-- One row is an object that is being written, or that other files have replaced: not (yet, or any more) in the
-- catalogue. It is deleted when `after` is over, unless it is in the catalogue by then.
create table archive.doomed (
  tenant_id uuid not null,
  file_id uuid not null,
  key text not null,
  after timestamptz not null,
  primary key (tenant_id, file_id)
);
create index doomed_by_time on archive.doomed (tenant_id, after);
alter table archive.doomed enable row level security;
alter table archive.doomed force row level security;
create policy tenant on archive.doomed to trailkeep_app, trailkeep_archiver, trailkeep_purger
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on archive.doomed to trailkeep_app;
grant select, insert, delete, update (after) on archive.doomed to trailkeep_archiver;
grant select, insert on archive.doomed to trailkeep_purger;

-- Compaction follows the parts in the order of their commits, and lets those go that pollers had time for.
create policy archiver on record.segment_part to trailkeep_archiver
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, delete on record.segment_part to trailkeep_archiver;
grant select, delete on record.segment to trailkeep_archiver;
-- Whether anybody still has a part in a segment: the last one's release lets the object go.
create index segment_part_by_segment on record.segment_part (segment_id);
create policy archiver on access.tenant for select to trailkeep_archiver
  using ('00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]));
grant select (tenant_id) on access.tenant to trailkeep_archiver;
create policy archiver on record.tenant_counter for select to trailkeep_archiver
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on record.tenant_counter to trailkeep_archiver;
create policy archiver on proof.outbox for select to trailkeep_archiver
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant usage on schema proof to trailkeep_archiver;
grant select on proof.outbox to trailkeep_archiver;

-- A frozen log waits for a recovery, which may put its newest parts into another order: nothing is compacted meanwhile.
create policy archiver on proof.log for select to trailkeep_archiver
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select (tenant_id, state) on proof.log to trailkeep_archiver;

-- A third round of the verifier: `archive` compares archive files with the log, by day and id of the file.
alter table proof.verification drop constraint verification_round_check;
alter table proof.verification add constraint verification_round_check check (round in ('rows', 'segments', 'archive'));
