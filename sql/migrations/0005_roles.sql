-- What a tenant grants, to whom, until when; and the versions that caches of it go by.
set local role trailkeep_owner;

-- One row is a role of a tenant's own. The built-in templates are no rows: they come with the code. `document` is the
-- role as it was put, but for its id.
create table access.role (
  tenant_id uuid not null,
  role_id text collate "C" not null check (length(role_id) between 1 and 64 and role_id not like 'trailkeep:%'),
  document json not null,
  updated_at timestamptz not null,
  primary key (tenant_id, role_id)
);
alter table access.role enable row level security;
alter table access.role force row level security;
create policy tenant on access.role to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, delete, update (document, updated_at) on access.role to trailkeep_app;

-- One row gives a user a role. No foreign key to access.role: a role may be a template. Rows stay after their end, as
-- the record of who once held what; `revoked_at` is set once.
create table access.assignment (
  tenant_id uuid not null,
  assignment_id uuid not null,
  user_id text collate "C" not null check (length(user_id) between 1 and 256 and user_id <> '*'),
  role_id text collate "C" not null,
  module text collate "C",
  reason text,
  granted_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz check (expires_at > created_at),
  revoked_at timestamptz,
  primary key (tenant_id, assignment_id)
);
-- What a check loads, and the lists by user and by role in order of their ids. Ended rows are left out of the first.
create index assignment_live on access.assignment (tenant_id, user_id) where revoked_at is null;
create index assignment_by_user on access.assignment (tenant_id, user_id, assignment_id);
create index assignment_by_role on access.assignment (tenant_id, role_id, assignment_id);
alter table access.assignment enable row level security;
alter table access.assignment force row level security;
create policy tenant on access.assignment to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (revoked_at) on access.assignment to trailkeep_app;

-- One row is a permission that a tenant's application knows: for people who make roles. A check does not read it.
create table access.permission (
  tenant_id uuid not null,
  module text collate "C" not null,
  name text collate "C" not null,
  description text,
  primary key (tenant_id, module, name)
);
alter table access.permission enable row level security;
alter table access.permission force row level security;
create policy tenant on access.permission to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, delete, update (description) on access.permission to trailkeep_app;

-- One row says how often something changed that a user's permissions follow from; of the principal '*', that all
-- users' follow from. Nobody but the triggers writes it, and it only grows: a cache that saw a version never again
-- meets other permissions under it. The owner has the policy because its functions are held to it, too.
create table access.permission_version (
  tenant_id uuid not null,
  principal text collate "C" not null,
  version bigint not null check (version > 0),
  primary key (tenant_id, principal)
);
alter table access.permission_version enable row level security;
alter table access.permission_version force row level security;
create policy tenant on access.permission_version to trailkeep_app, trailkeep_owner
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on access.permission_version to trailkeep_app;

-- Raises the version in the transaction of the change: whoever sees the change sees the version, and the other way
-- round. It is at least the time in µs, so that a database restored to yesterday hands out no version a second time
-- for other permissions, which a cache may still hold. A definer, because the application may not write versions.
create function access.raise_permission_version() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  of_tenant uuid := case when tg_op = 'DELETE' then old.tenant_id else new.tenant_id end;
  of_principal text := '*';
  at_least bigint := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
begin
  if tg_table_name = 'assignment' then
    of_principal := new.user_id;
  end if;
  insert into access.permission_version as held (tenant_id, principal, version) values (of_tenant, of_principal, at_least)
    on conflict (tenant_id, principal) do update set version = greatest(held.version + 1, at_least);
  return null;
end $$;
revoke all on function access.raise_permission_version() from public;

create trigger raise_permission_version after insert or update or delete on access.role
  for each row execute function access.raise_permission_version();
create trigger raise_permission_version after insert or update on access.assignment
  for each row execute function access.raise_permission_version();
