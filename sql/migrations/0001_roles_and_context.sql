-- Who works here, and how a transaction proves for which tenants it works.

-- Roles belong to the whole cluster, so another database may have made them already, or make them right now.
-- trailkeep_owner owns everything and cannot log in: nobody works with the rights that could switch off
-- row-level security. The others log in with an IAM token and own nothing.
do $$
declare
  name text;
begin
  foreach name in array array['trailkeep_owner', 'trailkeep_app', 'trailkeep_sealer', 'trailkeep_purger'] loop
    begin
      if not exists (select from pg_roles where rolname = name) then
        execute format('create role %I nosuperuser nocreatedb nocreaterole nobypassrls %s', name,
          case when name = 'trailkeep_owner' then 'nologin' else 'login' end);
      end if;
    exception when duplicate_object or unique_violation then
      null;
    end;
    -- Aurora's switch for IAM authentication; a plain PostgreSQL has no such role.
    if name <> 'trailkeep_owner' and exists (select from pg_roles where rolname = 'rds_iam')
       and not pg_has_role(name, 'rds_iam', 'member') then
      execute format('grant rds_iam to %I', name);
    end if;
  end loop;
  -- The login that migrates makes every object as trailkeep_owner.
  if not (select rolsuper from pg_roles where rolname = current_user)
     and not pg_has_role(current_user, 'trailkeep_owner', 'set') then
    execute format('grant trailkeep_owner to %I with inherit true, set true', current_user);
  end if;
  execute format('grant create on database %I to trailkeep_owner', current_database());
end $$;

-- pgcrypto has a schema of its own, so that no search_path reaches it by chance.
create schema if not exists crypto;
create extension if not exists pgcrypto with schema crypto;
grant usage on schema crypto to trailkeep_owner;
revoke create on schema public from public;

set local role trailkeep_owner;

create schema sec;
create schema access;
create schema record;
grant usage on schema sec, access, record to trailkeep_app, trailkeep_sealer, trailkeep_purger;

-- One row: the key that signs tenant contexts, derived from the root secret. Nobody but the owner reads it, so
-- SQL injected into a query cannot make a context for another tenant.
create table sec.context_key (
  id smallint primary key check (id = 1),
  key bytea not null check (length(key) = 32)
);

-- The tenants that this transaction works for. `app.ctx` is '<tenant>[,<tenant>…].<expiry, epoch seconds>.<hex
-- HMAC-SHA256 of what comes before the last dot>'. NULL when it is missing, forged or expired, and nothing equals
-- any(NULL): fail closed. After a COMMIT the setting is '' and not NULL; both end here as NULL.
-- now() is the start of the transaction: a context is good for a whole transaction or not at all.
-- Policies call it as (select sec.ctx_tenants()): evaluated once a statement, and the index is still used.
create function sec.ctx_tenants() returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  parts text[] := string_to_array(current_setting('app.ctx', true), '.');
begin
  if cardinality(parts) is distinct from 3 or parts[2] !~ '^[0-9]{1,12}$' then
    return null;
  end if;
  if parts[2]::bigint < extract(epoch from now()) then
    return null;
  end if;
  if encode(crypto.hmac(convert_to(parts[1] || '.' || parts[2], 'UTF8'),
       (select key from sec.context_key where id = 1), 'sha256'), 'hex') is distinct from parts[3] then
    return null;
  end if;
  return string_to_array(parts[1], ',')::uuid[];
end $$;
revoke all on function sec.ctx_tenants() from public;
grant execute on function sec.ctx_tenants() to trailkeep_app, trailkeep_sealer, trailkeep_purger;
