-- How old a replica's rows are, told by a row like all others: it works alike on Aurora's readers and on PostgreSQL's
-- own standbys, with an idle writer and with a replica that lost it.

set local role trailkeep_owner;

-- One row: when somebody last asked the writer to write down its time. A replica that shows `at` shows everything that
-- was committed before. Only reads from replicas beat, so that an idle database may pause.
create table record.pulse (
  id smallint primary key default 1 check (id = 1),
  at timestamptz not null
);
insert into record.pulse (at) values ('-infinity');
grant select on record.pulse to trailkeep_app;

-- Nobody writes a time of its own: with one from the future replicas would never be too old.
-- However many ask, the row is written once in `least_ms`; the others wait for nothing.
create function record.beat(least_ms integer) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update record.pulse set at = clock_timestamp()
    where id = (select id from record.pulse where at < clock_timestamp() - make_interval(secs => least_ms / 1000.0)
      for update skip locked);
$$;
revoke all on function record.beat(integer) from public;
grant execute on function record.beat(integer) to trailkeep_app;
