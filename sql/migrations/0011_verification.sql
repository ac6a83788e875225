-- Whether what is stored is still what the log committed to: how far somebody has looked, and what was found.

-- The verifier is nobody else: it reads what all others write, and writes nothing that anybody else reads as true. Whoever
-- takes over the writer cannot quieten it, and whoever takes over the verifier cannot change what it looks at.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'trailkeep_verifier') then
      create role trailkeep_verifier nosuperuser nocreatedb nocreaterole nobypassrls login;
    end if;
  exception when duplicate_object or unique_violation then
    null;
  end;
  if exists (select from pg_roles where rolname = 'rds_iam')
     and not pg_has_role('trailkeep_verifier', 'rds_iam', 'member') then
    grant rds_iam to trailkeep_verifier;
  end if;
end $$;

set local role trailkeep_owner;

grant usage on schema sec, access, record, proof to trailkeep_verifier;
grant execute on function sec.ctx_tenants() to trailkeep_verifier;

create policy verifier on access.tenant for select to trailkeep_verifier
  using ('00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]));
grant select (tenant_id) on access.tenant to trailkeep_verifier;
create policy verifier on record.event for select to trailkeep_verifier
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
create policy verifier on record.segment_part for select to trailkeep_verifier
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
create policy verifier on record.tenant_counter for select to trailkeep_verifier
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
create policy verifier on proof.log for select to trailkeep_verifier
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on record.event, record.segment, record.segment_part, record.tenant_counter to trailkeep_verifier;
create policy verifier on proof.checkpoint for select to trailkeep_verifier
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on proof.log, proof.checkpoint to trailkeep_verifier;

-- One row is a round over one tenant: `rows` compares record.event with the log, by id; `segments` the log itself and the
-- segments on S3, by leaf. `position` is what is done: an id, or a number of leaves. A round that is over has none.
create table proof.verification (
  tenant_id uuid not null,
  round text collate "C" not null check (round in ('rows', 'segments')),
  position text collate "C",
  started_at timestamptz not null,
  -- When the last round ended, and what it looked at.
  ended_at timestamptz,
  checked bigint not null default 0,
  primary key (tenant_id, round)
);
alter table proof.verification enable row level security;
alter table proof.verification force row level security;
create policy tenant on proof.verification to trailkeep_verifier, trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update on proof.verification to trailkeep_verifier;
grant select on proof.verification to trailkeep_app;

-- One row is something that is not what it should be. `place` says what, in one spelling, so that the next round finds
-- the same row again; it is a leaf, an id, a path or a key.
create table proof.finding (
  tenant_id uuid not null,
  round text collate "C" not null,
  reason text collate "C" not null,
  place text collate "C" not null,
  verdict text collate "C" not null,
  why text not null,
  found_at timestamptz not null default now(),
  last_found_at timestamptz not null default now(),
  primary key (tenant_id, round, reason, place)
);
alter table proof.finding enable row level security;
alter table proof.finding force row level security;
create policy tenant on proof.finding to trailkeep_verifier, trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (why, last_found_at) on proof.finding to trailkeep_verifier;
grant select on proof.finding to trailkeep_app;
