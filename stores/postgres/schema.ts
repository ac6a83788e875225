/** The schema as text, from the catalogue: for reading and for comparing, not for restoring. */
import type { Sql } from 'postgres';

/** Our schemas; partitions are left out, they come and go with the months. */
const ours = `n.nspname in ('sec', 'access', 'record', 'privacy', 'proof', 'archive', 'jobs', 'costs')`;

/** One statement a line or block, in an order that depends on names alone. */
export async function dumpSchema(sql: Pick<Sql, 'unsafe'>): Promise<string> {
  const lines = async (query: string) => (await sql.unsafe(query)).map((row) => String(row.line));
  const tables = await sql.unsafe(`select c.oid::int as oid, n.nspname || '.' || c.relname as name,
      pg_get_userbyid(c.relowner) as owner, c.relrowsecurity, c.relforcerowsecurity,
      coalesce(' partition by ' || pg_get_partkeydef(c.oid), '') as partition
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where ${ours} and c.relkind in ('r', 'p') and not c.relispartition order by 2`);
  const blocks: string[] = ['-- Made by `npm run schema` from sql/migrations; do not edit.'];
  for (const { oid, name, owner, relrowsecurity, relforcerowsecurity, partition } of tables) {
    const columns = await lines(`select a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || coalesce(' collate "' || nullif(l.collname, 'default') || '"', '')
        || case when a.attstorage <> t.typstorage then ' storage ' || a.attstorage::text else '' end
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
        || case when a.attnotnull then ' not null' else '' end as line
      from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_collation l on l.oid = a.attcollation
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = ${oid} and a.attnum > 0 and not a.attisdropped order by a.attnum`);
    const constraints = await lines(`select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) as line
      from pg_constraint where conrelid = ${oid} order by conname`);
    const indexes = await lines(`select pg_get_indexdef(i.indexrelid) || ';' as line from pg_index i
      join pg_class c on c.oid = i.indexrelid where i.indrelid = ${oid} and not exists
        (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u')) order by c.relname`);
    const policies = await lines(`select 'create policy ' || polname || ' on ${name} for ' || polcmd::text || ' to '
        || (select string_agg(rolname, ', ' order by rolname) from pg_roles where oid = any (polroles))
        || coalesce(E'\\n  using ' || pg_get_expr(polqual, polrelid), '')
        || coalesce(E'\\n  with check ' || pg_get_expr(polwithcheck, polrelid), '') || ';' as line
      from pg_policy where polrelid = ${oid} order by polname`);
    const grants =
      await lines(`select 'grant ' || string_agg(privilege, ', ' order by privilege) || ' on ${name} to ' || grantee || ';' as line
      from (
        select a.privilege_type as privilege, pg_get_userbyid(a.grantee) as grantee
        from pg_class c, aclexplode(c.relacl) a where c.oid = ${oid} and a.grantee <> c.relowner
        union all
        select a.privilege_type || ' (' || string_agg(t.attname, ', ' order by t.attname) || ')', pg_get_userbyid(a.grantee)
        from pg_attribute t, aclexplode(t.attacl) a where t.attrelid = ${oid} group by a.privilege_type, a.grantee
      ) g group by grantee order by grantee`);
    const triggers = await lines(`select pg_get_triggerdef(oid) || ';' as line from pg_trigger
      where tgrelid = ${oid} and not tgisinternal order by tgname`);
    blocks.push(
      [
        `create table ${name} (\n  ${[...columns, ...constraints].join(',\n  ')}\n)${partition};`,
        `alter table ${name} owner to ${owner};`,
        ...(relrowsecurity ? [`alter table ${name} enable row level security;`] : []),
        ...(relforcerowsecurity ? [`alter table ${name} force row level security;`] : []),
        ...indexes,
        ...policies,
        ...grants,
        ...triggers,
      ].join('\n'),
    );
  }
  blocks.push(
    ...(await lines(`select 'create ' || case c.relkind when 'm' then 'materialized ' else '' end || 'view ' || v.name
        || coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '') || E' as\\n'
        || pg_get_viewdef(c.oid) || E'\\nalter ' || case c.relkind when 'm' then 'materialized ' else '' end || 'view '
        || v.name || ' owner to ' || pg_get_userbyid(c.relowner) || ';'
        || coalesce((select string_agg(E'\\n' || pg_get_indexdef(indexrelid) || ';', '' order by indexrelid::regclass::text)
          from pg_index where indrelid = c.oid), '')
        || coalesce((select string_agg(E'\\ngrant ' || g.privileges || ' on ' || v.name || ' to ' || g.grantee || ';', ''
            order by g.grantee)
          from (select string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges,
              pg_get_userbyid(a.grantee) as grantee
            from aclexplode(c.relacl) a where a.grantee <> c.relowner group by a.grantee) g), '') as line
      from pg_class c join pg_namespace n on n.oid = c.relnamespace, lateral (select n.nspname || '.' || c.relname as name) v
      where (${ours} or n.nspname = 'public') and c.relkind in ('v', 'm') order by v.name`)),
    ...(await lines(`select rtrim(pg_get_functiondef(p.oid)) || E';\\nalter function ' || p.oid::regprocedure || ' owner to '
        || pg_get_userbyid(p.proowner) || ';' || coalesce((select string_agg(E'\\ngrant execute on function '
          || p.oid::regprocedure || ' to ' || coalesce(nullif(a.grantee, 0)::regrole::text, 'public') || ';', ''
          order by coalesce(nullif(a.grantee, 0)::regrole::text, 'public'))
          from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee <> p.proowner), '') as line
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${ours} order by p.oid::regprocedure::text`)),
  );
  return `${blocks.join('\n\n')}\n`;
}
