-- The mover: who copies a tenant's rows from one shard to another, and deletes those that are left behind. It is made only
-- where there is a shard, on every cluster and at every deployment, so that tables of later migrations are its too.
do $$
declare
  name text;
begin
  begin
    if not exists (select from pg_roles where rolname = 'trailkeep_mover') then
      create role trailkeep_mover nosuperuser nocreatedb nocreaterole nobypassrls login;
    end if;
  exception when duplicate_object or unique_violation then
    null;
  end;
  if exists (select from pg_roles where rolname = 'rds_iam')
     and not pg_has_role('trailkeep_mover', 'rds_iam', 'member') then
    grant rds_iam to trailkeep_mover;
  end if;
end $$;

set local role trailkeep_owner;

do $$
declare
  name text;
begin
  for name in select nspname from pg_namespace n
    where exists (select from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
      where c.relnamespace = n.oid and pg_get_userbyid(c.relowner) = 'trailkeep_owner')
  loop
    execute format('grant usage on schema %I to trailkeep_mover', name);
    if name not in ('access', 'sec', 'public') then
      execute format('grant select, usage, update on all sequences in schema %I to trailkeep_mover', name);
    end if;
  end loop;
  -- What is a tenant's, for one tenant at a time.
  for name in
    select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where n.nspname not in ('access', 'public') and c.relkind in ('r', 'p') and not c.relispartition
      and pg_get_userbyid(c.relowner) = 'trailkeep_owner'
    union select 'access.move'
  loop
    if not exists (select from pg_policy where polrelid = name::regclass and polname = 'mover') then
      execute format('create policy mover on %s to trailkeep_mover
        using (tenant_id = any ((select sec.ctx_tenants())::uuid[]))', name);
    end if;
    execute format('grant select, insert, update, delete on %s to trailkeep_mover', name);
  end loop;
  if not exists (select from pg_policy where polrelid = 'access.tenant'::regclass and polname = 'mover') then
    create policy mover on access.tenant to trailkeep_mover
      using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
  end if;
  if not exists (select from pg_policy where polrelid = 'access.move'::regclass and polname = 'due') then
    create policy due on access.move for select to trailkeep_mover
      using ('00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]));
  end if;
end $$;

grant execute on function sec.ctx_tenants() to trailkeep_mover;
grant select (tenant_id, shard), update (shard) on access.tenant to trailkeep_mover;
-- Segments and messages are of all tenants: those that the tenant's parts name are copied.
grant select, insert on record.segment, record.message to trailkeep_mover;
grant select on archive.hot_floor, archive.dropped_month to trailkeep_mover;
grant execute on function record.ensure_partitions(date, integer), archive.take_floor(uuid, json) to trailkeep_mover;
