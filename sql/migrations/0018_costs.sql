-- Costs: a star of who uses what, and what it costs. Money and units are numeric, never floating point.
-- Every dimension has a member 0, "(unmapped)": facts have no NULL in their keys, and what nobody mapped stays visible.
set local role trailkeep_owner;

create schema costs;
grant usage on schema costs to trailkeep_app, trailkeep_loader;

-- One row is a place that data is loaded from. `settings` is a SourceSettings of core/costs/source.ts, without anything
-- secret; the secret is an SSM parameter that only the fetcher reads.
create table costs.source (
  tenant_id uuid not null,
  id uuid not null,
  kind text collate "C" not null check (kind in ('appdynamics', 'servicenow', 'focus', 'h-code')),
  name text not null,
  settings json not null,
  created_by text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  deleted_at timestamptz,
  primary key (tenant_id, id)
);
create unique index source_name on costs.source (tenant_id, name) where deleted_at is null;

-- One row says how far a stream of a source was read.
create table costs.watermark (
  tenant_id uuid not null,
  source_id uuid not null,
  stream text collate "C" not null,
  position text not null,
  moved_at timestamptz not null,
  primary key (tenant_id, source_id, stream),
  foreign key (tenant_id, source_id) references costs.source
);

-- One row is a slice that was loaded whole, in one transaction: a file, or a stream's day. Loading a slice again takes
-- the place of what it was: `replaced_by` names the later load, and the earlier one's facts are gone.
-- The number goes into every fact. `sha256` is over what was fetched: the same content under another name is refused.
create table costs.load (
  tenant_id uuid not null,
  id integer not null generated always as identity,
  source_id uuid not null,
  run_id uuid not null,
  stream text collate "C" not null,
  slice text not null,
  sha256 bytea not null check (length(sha256) = 32),
  from_day date not null,
  to_day date not null,
  rows_read bigint not null,
  rows_written bigint not null,
  rows_rejected bigint not null,
  loaded_at timestamptz not null,
  replaced_by integer,
  primary key (tenant_id, id),
  foreign key (tenant_id, source_id) references costs.source
);
create unique index load_slice on costs.load (tenant_id, source_id, stream, slice) where replaced_by is null;
create unique index load_content on costs.load (tenant_id, source_id, stream, sha256) where replaced_by is null;

-- One row is a row that was not loaded, with the reason. `row` is what came, without secrets, cut at 8 KB.
create table costs.quarantine (
  tenant_id uuid not null,
  id bigint not null generated always as identity,
  source_id uuid not null,
  run_id uuid not null,
  stream text collate "C" not null,
  slice text not null,
  place text not null,
  code text collate "C" not null,
  reason text not null,
  row text not null,
  seen_at timestamptz not null,
  -- A later load of the slice took its place.
  resolved_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, source_id) references costs.source
);
create index quarantine_open on costs.quarantine (tenant_id, source_id, stream, slice) where resolved_at is null;

-- Days, for whoever joins by hand.
create table costs.day (
  day date primary key,
  month date not null,
  quarter date not null,
  year integer not null,
  iso_week text collate "C" not null,
  weekday integer not null,
  is_weekend boolean not null
);
insert into costs.day
  select d, date_trunc('month', d), date_trunc('quarter', d), extract(year from d), to_char(d, 'IYYY-"W"IW'),
    extract(isodow from d), extract(isodow from d) > 5
  from generate_series('2015-01-01'::date, '2049-12-31', interval '1 day') d;
grant select on costs.day to trailkeep_app, trailkeep_loader;

create table costs.controller (
  tenant_id uuid not null,
  id integer not null,
  key text not null,
  name text not null,
  source_id uuid,
  primary key (tenant_id, id),
  unique (tenant_id, key)
);
create table costs.sector (
  tenant_id uuid not null,
  id integer not null,
  name text not null,
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
create table costs.owner (
  tenant_id uuid not null,
  id integer not null,
  name text not null,
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
create table costs.architecture (
  tenant_id uuid not null,
  id integer not null,
  name text not null,
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
create table costs.h_code (
  tenant_id uuid not null,
  id integer not null,
  code text not null,
  cost_centre text not null,
  primary key (tenant_id, id),
  unique (tenant_id, code)
);
-- One row is an item of the CMDB, as it was last seen; `hash` is over `attributes`, the fields that drift is about.
create table costs.cmdb_item (
  tenant_id uuid not null,
  id integer not null,
  sys_id text not null,
  class text not null,
  name text not null,
  attributes json not null,
  hash bytea not null,
  seen_at timestamptz not null,
  gone_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, sys_id)
);
-- One row is an application as its controller, or its bill, knows it.
create table costs.application (
  tenant_id uuid not null,
  id integer not null,
  controller_id integer not null default 0,
  key text not null,
  name text not null,
  tiers integer not null default 0,
  nodes integer not null default 0,
  -- Tags as they came, for the rules that map it.
  tags json not null default '{}',
  cmdb_item_id integer not null default 0,
  -- Why we hold the item for the same thing, and how sure we are of it (0 to 1).
  cmdb_rule text collate "C" not null default 'none',
  cmdb_confidence numeric not null default 0,
  seen_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, controller_id, key),
  foreign key (tenant_id, controller_id) references costs.controller,
  foreign key (tenant_id, cmdb_item_id) references costs.cmdb_item
);
-- One row says to whom an application belonged on the days of [from_day, to_day), and which rule said so. An
-- application has one row for each day, so facts are never counted twice; none: it is unmapped that day.
create table costs.mapping (
  tenant_id uuid not null,
  application_id integer not null,
  from_day date not null,
  to_day date not null default 'infinity',
  sector_id integer not null default 0,
  owner_id integer not null default 0,
  architecture_id integer not null default 0,
  h_code_id integer not null default 0,
  -- explicit, tag, cmdb, name, or none.
  h_code_rule text collate "C" not null,
  load_id integer not null,
  primary key (tenant_id, application_id, from_day),
  check (from_day < to_day),
  foreign key (tenant_id, application_id) references costs.application,
  foreign key (tenant_id, sector_id) references costs.sector,
  foreign key (tenant_id, owner_id) references costs.owner,
  foreign key (tenant_id, architecture_id) references costs.architecture,
  foreign key (tenant_id, h_code_id) references costs.h_code
);
-- One row says what the sources tell of an application on the days of [from_day, to_day), by name, '' where they tell
-- nothing: costs.mapping is made from it, with what costs.h_code_map says laid over it.
create table costs.finding (
  tenant_id uuid not null,
  application_id integer not null,
  from_day date not null,
  to_day date not null default 'infinity',
  sector text not null default '',
  owner text not null default '',
  architecture text not null default '',
  h_code text not null default '',
  cost_centre text not null default '',
  -- tag, cmdb, name, or none.
  h_code_rule text collate "C" not null,
  found_on date not null,
  load_id integer not null,
  primary key (tenant_id, application_id, from_day),
  check (from_day < to_day),
  foreign key (tenant_id, application_id) references costs.application
);
-- One row is a row of a file that somebody answers for: to whom applications of this name belong on the days of
-- [from_day, to_day). '' leaves what the sources tell; a controller of '' means all of them.
create table costs.h_code_map (
  tenant_id uuid not null,
  load_id integer not null,
  line integer not null,
  controller text not null default '',
  application text not null,
  h_code text not null,
  cost_centre text not null default '',
  sector text not null default '',
  owner text not null default '',
  architecture text not null default '',
  from_day date not null,
  to_day date not null default 'infinity',
  approved_by text not null default '',
  primary key (tenant_id, load_id, line),
  check (from_day < to_day)
);
-- One row is what a unit of a licence costs for a day, from a day on.
create table costs.price (
  tenant_id uuid not null,
  package text not null,
  from_day date not null,
  currency text collate "C" not null check (currency ~ '^[A-Z]{3}$'),
  amount numeric not null check (amount >= 0),
  set_by text not null,
  set_at timestamptz not null,
  primary key (tenant_id, package, from_day)
);

-- One row is how much of a measure an application used on a day: nodes, vcpu, licence_units, calls.
create table costs.usage_daily (
  tenant_id uuid not null,
  load_id integer not null,
  day date not null,
  application_id integer not null,
  measure text collate "C" not null,
  amount numeric not null,
  -- Derived from something else, because the source does not tell.
  estimated boolean not null default false,
  primary key (tenant_id, load_id, day, application_id, measure)
);
create index usage_by_day on costs.usage_daily (tenant_id, day);

-- One row is how much of a licence a controller had and used on a day.
create table costs.licence_daily (
  tenant_id uuid not null,
  load_id integer not null,
  day date not null,
  controller_id integer not null,
  package text not null,
  provisioned numeric not null,
  used_avg numeric not null,
  used_max numeric not null,
  estimated boolean not null default false,
  primary key (tenant_id, load_id, day, controller_id, package)
);
create index licence_by_day on costs.licence_daily (tenant_id, day);

-- One row is a charge: a row of a FOCUS file, or units of a licence at their price. `line` is its number in the slice.
-- Column names are FOCUS's. Amounts of different currencies are never added.
create table costs.cost_daily (
  tenant_id uuid not null,
  load_id integer not null,
  line integer not null,
  day date not null,
  application_id integer not null default 0,
  controller_id integer not null default 0,
  charge_category text not null,
  charge_class text not null default '',
  provider text not null,
  service_category text not null,
  service_name text not null,
  sub_account text not null default '',
  region text not null default '',
  resource text not null default '',
  currency text collate "C" not null check (currency ~ '^[A-Z]{3}$'),
  billed numeric not null,
  effective numeric not null,
  contracted numeric not null,
  list numeric not null,
  primary key (tenant_id, load_id, line)
);
create index cost_by_day on costs.cost_daily (tenant_id, day);

do $$
declare
  name text;
begin
  foreach name in array array['source', 'watermark', 'load', 'quarantine', 'controller', 'sector', 'owner',
    'architecture', 'h_code', 'cmdb_item', 'application', 'mapping', 'finding', 'h_code_map', 'price', 'usage_daily',
    'licence_daily', 'cost_daily'] loop
    execute format('alter table costs.%I enable row level security', name);
    execute format('alter table costs.%I force row level security', name);
    execute format('create policy tenant on costs.%I to trailkeep_app, trailkeep_loader
      using (tenant_id = any ((select sec.ctx_tenants())::uuid[]))', name);
    execute format('grant select on costs.%I to trailkeep_app, trailkeep_loader', name);
  end loop;
end $$;
grant insert, update (settings, changed_at, deleted_at) on costs.source to trailkeep_app;
grant insert on costs.price to trailkeep_app;
grant insert, update (position, moved_at) on costs.watermark to trailkeep_loader;
grant insert, update (replaced_by, from_day, to_day, rows_read, rows_written, rows_rejected) on costs.load
  to trailkeep_loader;
grant insert, update (resolved_at) on costs.quarantine to trailkeep_loader;
grant insert, update on costs.controller, costs.sector, costs.owner, costs.architecture, costs.h_code,
  costs.cmdb_item, costs.application to trailkeep_loader;
grant insert, update, delete on costs.mapping, costs.finding to trailkeep_loader;
grant insert, delete on costs.usage_daily, costs.licence_daily, costs.cost_daily, costs.h_code_map to trailkeep_loader;
