-- Who vouches for people: OIDC issuers, and keys that act as a service account.
set local role trailkeep_owner;

-- One row lets an issuer vouch for people of one tenant. Without a claim the issuer belongs to this tenant alone.
-- With `tenant_claim` it is shared: each tenant that it may serve has a row with the same claim, and the token says
-- which of them is meant. Only the platform's context writes: we fetch from these addresses, so a tenant must not
-- choose them.
create table access.issuer (
  tenant_id uuid not null,
  issuer_id uuid not null,
  issuer text collate "C" not null,
  name text not null,
  audience text[] not null check (cardinality(audience) > 0),
  tenant_claim text,
  subject_prefix text collate "C" not null default '',
  always_mfa boolean not null default false,
  created_at timestamptz not null,
  primary key (tenant_id, issuer_id),
  foreign key (tenant_id) references access.tenant
);
create unique index issuer_of_tenant on access.issuer (tenant_id, issuer);
-- All registrations of one issuer are published together. Not unique: that an issuer without a claim has one row only
-- is looked at under an advisory lock, so that no tenant ever learns of another's by a key that is taken.
create index issuer_everywhere on access.issuer (issuer);
-- A subject is unique within its issuer only. Two issuers of a tenant shall never name one person by accident, so
-- at most one of them goes without a prefix.
create unique index issuer_subjects on access.issuer (tenant_id, subject_prefix);
-- As the registry of tenants: the platform's context sees every tenant's.
alter table access.issuer enable row level security;
alter table access.issuer force row level security;
create policy tenant on access.issuer to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[])
    or '00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]))
  with check ('00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]));
-- What a command may delete needs its own policy: `using` alone would let a tenant delete what it sees.
create policy platform_deletes on access.issuer as restrictive for delete to trailkeep_app
  using ('00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, delete on access.issuer to trailkeep_app;

-- A key of a service account has its roles and no scopes.
alter table access.api_key add column service_account text collate "C";
alter table access.api_key add constraint api_key_service_account
  check (service_account is null or (service_account like 'service:%' and scopes = '{}'));
