-- Break-glass: who saw events whole in an emergency, why, until when, and what somebody else thinks of it.
set local role trailkeep_owner;

-- One row is one break-glass of one principal. It ends at `until` by itself, or at `ended_at` before. The row without
-- `reviewed_at` is the open review. `reason` and `comment` are free text about an emergency: they stay here, the trail
-- has the id. Rows are never deleted: they are the record of a disclosure (45 CFR 164.528).
create table access.break_glass (
  tenant_id uuid not null,
  break_glass_id uuid not null,
  principal text collate "C" not null,
  reason text not null check (length(reason) between 1 and 1000),
  ticket text,
  began_at timestamptz not null,
  until timestamptz not null check (until > began_at and until <= began_at + interval '60 minutes'),
  ended_at timestamptz check (ended_at >= began_at),
  reviewed_at timestamptz,
  reviewed_by text collate "C" check (reviewed_by <> principal),
  verdict text check (verdict in ('justified', 'unjustified')),
  comment text,
  primary key (tenant_id, break_glass_id),
  check (num_nulls(reviewed_at, reviewed_by, verdict, comment) in (0, 4))
);
-- What every look of somebody who may break the glass asks.
create index break_glass_of on access.break_glass (tenant_id, principal, until);
create index break_glass_unreviewed on access.break_glass (tenant_id, break_glass_id) where reviewed_at is null;
alter table access.break_glass enable row level security;
alter table access.break_glass force row level security;
create policy tenant on access.break_glass to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (ended_at, reviewed_at, reviewed_by, verdict, comment)
  on access.break_glass to trailkeep_app;

-- What readers may say that they read for, out of the document: json cannot be asked for one of its fields when any
-- other holds \u0000. Null: any word.
alter table access.tenant_policy add column purposes text[];
grant update (purposes) on access.tenant_policy to trailkeep_app;
