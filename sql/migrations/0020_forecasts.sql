-- Forecasts: what was foretold, by what, and how it turned out. Figures are estimates: floating point is enough for them.
set local role trailkeep_owner;

-- One row is a series, and what is known of it now: its latest forecast, and whether forecasts of it have become worse.
-- `series` is a SeriesKey of core/costs/forecast/series.ts as text. `through` is the last period the latest forecast
-- knew; `checked_through` the last one whose actual was held against what had been foretold.
create table costs.forecast_series (
  tenant_id uuid not null,
  series text collate "C" not null,
  scope text collate "C" not null check (scope in ('application', 'sector')),
  subject_id integer not null,
  measure text collate "C" not null,
  -- Of costs; '' for what is counted.
  currency text collate "C" not null,
  grain text collate "C" not null check (grain in ('daily', 'monthly')),
  forecast_id bigint not null,
  through date not null,
  checked_through date not null,
  verdict text collate "C" not null check (verdict in ('unknown', 'steady', 'watch', 'alert')),
  primary key (tenant_id, series)
);

-- One row is a forecast of a series, and never changes: the periods after `through`, one array element each. `weights` is
-- how much each member was heard, `errors` what each was wrong by in the backtest (1 is repeating the season).
create table costs.forecast (
  tenant_id uuid not null,
  id bigint not null generated always as identity,
  series text collate "C" not null,
  run_id uuid not null,
  made_at timestamptz not null,
  through date not null,
  -- Periods it was made from, and how many of them were not loaded and had to be filled in.
  periods integer not null,
  filled integer not null,
  because text collate "C" not null
    check (because in ('combination', 'nothing-beats-seasonal-naive', 'insufficient-data')),
  -- Periods that are missing for more than a naive forecast.
  missing integer not null,
  best text collate "C" not null,
  weights json not null,
  errors json not null,
  backtest json,
  -- What scaled errors are divided by; NULL when the history never changed.
  scale double precision,
  -- Members were chosen again on the later half of the history, because forecasts had become worse.
  reselected boolean not null,
  verdict text collate "C" not null,
  ratio double precision,
  trend double precision,
  point double precision[] not null,
  low80 double precision[] not null,
  high80 double precision[] not null,
  low95 double precision[] not null,
  high95 double precision[] not null,
  primary key (tenant_id, id),
  unique (tenant_id, series, run_id),
  check (cardinality(point) > 0 and cardinality(low80) = cardinality(point) and cardinality(high80) = cardinality(point)
    and cardinality(low95) = cardinality(point) and cardinality(high95) = cardinality(point))
);
create index forecast_by_origin on costs.forecast (tenant_id, series, through);

-- One row is an actual beside what had been foretold of it `step` periods before, by the last forecast made then. What is
-- loaded again later does not change it.
create table costs.forecast_accuracy (
  tenant_id uuid not null,
  series text collate "C" not null,
  step integer not null check (step > 0),
  target date not null,
  forecast_id bigint not null,
  actual double precision not null,
  point double precision not null,
  inside80 boolean not null,
  inside95 boolean not null,
  -- |actual − point| over the forecast's scale.
  scaled double precision,
  primary key (tenant_id, series, step, target)
);

do $$
declare
  name text;
begin
  foreach name in array array['forecast_series', 'forecast', 'forecast_accuracy'] loop
    execute format('alter table costs.%I enable row level security', name);
    execute format('alter table costs.%I force row level security', name);
    execute format('create policy tenant on costs.%I to trailkeep_app, trailkeep_loader
      using (tenant_id = any ((select sec.ctx_tenants())::uuid[]))', name);
    execute format('grant select on costs.%I to trailkeep_app, trailkeep_loader', name);
  end loop;
end $$;
grant insert, update (forecast_id, through, checked_through, verdict) on costs.forecast_series to trailkeep_loader;
grant insert on costs.forecast, costs.forecast_accuracy to trailkeep_loader;
