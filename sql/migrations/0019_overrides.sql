-- Overrides, statements and lineage: what people changed about figures, what was charged, and where figures come from.
set local role trailkeep_owner;

-- One row is what somebody proposed to have otherwise, and never changes: another mapping of an application, another
-- amount of what it used, or an amount of money on top (an adjustment). It counts on the days of [from_day, to_day),
-- once somebody else approved it, and until it expires or is withdrawn: see costs.override_in_effect.
create table costs.override (
  tenant_id uuid not null,
  id uuid not null,
  kind text collate "C" not null check (kind in ('mapping', 'usage', 'cost')),
  application_id integer not null default 0,
  from_day date not null,
  to_day date not null default 'infinity',
  -- A mapping leaves as it is what is NULL here. A cost of application 0 goes to these; that of another one to whom it
  -- belongs.
  sector_id integer,
  owner_id integer,
  architecture_id integer,
  h_code_id integer,
  controller_id integer not null default 0,
  -- A usage: per day, in place of what was loaded. A cost: for the whole month, negative when it is a credit.
  measure text collate "C",
  amount numeric,
  currency text collate "C" check (currency ~ '^[A-Z]{3}$'),
  -- What counted when it was proposed, and what shall: for people and the trail, with names.
  before json not null,
  after json not null,
  reason text not null check (length(reason) between 1 and 2000),
  proposed_by text not null,
  proposed_at timestamptz not null,
  expires_at timestamptz,
  primary key (tenant_id, id),
  -- For the decision's foreign key, which knows its proposer by it.
  unique (tenant_id, id, proposed_by),
  foreign key (tenant_id, application_id) references costs.application,
  foreign key (tenant_id, controller_id) references costs.controller,
  foreign key (tenant_id, sector_id) references costs.sector,
  foreign key (tenant_id, owner_id) references costs.owner,
  foreign key (tenant_id, architecture_id) references costs.architecture,
  foreign key (tenant_id, h_code_id) references costs.h_code,
  check (from_day < to_day),
  check (expires_at > proposed_at),
  check (case kind
    when 'mapping' then application_id <> 0 and measure is null and amount is null and currency is null
      and num_nonnulls(sector_id, owner_id, architecture_id, h_code_id) > 0
    when 'usage' then application_id <> 0 and measure is not null and amount >= 0 and currency is null
      and num_nonnulls(sector_id, owner_id, architecture_id, h_code_id) = 0 and to_day <= from_day + 366
    else measure is null and amount <> 0 and currency is not null and extract(day from from_day) = 1
      and to_day = (from_day + interval '1 month')::date
      and (application_id = 0 or num_nonnulls(sector_id, owner_id, architecture_id, h_code_id) = 0)
    end)
);
create index override_by_application on costs.override (tenant_id, application_id, from_day);

-- One row is what became of it. Nobody approves or refuses what they proposed themselves. A second row can only withdraw.
create table costs.override_decision (
  tenant_id uuid not null,
  override_id uuid not null,
  decision text collate "C" not null check (decision in ('approved', 'refused', 'withdrawn')),
  step integer not null generated always as (case decision when 'withdrawn' then 2 else 1 end) stored,
  proposed_by text not null,
  decided_by text not null,
  decided_at timestamptz not null,
  note text not null default '',
  primary key (tenant_id, override_id, step),
  foreign key (tenant_id, override_id, proposed_by) references costs.override (tenant_id, id, proposed_by),
  check (decision = 'withdrawn' or decided_by <> proposed_by)
);

-- One row is a month's statement as somebody approved it, and never changes: approving again makes the next version.
-- `settings` says which cost counts and how shared costs are shared (StatementSettings of core/costs/statement.ts),
-- `document` is the Statement itself with names as they were, `sha256` is over it.
create table costs.statement (
  tenant_id uuid not null,
  month date not null check (extract(day from month) = 1),
  version integer not null check (version > 0),
  settings json not null,
  document json not null,
  sha256 bytea not null check (length(sha256) = 32),
  approved_by text not null,
  approved_at timestamptz not null,
  primary key (tenant_id, month, version),
  unique (tenant_id, month, version, approved_by)
);
-- One row locks a month: this version is what was charged. What changes afterwards goes to the next open month.
create table costs.statement_lock (
  tenant_id uuid not null,
  month date not null,
  version integer not null,
  approved_by text not null,
  locked_by text not null check (locked_by <> approved_by),
  locked_at timestamptz not null,
  primary key (tenant_id, month),
  foreign key (tenant_id, month, version, approved_by)
    references costs.statement (tenant_id, month, version, approved_by)
);

-- One row is an OpenLineage run event. `task` is a part of a run, or '' for the run as a whole.
create table costs.lineage_event (
  tenant_id uuid not null,
  run_id uuid not null,
  task text collate "C" not null,
  type text collate "C" not null check (type in ('START', 'RUNNING', 'COMPLETE', 'ABORT', 'FAIL', 'OTHER')),
  job text collate "C" not null,
  at timestamptz not null,
  event json not null,
  primary key (tenant_id, run_id, task, type)
);
create index lineage_by_time on costs.lineage_event (tenant_id, at desc, run_id);
-- One row says that a job makes one data set from another. Data sets are named as OpenLineage has it: a namespace, then
-- a name, with a blank between them. `columns` maps each column of the output to those of the input.
create table costs.lineage_edge (
  tenant_id uuid not null,
  input text collate "C" not null,
  output text collate "C" not null,
  job text collate "C" not null,
  columns json not null default '{}',
  first_at timestamptz not null,
  last_at timestamptz not null,
  last_run_id uuid not null,
  primary key (tenant_id, input, output, job)
);
create index lineage_back on costs.lineage_edge (tenant_id, output);

do $$
declare
  name text;
begin
  foreach name in array array['override', 'override_decision', 'statement', 'statement_lock', 'lineage_event',
    'lineage_edge'] loop
    execute format('alter table costs.%I enable row level security', name);
    execute format('alter table costs.%I force row level security', name);
    execute format('create policy tenant on costs.%I to trailkeep_app, trailkeep_loader
      using (tenant_id = any ((select sec.ctx_tenants())::uuid[]))', name);
    execute format('grant select on costs.%I to trailkeep_app, trailkeep_loader', name);
  end loop;
end $$;
grant insert on costs.override, costs.override_decision, costs.statement, costs.statement_lock to trailkeep_app;
grant insert on costs.lineage_event, costs.lineage_edge to trailkeep_app, trailkeep_loader;
grant update (columns, last_at, last_run_id) on costs.lineage_edge to trailkeep_app, trailkeep_loader;

-- All sums start from the views below. They show what who asks may see.

-- Overrides that count now: approved, not withdrawn, not expired.
create view costs.override_in_effect with (security_invoker) as
  select o.*, d.decided_by as approved_by, d.decided_at as approved_at
  from costs.override o
  join costs.override_decision d on d.tenant_id = o.tenant_id and d.override_id = o.id and d.decision = 'approved'
  where (o.expires_at is null or o.expires_at > now()) and not exists (
    select from costs.override_decision w
    where w.tenant_id = o.tenant_id and w.override_id = o.id and w.decision = 'withdrawn');

-- To whom an application belongs, with overrides laid over what was loaded: one row per application and range of days
-- [from_day, to_day), and no two rows for a day. Of two overrides the one that was approved later counts.
create view costs.mapping_in_effect with (security_invoker) as
  with laid as (
    select * from costs.override_in_effect where kind = 'mapping'
  ), edge as (
    select tenant_id, application_id, from_day as day from laid
    union select tenant_id, application_id, to_day from laid
    union select m.tenant_id, m.application_id, d.day
      from costs.mapping m cross join lateral (values (m.from_day), (m.to_day)) d (day)
      where exists (select from laid l where l.tenant_id = m.tenant_id and l.application_id = m.application_id)
  ), span as (
    select tenant_id, application_id, day as from_day,
      lead(day) over (partition by tenant_id, application_id order by day) as to_day
    from edge
  )
  select m.tenant_id, m.application_id, m.from_day, m.to_day, m.sector_id, m.owner_id, m.architecture_id, m.h_code_id,
    m.h_code_rule, m.load_id, '{}'::uuid[] as overrides
  from costs.mapping m
  where not exists (select from laid l where l.tenant_id = m.tenant_id and l.application_id = m.application_id)
  union all
  select s.tenant_id, s.application_id, s.from_day, s.to_day,
    coalesce(o.sector_id, m.sector_id, 0), coalesce(o.owner_id, m.owner_id, 0),
    coalesce(o.architecture_id, m.architecture_id, 0), coalesce(o.h_code_id, m.h_code_id, 0),
    case when o.h_code_id is null then coalesce(m.h_code_rule, 'none') else 'override' end,
    coalesce(m.load_id, 0), coalesce(o.overrides, '{}')
  from span s
  left join costs.mapping m on m.tenant_id = s.tenant_id and m.application_id = s.application_id
    and m.from_day <= s.from_day and s.from_day < m.to_day
  left join lateral (
    select (array_agg(l.sector_id order by l.approved_at desc, l.id desc)
        filter (where l.sector_id is not null))[1] as sector_id,
      (array_agg(l.owner_id order by l.approved_at desc, l.id desc)
        filter (where l.owner_id is not null))[1] as owner_id,
      (array_agg(l.architecture_id order by l.approved_at desc, l.id desc)
        filter (where l.architecture_id is not null))[1] as architecture_id,
      (array_agg(l.h_code_id order by l.approved_at desc, l.id desc)
        filter (where l.h_code_id is not null))[1] as h_code_id,
      array_agg(l.id order by l.id) as overrides
    from laid l
    where l.tenant_id = s.tenant_id and l.application_id = s.application_id
      and l.from_day <= s.from_day and s.from_day < l.to_day
  ) o on true
  where s.to_day is not null and (m.tenant_id is not null or o.overrides is not null);

-- Amounts of money that were added by hand.
create view costs.adjustment with (security_invoker) as
  select tenant_id, id, from_day as month, application_id, controller_id, coalesce(sector_id, 0) as sector_id,
    coalesce(owner_id, 0) as owner_id, coalesce(architecture_id, 0) as architecture_id,
    coalesce(h_code_id, 0) as h_code_id, currency, amount, reason, approved_by, approved_at, expires_at
  from costs.override_in_effect where kind = 'cost';

-- All charges: what was loaded, and adjustments, whose ids are in `override_id`; they have no load and no line.
create view costs.charge with (security_invoker) as
  select tenant_id, load_id, line, null::uuid as override_id, day, application_id, controller_id, charge_category,
    charge_class, provider, service_category, service_name, sub_account, region, resource, currency, billed, effective,
    contracted, list
  from costs.cost_daily
  union all
  select tenant_id, 0, 0, id, month, application_id, controller_id, 'Adjustment', 'Correction', 'Trailkeep', 'Other',
    'Adjustment', '', '', '', currency, amount, amount, amount, amount
  from costs.adjustment;

-- The same with whom each is charged to. One row per charge: nothing is lost and nothing counted twice. `overrides` are
-- those that say whom it belongs to.
create view costs.charge_in_effect with (security_invoker) as
  select c.tenant_id, c.load_id, c.line, c.override_id, c.day, date_trunc('month', c.day::timestamp)::date as month,
    c.application_id, c.controller_id, coalesce(m.sector_id, a.sector_id, 0) as sector_id,
    coalesce(m.owner_id, a.owner_id, 0) as owner_id, coalesce(m.architecture_id, a.architecture_id, 0) as architecture_id,
    coalesce(m.h_code_id, a.h_code_id, 0) as h_code_id, coalesce(m.h_code_rule, 'none') as h_code_rule,
    coalesce(m.overrides, '{}') as overrides, c.charge_category, c.charge_class, c.provider, c.service_category,
    c.service_name, c.sub_account, c.region, c.resource, c.currency, c.billed, c.effective, c.contracted, c.list
  from costs.charge c
  left join costs.mapping_in_effect m on m.tenant_id = c.tenant_id and m.application_id = c.application_id
    and m.from_day <= c.day and c.day < m.to_day
  left join costs.adjustment a on a.tenant_id = c.tenant_id and a.id = c.override_id;

-- What applications used, with overrides in place of what was loaded for their days and measure. `override_id` says
-- which; such a row has no load. There may be several rows for a day and measure: sum them.
create view costs.usage_in_effect with (security_invoker) as
  with laid as (
    select distinct on (o.tenant_id, o.application_id, o.measure, d.day) o.tenant_id, o.application_id, o.measure,
      d.day::date as day, o.amount, o.id
    from costs.override_in_effect o
    cross join lateral generate_series(o.from_day::timestamp, o.to_day - interval '1 day', interval '1 day') d (day)
    where o.kind = 'usage'
    order by o.tenant_id, o.application_id, o.measure, d.day, o.approved_at desc, o.id desc
  )
  select u.tenant_id, u.load_id, null::uuid as override_id, u.day, u.application_id, u.measure, u.amount, u.estimated
  from costs.usage_daily u
  where not exists (
    select from laid l where l.tenant_id = u.tenant_id and l.application_id = u.application_id
      and l.measure = u.measure and l.day = u.day)
  union all
  select tenant_id, 0, id, day, application_id, measure, amount, false from laid;

grant select on costs.override_in_effect, costs.mapping_in_effect, costs.adjustment, costs.charge,
  costs.charge_in_effect, costs.usage_in_effect to trailkeep_app, trailkeep_loader;
