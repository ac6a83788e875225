-- What dashboards ask often, summed beforehand.

-- Views are made and refreshed over all tenants at once, and row-level security binds the owner of the tables too. So
-- they belong to a role that may read what they sum, of everybody, and that nobody can log in as.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'trailkeep_views') then
      create role trailkeep_views nosuperuser nocreatedb nocreaterole nobypassrls nologin;
    end if;
  exception when duplicate_object or unique_violation then
    null;
  end;
  if not (select rolsuper from pg_roles where rolname = current_user)
     and not pg_has_role(current_user, 'trailkeep_views', 'set') then
    execute format('grant trailkeep_views to %I with inherit true, set true', current_user);
  end if;
end $$;

set local role trailkeep_owner;

grant usage on schema sec, costs, record, archive to trailkeep_views;
grant execute on function sec.ctx_tenants() to trailkeep_views;
do $$
declare
  name text;
begin
  foreach name in array array['costs.controller', 'costs.sector', 'costs.owner', 'costs.architecture', 'costs.h_code',
    'costs.cmdb_item', 'costs.application', 'costs.mapping', 'costs.usage_daily', 'costs.licence_daily',
    'costs.cost_daily', 'costs.override', 'costs.override_decision', 'archive.file', 'archive.progress',
    'record.segment_part', 'record.tenant_counter'] loop
    execute format('create policy views on %s for select to trailkeep_views using (true)', name);
  end loop;
end $$;
grant select on costs.controller, costs.sector, costs.owner, costs.architecture, costs.h_code, costs.cmdb_item,
  costs.application, costs.mapping, costs.usage_daily, costs.licence_daily, costs.cost_daily, costs.override,
  costs.override_decision, costs.override_in_effect, costs.mapping_in_effect, costs.adjustment, costs.charge,
  costs.charge_in_effect, costs.usage_in_effect, archive.file, archive.progress to trailkeep_views;
grant select (tenant_id, seq, tier, events, max_time) on record.segment_part to trailkeep_views;
grant select on record.tenant_counter to trailkeep_views;

-- One row says that a transaction changed a table that views are made from. A refresh takes the rows away and marks the
-- views; what commits later than its snapshot leaves a row for the next one. Rows and not a counter: loads of different
-- tenants would wait for each other at it.
create table costs.movement (
  source text collate "C" not null,
  transaction xid8 not null,
  primary key (source, transaction)
);
grant select, delete on costs.movement to trailkeep_views;

create function costs.note_movement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into costs.movement values (tg_table_schema || '.' || tg_table_name, pg_current_xact_id())
    on conflict do nothing;
  return null;
end $$;
revoke all on function costs.note_movement() from public;
do $$
declare
  name text;
begin
  foreach name in array array['costs.cost_daily', 'costs.usage_daily', 'costs.licence_daily', 'costs.mapping',
    'costs.application', 'costs.cmdb_item', 'costs.override_decision', 'archive.file'] loop
    execute format('create trigger note_movement after insert or update or delete or truncate on %s
      for each statement execute function costs.note_movement()', name);
  end loop;
end $$;

-- One row is a materialized view: `place` is its turn, `moved_by` the tables and views it is made from. `stale_at` is
-- when time alone makes it wrong, as an override expires. `counted` is how many batches had been committed, for the one
-- that follows events: a trigger there would be in the way of every writer.
create table costs.view (
  name text collate "C" primary key,
  place integer not null unique,
  moved_by text[] not null,
  dirty boolean not null default true,
  stale_at timestamptz,
  counted numeric not null default 0,
  refreshed_at timestamptz,
  checked_at timestamptz
);
insert into costs.view (name, place, moved_by) values
  ('mv_cost_by_sector_controller', 1, '{costs.cost_daily,costs.mapping,costs.override_decision}'),
  ('mv_cost_by_owner_controller', 2, '{costs.cost_daily,costs.mapping,costs.override_decision}'),
  ('mv_monthly_chargeback_summary', 3, '{costs.cost_daily,costs.mapping,costs.override_decision}'),
  ('mv_daily_usage_by_application', 4, '{costs.usage_daily,costs.override_decision}'),
  ('mv_architecture_metrics_90d', 5,
    '{mv_daily_usage_by_application,costs.cost_daily,costs.mapping,costs.override_decision}'),
  ('mv_license_utilization', 6, '{costs.licence_daily}'),
  ('mv_cmdb_match_quality', 7, '{costs.application,costs.cmdb_item}'),
  ('mv_audit_activity_daily', 8, '{archive.file,record.tenant_counter}');
grant select, update (dirty, stale_at, counted, refreshed_at, checked_at) on costs.view to trailkeep_views;
-- How old figures are is everybody's to know; how many rows all tenants have together is not.
grant select (name, refreshed_at, checked_at) on costs.view to trailkeep_app;

-- One row is a refresh. `rows` is of all tenants.
create table costs.refresh_log (
  id bigint primary key generated always as identity,
  view text collate "C" not null references costs.view,
  started_at timestamptz not null,
  took_ms numeric not null,
  rows bigint,
  error text
);
create index refresh_log_by_view on costs.refresh_log (view, started_at desc);
grant select, insert, delete on costs.refresh_log to trailkeep_views;
-- A refresh that failed took its own row along.
grant insert on costs.refresh_log to trailkeep_loader;

grant create on schema costs to trailkeep_views;
reset role;
set local role trailkeep_views;

create materialized view costs.mv_cost_by_sector_controller as
  select tenant_id, month, sector_id, controller_id, currency, count(*) as charges, sum(billed) as billed,
    sum(effective) as effective, sum(contracted) as contracted, sum(list) as list
  from costs.charge_in_effect group by tenant_id, month, sector_id, controller_id, currency;
create unique index mv_cost_by_sector_controller_key
  on costs.mv_cost_by_sector_controller (tenant_id, month, sector_id, controller_id, currency);

create materialized view costs.mv_cost_by_owner_controller as
  select tenant_id, month, owner_id, controller_id, currency, count(*) as charges, sum(billed) as billed,
    sum(effective) as effective, sum(contracted) as contracted, sum(list) as list
  from costs.charge_in_effect group by tenant_id, month, owner_id, controller_id, currency;
create unique index mv_cost_by_owner_controller_key
  on costs.mv_cost_by_owner_controller (tenant_id, month, owner_id, controller_id, currency);

create materialized view costs.mv_monthly_chargeback_summary as
  select tenant_id, month, h_code_id, sector_id, owner_id, currency, count(*) as charges, sum(billed) as billed,
    sum(effective) as effective, sum(contracted) as contracted, sum(list) as list,
    coalesce(sum(effective) filter (where charge_category = 'Credit'), 0) as effective_credits,
    coalesce(sum(effective) filter (where charge_class = 'Correction'), 0) as effective_corrections,
    count(*) filter (where override_id is not null or overrides <> '{}') as overridden
  from costs.charge_in_effect group by tenant_id, month, h_code_id, sector_id, owner_id, currency;
create unique index mv_monthly_chargeback_summary_key
  on costs.mv_monthly_chargeback_summary (tenant_id, month, h_code_id, sector_id, owner_id, currency);

-- The last 400 days with usage, tenant by tenant: enough to hold a month against the same one of last year. One column for
-- each measure, NULL when nobody measured it: a row for each would be four times as many to compare at each refresh.
create materialized view costs.mv_daily_usage_by_application as
  with span as (
    select tenant_id, max(day) - 399 as from_day from costs.usage_daily group by tenant_id
  )
  select tenant_id, day, application_id, sum(amount) filter (where measure = 'nodes') as nodes,
    sum(amount) filter (where measure = 'vcpu') as vcpu,
    sum(amount) filter (where measure = 'licence_units') as licence_units,
    sum(amount) filter (where measure = 'calls') as calls,
    bool_or(estimated) as estimated, bool_or(override_id is not null) as overridden
  from costs.usage_in_effect u join span s using (tenant_id)
  where u.day >= s.from_day group by tenant_id, day, application_id;
create unique index mv_daily_usage_by_application_key
  on costs.mv_daily_usage_by_application (tenant_id, day, application_id);

-- The 90 days up to the last one with usage, tenant by tenant: what it says depends on what was loaded and not on when it
-- is refreshed. Usage and costs are summed apart and meet as one row per application; joined as facts, each day's cost
-- would count once for each measure. Currencies stay apart in `effective`: {"EUR": "12.50"}, text so that no reader
-- takes money for a floating-point number.
create materialized view costs.mv_architecture_metrics_90d as
  with span as (
    select tenant_id, max(day) - 89 as from_day, max(day) as to_day
    from costs.mv_daily_usage_by_application group by tenant_id
  ), used as (
    select u.tenant_id, u.application_id, count(*) as days, count(*) filter (where u.estimated) as days_estimated,
      avg(u.nodes) as nodes_avg, max(u.nodes) as nodes_max, avg(u.vcpu) as vcpu_avg, max(u.vcpu) as vcpu_max,
      avg(u.licence_units) as licence_units_avg, max(u.licence_units) as licence_units_max, sum(u.calls) as calls
    from costs.mv_daily_usage_by_application u
    join span s on s.tenant_id = u.tenant_id and u.day between s.from_day and s.to_day
    group by u.tenant_id, u.application_id
  ), charged as (
    select tenant_id, application_id, jsonb_object_agg(currency, effective::text) as effective
    from (
      select c.tenant_id, c.application_id, c.currency, sum(c.effective) as effective
      from costs.charge c join span s on s.tenant_id = c.tenant_id and c.day between s.from_day and s.to_day
      group by c.tenant_id, c.application_id, c.currency
    ) sums group by tenant_id, application_id
  )
  select w.tenant_id, w.application_id, coalesce(m.architecture_id, 0) as architecture_id, s.from_day, s.to_day,
    w.days, w.days_estimated, w.nodes_avg, w.nodes_max, w.vcpu_avg, w.vcpu_max, w.licence_units_avg,
    w.licence_units_max, w.calls, w.effective
  from (
    select tenant_id, application_id, coalesce(u.days, 0) as days, coalesce(u.days_estimated, 0) as days_estimated,
      round(coalesce(u.nodes_avg, 0), 6) as nodes_avg, coalesce(u.nodes_max, 0) as nodes_max,
      round(coalesce(u.vcpu_avg, 0), 6) as vcpu_avg, coalesce(u.vcpu_max, 0) as vcpu_max,
      round(coalesce(u.licence_units_avg, 0), 6) as licence_units_avg,
      coalesce(u.licence_units_max, 0) as licence_units_max, coalesce(u.calls, 0) as calls,
      coalesce(c.effective, '{}') as effective
    from used u full join charged c using (tenant_id, application_id)
  ) w
  join span s on s.tenant_id = w.tenant_id
  left join costs.mapping_in_effect m on m.tenant_id = w.tenant_id and m.application_id = w.application_id
    and m.from_day <= s.to_day and s.to_day < m.to_day;
create unique index mv_architecture_metrics_90d_key
  on costs.mv_architecture_metrics_90d (tenant_id, application_id);

-- Days on which a controller used more than it had are counted, where a month's average would hide them.
create materialized view costs.mv_license_utilization as
  select tenant_id, date_trunc('month', day::timestamp)::date as month, controller_id, package, count(*) as days,
    count(*) filter (where estimated) as days_estimated, count(*) filter (where used_max > provisioned) as days_over,
    round(avg(provisioned), 6) as provisioned_avg, max(provisioned) as provisioned_max,
    round(avg(used_avg), 6) as used_avg, max(used_max) as used_max
  from (
    select tenant_id, day, controller_id, package, sum(provisioned) as provisioned, sum(used_avg) as used_avg,
      sum(used_max) as used_max, bool_or(estimated) as estimated
    from costs.licence_daily group by tenant_id, day, controller_id, package
  ) days
  group by 1, 2, 3, 4;
create unique index mv_license_utilization_key
  on costs.mv_license_utilization (tenant_id, month, controller_id, package);

-- Both sides: applications by the rule that found their item (or none), and items of the CMDB by whether an application
-- was found for them.
create materialized view costs.mv_cmdb_match_quality as
  select tenant_id, 'application' as side, controller_id, '' as class, cmdb_rule as rule, count(*) as things,
    round(avg(cmdb_confidence), 6) as confidence_avg, min(cmdb_confidence) as confidence_min
  from costs.application where id <> 0
  group by tenant_id, controller_id, cmdb_rule
  union all
  select i.tenant_id, 'item', 0, i.class, r.rule, count(*), 0, 0
  from costs.cmdb_item i
  left join (select distinct tenant_id, cmdb_item_id from costs.application where id <> 0) a
    on a.tenant_id = i.tenant_id and a.cmdb_item_id = i.id
  cross join lateral (
    select case when i.gone_at is not null then 'gone' when a.tenant_id is null then 'none' else 'matched' end as rule) r
  where i.id <> 0
  group by i.tenant_id, i.class, r.rule;
create unique index mv_cmdb_match_quality_key
  on costs.mv_cmdb_match_quality (tenant_id, side, controller_id, class, rule);

-- How many events there are, from the catalogue: none of them is read. What is not in the archive yet has no category
-- (-1), and counts on the day of its part's newest event. Days that were too small for a file of their own count as
-- their month: `span` says which a row is, and `day` is the first of it.
create materialized view costs.mv_audit_activity_daily as
  select tenant_id, day, span, category, tier, sum(events) as events, sum(raw_bytes) as raw_bytes
  from archive.file group by tenant_id, day, span, category, tier
  union all
  select p.tenant_id, (to_timestamp(p.max_time / 1000.0) at time zone 'UTC')::date, 'day', -1::smallint, p.tier,
    sum(p.events), 0
  from record.segment_part p left join archive.progress a on a.tenant_id = p.tenant_id
  where p.seq > coalesce(a.compacted_seq, 0)
  group by 1, 2, 5;
create unique index mv_audit_activity_daily_key
  on costs.mv_audit_activity_daily (tenant_id, day, span, category, tier);

-- What the application reads: its tenants' rows, with names as they are now. A materialized view has no row-level
-- security, so nobody but its owner has a right on one. The barrier keeps a caller's own functions from rows that the
-- condition leaves out.
create view costs.cost_by_sector_controller with (security_barrier) as
  select v.*, s.name as sector, c.name as controller
  from costs.mv_cost_by_sector_controller v
  left join costs.sector s on s.tenant_id = v.tenant_id and s.id = v.sector_id
  left join costs.controller c on c.tenant_id = v.tenant_id and c.id = v.controller_id
  where v.tenant_id = any ((select sec.ctx_tenants())::uuid[]);
create view costs.cost_by_owner_controller with (security_barrier) as
  select v.*, o.name as owner, c.name as controller
  from costs.mv_cost_by_owner_controller v
  left join costs.owner o on o.tenant_id = v.tenant_id and o.id = v.owner_id
  left join costs.controller c on c.tenant_id = v.tenant_id and c.id = v.controller_id
  where v.tenant_id = any ((select sec.ctx_tenants())::uuid[]);
create view costs.monthly_chargeback_summary with (security_barrier) as
  select v.*, h.code as h_code, h.cost_centre, s.name as sector, o.name as owner
  from costs.mv_monthly_chargeback_summary v
  left join costs.h_code h on h.tenant_id = v.tenant_id and h.id = v.h_code_id
  left join costs.sector s on s.tenant_id = v.tenant_id and s.id = v.sector_id
  left join costs.owner o on o.tenant_id = v.tenant_id and o.id = v.owner_id
  where v.tenant_id = any ((select sec.ctx_tenants())::uuid[]);
create view costs.daily_usage_by_application with (security_barrier) as
  select v.*, a.name as application, a.controller_id
  from costs.mv_daily_usage_by_application v
  left join costs.application a on a.tenant_id = v.tenant_id and a.id = v.application_id
  where v.tenant_id = any ((select sec.ctx_tenants())::uuid[]);
create view costs.architecture_metrics_90d with (security_barrier) as
  select v.*, r.name as architecture, a.name as application, a.controller_id, c.name as controller, a.tiers, a.nodes
  from costs.mv_architecture_metrics_90d v
  left join costs.application a on a.tenant_id = v.tenant_id and a.id = v.application_id
  left join costs.controller c on c.tenant_id = a.tenant_id and c.id = a.controller_id
  left join costs.architecture r on r.tenant_id = v.tenant_id and r.id = v.architecture_id
  where v.tenant_id = any ((select sec.ctx_tenants())::uuid[]);
create view costs.license_utilization with (security_barrier) as
  select v.*, c.name as controller, round(v.used_avg / nullif(v.provisioned_avg, 0), 6) as utilization_avg,
    round(v.used_max / nullif(v.provisioned_max, 0), 6) as utilization_max
  from costs.mv_license_utilization v
  left join costs.controller c on c.tenant_id = v.tenant_id and c.id = v.controller_id
  where v.tenant_id = any ((select sec.ctx_tenants())::uuid[]);
create view costs.cmdb_match_quality with (security_barrier) as
  select v.*, c.name as controller
  from costs.mv_cmdb_match_quality v
  left join costs.controller c on c.tenant_id = v.tenant_id and c.id = v.controller_id
  where v.tenant_id = any ((select sec.ctx_tenants())::uuid[]);
create view costs.audit_activity_daily with (security_barrier) as
  select v.tenant_id, v.day, v.span, v.category as category_id,
    coalesce((array['auth_events', 'api_calls', 'user_activity', 'operations', 'critical', 'system'])[v.category + 1],
      '(not archived yet)') as category,
    v.tier as tier_id, (array['critical', 'bulk'])[v.tier + 1] as tier, v.events, v.raw_bytes
  from costs.mv_audit_activity_daily v where v.tenant_id = any ((select sec.ctx_tenants())::uuid[]);
grant select on costs.cost_by_sector_controller, costs.cost_by_owner_controller, costs.monthly_chargeback_summary,
  costs.daily_usage_by_application, costs.architecture_metrics_90d, costs.license_utilization,
  costs.cmdb_match_quality, costs.audit_activity_daily to trailkeep_app;

-- Refreshes a view, if anything it is made from has moved; its readers go on with what was. One refresh at a time: who
-- waited for another finds the view refreshed, and does nothing. Call it for all views in their order.
-- What moved is looked for before the refresh takes its snapshot, so nothing that moved is taken for refreshed.
create function costs.refresh_view(wanted text, forced boolean, out refreshed boolean, out took_ms numeric,
  out rows bigint, out refreshed_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  one costs.view;
  moved text[];
  commits numeric;
  began timestamptz;
begin
  perform pg_advisory_xact_lock(hashtextextended('costs.refresh_view', 0));
  with gone as (delete from costs.movement returning source) select array_agg(distinct source) into moved from gone;
  update costs.view v set dirty = true where not v.dirty and (v.moved_by && moved or v.stale_at <= now());
  select * into one from costs.view v where v.name = wanted;
  if not found then
    raise exception 'there is no view %', wanted using errcode = '22023';
  end if;
  if 'record.tenant_counter' = any (one.moved_by) then
    select coalesce(sum(seq), 0) into commits from record.tenant_counter;
  end if;
  refreshed := forced or one.dirty or commits <> one.counted;
  if not coalesce(refreshed, false) then
    update costs.view v set checked_at = now() where v.name = wanted;
    refreshed := false;
    refreshed_at := one.refreshed_at;
    return;
  end if;
  began := clock_timestamp();
  execute format('refresh materialized view concurrently costs.%I', wanted);
  execute format('select count(*) from costs.%I', wanted) into rows;
  took_ms := round(extract(epoch from clock_timestamp() - began) * 1000, 3);
  refreshed_at := began;
  update costs.view v set dirty = false, counted = coalesce(commits, 0), refreshed_at = began, checked_at = now(),
    stale_at = (select min(expires_at) from costs.override_in_effect where expires_at > began)
    where v.name = wanted;
  update costs.view v set dirty = true where wanted = any (v.moved_by);
  insert into costs.refresh_log (view, started_at, took_ms, rows) values (wanted, began, took_ms, rows);
  delete from costs.refresh_log where started_at < now() - interval '400 days';
end $$;
revoke all on function costs.refresh_view(text, boolean) from public;
grant execute on function costs.refresh_view(text, boolean) to trailkeep_loader;

reset role;
set local role trailkeep_owner;
revoke create on schema costs from trailkeep_views;
