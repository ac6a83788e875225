-- The registry: tenants, their projects, environments, keys and policy.
set local role trailkeep_owner;

-- One row is one customer whose events are kept apart from all others'. The platform's context (the nil uuid) sees
-- every tenant, and sees nothing else of theirs: no other policy has that clause.
create table access.tenant (
  tenant_id uuid primary key check (tenant_id <> '00000000-0000-0000-0000-000000000000'),
  name text not null,
  created_at timestamptz not null
);
alter table access.tenant enable row level security;
alter table access.tenant force row level security;
create policy tenant on access.tenant to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[])
    or '00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]))
  with check ('00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (name) on access.tenant to trailkeep_app;

-- One row is a project of a tenant. The id is the tenant's own word for it: keys and events carry it.
create table access.project (
  tenant_id uuid not null,
  project_id text collate "C" not null,
  name text not null,
  created_at timestamptz not null,
  primary key (tenant_id, project_id)
);
alter table access.project enable row level security;
alter table access.project force row level security;
create policy tenant on access.project to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert on access.project to trailkeep_app;

-- One row is an environment of a project: production, staging.
create table access.environment (
  tenant_id uuid not null,
  project_id text collate "C" not null,
  environment_id text collate "C" not null,
  name text not null,
  created_at timestamptz not null,
  primary key (tenant_id, project_id, environment_id),
  foreign key (tenant_id, project_id) references access.project
);
alter table access.environment enable row level security;
alter table access.environment force row level security;
create policy tenant on access.environment to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert on access.environment to trailkeep_app;

-- One row is an API key. Only hashes: the secret is shown once and stored nowhere. The platform's own keys have the
-- nil uuid as their tenant, so there is no foreign key to access.tenant. Rows stay after a revocation: events name
-- the key that sent them.
create table access.api_key (
  tenant_id uuid not null,
  key_id text collate "C" not null,
  name text not null,
  secret_hash bytea not null check (length(secret_hash) = 32),
  previous_hash bytea check (length(previous_hash) = 32),
  previous_until timestamptz,
  scopes text[] not null,
  project text,
  environment text,
  events_per_second integer not null check (events_per_second > 0),
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  primary key (tenant_id, key_id),
  check ((previous_hash is null) = (previous_until is null))
);
alter table access.api_key enable row level security;
alter table access.api_key force row level security;
create policy tenant on access.api_key to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (secret_hash, previous_hash, previous_until, revoked_at, last_used_at)
  on access.api_key to trailkeep_app;

-- One row is what a tenant decides for itself: catalogue rules, tiers, schemas. `json` and not `jsonb`: a JSON
-- Schema may hold \u0000, which jsonb refuses, and nobody looks inside. `version` counts up with every put.
create table access.tenant_policy (
  tenant_id uuid primary key,
  version integer not null check (version > 0),
  document json not null
);
alter table access.tenant_policy enable row level security;
alter table access.tenant_policy force row level security;
create policy tenant on access.tenant_policy to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (version, document) on access.tenant_policy to trailkeep_app;
