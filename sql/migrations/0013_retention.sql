-- Retention: what a tenant decided about ages, what was purged because of it, and how far back record.event reaches.
set local role trailkeep_owner;

-- One row is a version of a tenant's retention policy: proposed by one person, approved by another. The newest approved
-- one counts; only the newest of all can still be approved. `document` is a RetentionPolicy of core/archive/retention.ts.
create table archive.retention_policy (
  tenant_id uuid not null,
  version integer not null check (version > 0),
  document json not null,
  proposed_by text not null,
  proposed_at timestamptz not null,
  approved_by text,
  approved_at timestamptz,
  primary key (tenant_id, version),
  check ((approved_by is null) = (approved_at is null)),
  check (approved_by <> proposed_by)
);
alter table archive.retention_policy enable row level security;
alter table archive.retention_policy force row level security;
create policy tenant on archive.retention_policy to trailkeep_app, trailkeep_purger
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (approved_by, approved_at) on archive.retention_policy to trailkeep_app;
grant select on archive.retention_policy to trailkeep_purger;

-- One row is a purge: files that left the catalogue in one transaction, after the log was told (core/proof/purge.ts).
-- `policy_version` 0: copies that ended at compaction, noted from the record of it.
-- `leaves` is what the record of it says: what it purged, and what earlier records said that went with these files, so
-- that every leaf without its event is named by a record that still exists.
create table archive.purge (
  tenant_id uuid not null,
  id uuid not null,
  policy_version integer not null,
  approved_by text not null,
  files integer not null,
  events bigint not null,
  bytes bigint not null,
  -- Of the newest event that went; ms since 1970.
  newest bigint not null,
  leaves json not null,
  -- When the record was made; it is an event of that time.
  started_at timestamptz not null,
  ended_at timestamptz not null,
  -- The purge whose record says again what this one's said, because this one's record went.
  told_again_by uuid,
  primary key (tenant_id, id)
);
alter table archive.purge enable row level security;
alter table archive.purge force row level security;
create policy tenant on archive.purge to trailkeep_app, trailkeep_purger, trailkeep_verifier
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on archive.purge to trailkeep_app, trailkeep_verifier;
grant select, insert, update (told_again_by) on archive.purge to trailkeep_purger;

-- One row is a tenant's month of record.event that was found whole in the archive: so many rows, with that sum of lines
-- (core/archive/lines-sum.ts). A month is dropped when every tenant with rows has its row here, so that a run which is
-- stopped goes on where it was.
create table archive.aged (
  tenant_id uuid not null,
  month date not null check (extract(day from month) = 1),
  events bigint not null,
  lines_sum bytea not null check (length(lines_sum) = 32),
  verified_at timestamptz not null,
  primary key (tenant_id, month)
);
alter table archive.aged enable row level security;
alter table archive.aged force row level security;
create policy tenant on archive.aged to trailkeep_app, trailkeep_purger
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on archive.aged to trailkeep_app;
grant select, insert, update, delete on archive.aged to trailkeep_purger;

-- One row: events with smaller ids are in the archive. A late one, whose month is gone already, gets its month's
-- partition made anew and is in record.event as well until that one is dropped in its turn; the floor does not go back.
create table archive.hot_floor (
  id smallint primary key check (id = 1),
  floor uuid not null
);
insert into archive.hot_floor (id, floor) values (1, '00000000-0000-0000-0000-000000000000');
grant select on archive.hot_floor to trailkeep_app, trailkeep_archiver, trailkeep_purger, trailkeep_verifier,
  trailkeep_recovery;

-- One row is a month that was dropped, with what it had. Its tokens go after it, page by page.
create table archive.dropped_month (
  month date not null,
  dropped_at timestamptz not null,
  events bigint not null,
  tenants integer not null,
  tokens_gone_at timestamptz,
  primary key (month, dropped_at)
);
grant select, update (tokens_gone_at) on archive.dropped_month to trailkeep_purger;
grant select on archive.dropped_month to trailkeep_app;

-- The owner cannot log in and sees nothing of other tables; it counts this one's rows before a partition is dropped,
-- those of tenants that nobody knows included.
create policy counted on record.event for select to trailkeep_owner using (true);

-- Months of record.event, oldest first, that ended by `until`.
create function archive.hot_months(until date) returns setof date
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select to_date(substr(c.relname, 7), 'YYYY_MM') as month
  from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'record.event'::regclass and c.relname ~ '^event_[0-9]{4}_[0-9]{2}$'
    and to_date(substr(c.relname, 7), 'YYYY_MM') + interval '1 month' <= until
  order by 1
$$;

-- Drops a month of record.event when its rows are, tenant by tenant, as many as `verified` says: rows are never changed
-- and only added or purged, so these are the rows that were verified. `verified` is [{"tenant", "events"}]. Returns the
-- number of rows, and NULL when nothing was dropped because other rows are there. Nobody writes into the month meanwhile;
-- taking it off its parent waits for who reads the parent, and gives up after three seconds (55P03), to try again.
create function archive.drop_month(month date, verified json, at timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '3s' as $$
declare
  name text := 'event_' || to_char(month, 'YYYY_MM');
  first uuid := record.month_floor(month);
  past uuid := record.month_floor((month + interval '1 month')::date);
  total bigint;
  others bigint;
  own integer;
begin
  if extract(day from month) <> 1 or month + interval '1 month' > now() then
    raise exception 'a month that is over' using errcode = '22023';
  end if;
  if not exists (select from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'record.event'::regclass and c.relname = name) then
    return null;
  end if;
  execute format('lock table record.%I in share mode', name);
  select coalesce(sum(have.events), 0), count(have.tenant), count(*) filter (where have.events is distinct from v.events)
    into total, own, others
    from (select tenant_id as tenant, count(*) as events from record.event
        where id >= first and id < past group by tenant_id) have
    full join (select tenant, events from json_to_recordset(verified) as w (tenant uuid, events bigint)
        where events > 0) v
      on v.tenant = have.tenant;
  if others > 0 then
    return null;
  end if;
  execute format('alter table record.event detach partition record.%I', name);
  execute format('drop table record.%I', name);
  update archive.hot_floor set floor = past where floor < past;
  insert into archive.dropped_month as d (month, dropped_at, events, tenants) values (month, at, total, own)
    on conflict on constraint dropped_month_pkey do update
      set events = d.events + excluded.events, tokens_gone_at = null;
  return total;
end $$;
revoke all on function archive.hot_months(date), archive.drop_month(date, json, timestamptz) from public;
grant execute on function archive.hot_months(date), archive.drop_month(date, json, timestamptz) to trailkeep_purger;

-- The purger looks for tenants and holds, and sees how far compaction is.
create policy purger on access.tenant for select to trailkeep_purger
  using ('00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]));
grant select (tenant_id) on access.tenant to trailkeep_purger;
grant usage on schema privacy to trailkeep_purger;
create policy purger on privacy.legal_hold for select to trailkeep_purger
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on privacy.legal_hold to trailkeep_purger;
