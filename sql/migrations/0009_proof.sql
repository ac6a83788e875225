-- The log: the order of leaves is fixed by the commit of their events, and what is sealed of them is kept here.

-- Recovery after a restore renumbers parts and replaces rows; nobody else may, so it has a login of its own.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'trailkeep_recovery') then
      create role trailkeep_recovery nosuperuser nocreatedb nocreaterole nobypassrls login;
    end if;
  exception when duplicate_object or unique_violation then
    null;
  end;
  if exists (select from pg_roles where rolname = 'rds_iam')
     and not pg_has_role('trailkeep_recovery', 'rds_iam', 'member') then
    grant rds_iam to trailkeep_recovery;
  end if;
end $$;

set local role trailkeep_owner;

create schema proof;
grant usage on schema proof to trailkeep_app, trailkeep_sealer, trailkeep_recovery;
grant usage on schema sec, access, record to trailkeep_recovery;
grant execute on function sec.ctx_tenants() to trailkeep_recovery;

-- How many leaves a tenant's log has been promised, and the time of the last (ms since 1970), which never decreases.
alter table record.tenant_counter
  add column leaves bigint not null default 0,
  add column last_time bigint not null default 0;
grant update (leaves, last_time) on record.tenant_counter to trailkeep_app;

-- Index of a part's first leaf; its events follow in the order they have in the segment. NULL: committed before there
-- were logs.
alter table record.segment_part add column first_leaf bigint;
-- The part that may hold an id, of either tier: a proof begins with it.
create index segment_part_by_any_id on record.segment_part (tenant_id, max_id, min_id);
drop index record.segment_part_by_id;
-- From a leaf to its part.
create unique index segment_part_by_leaf on record.segment_part (tenant_id, first_leaf);

-- One row is a queue message whose events are committed: when it is delivered again, nothing is added. A digest tells
-- nothing of its message, so there is no tenant and no row-level security. Rows outlive the queues' retention.
-- `segment_id`: where its events are, so that the rescue of another segment with them knows what is left of that one.
create table record.message (
  digest bytea primary key check (length(digest) = 32),
  segment_id uuid not null,
  stored_at timestamptz not null default now()
);
create index message_by_time on record.message using brin (stored_at);
grant select, insert, delete on record.message to trailkeep_app;
grant select, insert on record.message to trailkeep_recovery;

-- Recovery of one tenant's log adopts that tenant's part of a segment: `partial` says that others of its parts may wait
-- to be adopted, and `tenants` has those that were.
alter table record.segment add column partial boolean not null default false;
grant update (announced_at, tenants, partial) on record.segment to trailkeep_app;

-- One row is the database's incarnation. A restore brings an old one back; recovery writes a new one, here and on S3.
create table proof.incarnation (
  id smallint primary key check (id = 1),
  incarnation uuid not null,
  since timestamptz not null default now()
);
insert into proof.incarnation (id, incarnation) values (1, gen_random_uuid());
grant select on proof.incarnation to trailkeep_app, trailkeep_sealer, trailkeep_recovery;
grant update (incarnation, since) on proof.incarnation to trailkeep_recovery;

-- One row is a tenant's Merkle log. `edge` is the right edge of the tree, from which the next root follows; it can be
-- read again from S3.
create table proof.log (
  tenant_id uuid primary key,
  slug text collate "C" not null check (slug ~ '^[a-z2-7]{26}$'),
  origin text collate "C" not null,
  state text collate "C" not null default 'initializing'
    check (state in ('initializing', 'active', 'frozen', 'retired')),
  epoch integer not null default 0,
  size bigint not null default 0,
  root bytea not null check (length(root) = 32),
  edge bytea not null default '',
  archived_size bigint not null default 0,
  published_size bigint not null default 0,
  frozen_at timestamptz,
  frozen_reason text,
  -- Since when a recovery has worked on it; another one leaves it alone for as long as that one can last.
  recovering_since timestamptz,
  created_at timestamptz not null default now(),
  check (published_size <= archived_size and archived_size <= size),
  check ((state = 'frozen') = (frozen_at is not null) and (frozen_at is null) = (frozen_reason is null))
);
alter table proof.log enable row level security;
alter table proof.log force row level security;
create policy tenant on proof.log to trailkeep_app, trailkeep_sealer, trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on proof.log to trailkeep_app;
grant select, insert, update (state, size, root, edge, archived_size, published_size, frozen_at, frozen_reason)
  on proof.log to trailkeep_sealer;
grant select, update (state, epoch, size, root, edge, archived_size, published_size, frozen_at, frozen_reason,
  recovering_since) on proof.log to trailkeep_recovery;

-- One row is the leaves of one part, written by the commit of its events and gone when a checkpoint that covers them is
-- archived. `leaves`: 49 bytes each: kind (one letter), event id (16), commitment (32).
create table proof.outbox (
  tenant_id uuid not null,
  first_leaf bigint not null,
  events integer not null check (events > 0),
  seq bigint not null,
  tier smallint not null,
  time bigint not null,
  leaves bytea not null,
  committed_at timestamptz not null default now(),
  primary key (tenant_id, first_leaf),
  check (length(leaves) = 49 * events)
);
-- Commitments are random bits.
alter table proof.outbox alter column leaves set storage external;
alter table proof.outbox enable row level security;
alter table proof.outbox force row level security;
create policy tenant on proof.outbox to trailkeep_app, trailkeep_sealer, trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert on proof.outbox to trailkeep_app;
grant select, delete on proof.outbox to trailkeep_sealer;
grant select, insert, delete, update (first_leaf, seq, time) on proof.outbox to trailkeep_recovery;

-- One row is a size that may be signed, with the only root it may be signed with, and the signed note.
create table proof.checkpoint (
  tenant_id uuid not null,
  size bigint not null,
  root bytea not null check (length(root) = 32),
  epoch integer not null,
  note text,
  claimed_at timestamptz not null default now(),
  signed_at timestamptz,
  primary key (tenant_id, size)
);
alter table proof.checkpoint enable row level security;
alter table proof.checkpoint force row level security;
create policy tenant on proof.checkpoint to trailkeep_app, trailkeep_sealer, trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on proof.checkpoint to trailkeep_app;
grant select, insert, update (note, signed_at) on proof.checkpoint to trailkeep_sealer;
-- What is archived on S3 wins over what a restored database had claimed.
grant select, insert, update (root, epoch, note, signed_at) on proof.checkpoint to trailkeep_recovery;

-- The sealer looks for tenants that have something to seal, in the platform's context.
create policy sealer on access.tenant for select to trailkeep_sealer
  using ('00000000-0000-0000-0000-000000000000'::uuid = any ((select sec.ctx_tenants())::uuid[]));
grant select (tenant_id) on access.tenant to trailkeep_sealer;
create policy sealer on record.tenant_counter for select to trailkeep_sealer
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select on record.tenant_counter to trailkeep_sealer;

-- What recovery writes besides.
create policy recovery on record.tenant_counter to trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
create policy recovery on record.segment_part to trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
create policy recovery on record.event to trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (seq, leaves, last_time) on record.tenant_counter to trailkeep_recovery;
grant select, insert, delete, update (seq, first_leaf) on record.segment_part to trailkeep_recovery;
grant select, insert, delete on record.event to trailkeep_recovery;
grant select, insert, update (announced_at, tenants, partial) on record.segment to trailkeep_recovery;
create policy recovery on record.event_token to trailkeep_recovery
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, delete on record.event_token to trailkeep_recovery;
grant execute on function record.ensure_partitions(date, integer) to trailkeep_recovery;
