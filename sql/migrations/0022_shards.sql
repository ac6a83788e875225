-- Tenants on clusters of their own. Every shard has this whole schema; shard 0 is the main cluster, whose schema access says
-- for all where a tenant's rows in the other schemas are. See docs/decisions/0010-shards.md.
set local role trailkeep_owner;

-- Where a tenant lives.
alter table access.tenant add column shard smallint not null default 0 check (shard between 0 and 99);

-- One row is a tenant that may not be written here: it is on its way to another shard (`moving`: readers still find all
-- here), or lives on another one (`moved`). It says so whatever an environment remembers of where the tenant is.
create table sec.away (
  tenant_id uuid primary key,
  state text collate "C" not null check (state in ('moving', 'moved')),
  since timestamptz not null default now()
);
alter table sec.away enable row level security;
alter table sec.away force row level security;
create policy tenant on sec.away for select to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on sec.away to trailkeep_app;
-- sec.enter looks past the policy: it is asked before anything else, in the name of whoever comes.
create policy enter on sec.away for select to trailkeep_owner using (true);

-- The first statement of a transaction for tenants, where there are shards. Writers of a tenant share a lock that the mover
-- takes alone after it made the row: then no writer is left that has not seen it. Who is refused looks the place up anew.
create function sec.enter(tenants text, writes boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  tenant uuid;
  found text;
begin
  for tenant in select distinct t::uuid from string_to_table(tenants, ',') as t order by 1 loop
    if writes then
      perform pg_advisory_xact_lock_shared(hashtextextended(tenant::text, 8));
    end if;
    select a.state into found from sec.away a where a.tenant_id = tenant;
    if found = 'moved' or (writes and found is not null) then
      raise exception 'tenant % is away', tenant using errcode = 'TK001', hint = found;
    end if;
  end loop;
end $$;
revoke all on function sec.enter(text, boolean) from public;

-- Where tenants live, asked of the main cluster by whoever has their ids. Those that nobody registered are not in the answer.
create policy placed on access.tenant for select to trailkeep_owner using (true);
create function sec.places(tenants text) returns table (tenant uuid, shard smallint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select t.tenant_id, t.shard from access.tenant t where t.tenant_id = any (string_to_array(tenants, ',')::uuid[])
$$;
revoke all on function sec.places(text) from public;
grant execute on function sec.enter(text, boolean), sec.places(text) to trailkeep_app, trailkeep_sealer,
  trailkeep_purger, trailkeep_recovery, trailkeep_verifier, trailkeep_archiver, trailkeep_loader;

-- Each shard's database has an incarnation of its own, and the evidence bucket one for each shard.
alter table proof.incarnation add column shard smallint not null default 0 check (shard between 0 and 99);

-- One row is a tenant's newest move, on the main cluster. The schedule of the shards goes on with it from its step until it
-- has moved, and again when the source's rows are to go.
create table access.move (
  tenant_id uuid primary key references access.tenant,
  from_shard smallint not null,
  to_shard smallint not null check (to_shard <> from_shard),
  step text collate "C" not null check (step in ('copying', 'paused', 'verified', 'switched', 'moved', 'finishing', 'finished')),
  asked_by text not null,
  asked_at timestamptz not null,
  stepped_at timestamptz not null,
  -- Who works on it is waited for so long.
  lease_until timestamptz,
  -- What was compared when the tenant was switched: tables and their rows.
  rows json,
  problem text
);
alter table access.move enable row level security;
alter table access.move force row level security;
create policy tenant on access.move to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update on access.move to trailkeep_app;

-- A moving tenant brings its hot floor along: what of it lies below is in the archive alone. Rows of the target's own tenants
-- that are below it from now on count as rows that came late. Months whose tokens are still to go are noted here too.
create function archive.take_floor(lowest uuid, months json) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into archive.dropped_month (month, dropped_at, events, tenants)
    select month, dropped_at, 0, 0 from json_to_recordset(months) as m (month date, dropped_at timestamptz)
    on conflict do nothing;
  update archive.hot_floor set floor = lowest where floor < lowest;
$$;
revoke all on function archive.take_floor(uuid, json) from public;
