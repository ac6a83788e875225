-- Critical events, and the catalogue of the segments that hold every event.
set local role trailkeep_owner;

-- One row is one critical event of the hot window; S3 holds it too and for longer.
-- `body` is the event's canonical JSON line. It is text and not jsonb: jsonb keeps neither the bytes nor \u0000, and
-- its operators are not leakproof, so that under row-level security no index of theirs would be used anyway. The
-- other columns repeat what indexes need. Texts sort by bytes ("C"), so that a prefix is a range.
-- The id is a UUIDv7 and the partition key: one primary key drops duplicates, and old months are dropped whole.
create table record.event (
  tenant_id uuid not null,
  id uuid not null,
  occurred_at timestamptz not null,
  category smallint not null,
  outcome smallint not null,
  severity smallint not null,
  action text collate "C" not null,
  actor text collate "C" not null,
  body text not null,
  primary key (tenant_id, id)
) partition by range (id);
create index event_by_time on record.event (tenant_id, occurred_at desc, id desc);
create index event_by_actor on record.event (tenant_id, actor, occurred_at desc, id desc);
create index event_by_action on record.event (tenant_id, action, occurred_at desc, id desc);
alter table record.event enable row level security;
alter table record.event force row level security;
create policy tenant on record.event to trailkeep_app, trailkeep_purger
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
-- Append only: no UPDATE for anybody, DELETE for the purger alone.
grant select, insert on record.event to trailkeep_app;
grant select, delete on record.event to trailkeep_purger;

-- One row is one committed segment: an object in S3 with the events of one batch, of many tenants. An object
-- without its row is garbage. The table has no tenant_id, so there is no row-level security on it: it tells which
-- tenants had events when, and holds no event.
create table record.segment (
  segment_id uuid primary key,
  key text not null,
  tier smallint not null,
  bytes bigint not null,
  sha256 bytea not null check (length(sha256) = 32),
  -- For the announcement, which has no tenant's context.
  tenants uuid[] not null,
  committed_at timestamptz not null default now(),
  announced_at timestamptz
);
create index segment_unannounced on record.segment (committed_at) where announced_at is null;
grant select, insert, update (announced_at) on record.segment to trailkeep_app;
grant select on record.segment to trailkeep_sealer, trailkeep_purger;

-- One row is what one tenant has in one segment, and the outbox of its leaves. `seq` runs 1, 2, 3, … per tenant in
-- the order of commits, without gaps: pollers and the sealer follow it. Times are ms since 1970 as integers: they
-- are compared and never shown. `blocks` is the block index of core/record/block-codec.ts.
create table record.segment_part (
  tenant_id uuid not null,
  seq bigint not null,
  segment_id uuid not null,
  tier smallint not null,
  events integer not null,
  min_time bigint not null,
  max_time bigint not null,
  min_id uuid not null,
  max_id uuid not null,
  blocks bytea not null,
  primary key (tenant_id, seq)
);
-- Queries of the bulk tier, newest first; critical events are found in record.event.
create index segment_part_by_time on record.segment_part (tenant_id, max_time desc, seq desc) where tier = 1;
-- The part that may hold an id. min_id rides along so that parts are judged in the index alone.
create index segment_part_by_id on record.segment_part (tenant_id, max_id, min_id) where tier = 1;
-- blocks are compressed already (filters are random bits).
alter table record.segment_part alter column blocks set storage external;
alter table record.segment_part enable row level security;
alter table record.segment_part force row level security;
create policy tenant on record.segment_part to trailkeep_app, trailkeep_sealer
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert on record.segment_part to trailkeep_app;
grant select on record.segment_part to trailkeep_sealer;

-- One row is the last sequence number a tenant was given. Updated as the last step before COMMIT: its row lock is
-- what makes commits visible in the order of their numbers.
create table record.tenant_counter (
  tenant_id uuid primary key,
  seq bigint not null
);
alter table record.tenant_counter enable row level security;
alter table record.tenant_counter force row level security;
create policy tenant on record.tenant_counter to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (seq) on record.tenant_counter to trailkeep_app;

-- Makes the monthly partitions from the month of `from_day` on, and returns the names of those that were new.
-- Runs with the owner's rights, so that a writer that meets an id without a partition can help itself; it can
-- make empty tables of a fixed shape and nothing else. The lock makes two callers take turns. Attaching a finished
-- table takes a weaker lock on the parent than CREATE … PARTITION OF, so writers and readers go on.
create function record.ensure_partitions(from_day date, months integer) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  month date;
  name text;
begin
  if months not between 1 and 36 or from_day not between date '2015-01-01' and date '2100-01-01' then
    raise exception 'months must be 1 to 36, from 2015 to 2100' using errcode = '22023';
  end if;
  for month in
    select generate_series(date_trunc('month', from_day::timestamp), date_trunc('month', from_day::timestamp)
      + make_interval(months => months - 1), interval '1 month')::date
  loop
    name := 'event_' || to_char(month, 'YYYY_MM');
    continue when to_regclass('record.' || name) is not null;
    perform pg_advisory_xact_lock(hashtextextended('record.ensure_partitions', 0));
    -- Asked again with a new snapshot: to_regclass answers from a cache that this lock does not refresh.
    continue when exists (select from pg_class where relname = name and relnamespace = 'record'::regnamespace);
    execute format('create table record.%I (like record.event including all)', name);
    -- Without a policy of its own nobody reads a partition past its parent, whatever is granted by mistake.
    execute format('alter table record.%I enable row level security', name);
    execute format('alter table record.%I force row level security', name);
    execute format('alter table record.event attach partition record.%I for values from (%L) to (%L)', name,
      record.month_floor(month), record.month_floor((month + interval '1 month')::date));
    return next name;
  end loop;
end $$;

-- The smallest uuid of a month: UUIDv7 begins with 48 bits of milliseconds since 1970.
create function record.month_floor(month date) returns uuid
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select (lpad(to_hex(extract(epoch from month::timestamp)::bigint * 1000), 12, '0') || repeat('0', 20))::uuid
$$;
revoke all on function record.ensure_partitions(date, integer), record.month_floor(date) from public;
grant execute on function record.ensure_partitions(date, integer) to trailkeep_app;
