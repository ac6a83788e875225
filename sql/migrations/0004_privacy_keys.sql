-- Keys by tenant and by subject. Destroying one row's 60 bytes makes every event of that subject unreadable,
-- in every copy and backup-tier of the events.
set local role trailkeep_owner;

create schema privacy;
grant usage on schema privacy to trailkeep_app, trailkeep_sealer, trailkeep_purger;

-- One row is a tenant's key-encryption key, wrapped by KMS under {tenant}. The highest version wraps new data keys.
-- Version 1 stays for ever: names and blind indexes are derived from it.
create table privacy.tenant_key (
  tenant_id uuid not null,
  version integer not null check (version > 0),
  wrapped bytea not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, version)
);
alter table privacy.tenant_key enable row level security;
alter table privacy.tenant_key force row level security;
create policy tenant on privacy.tenant_key to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert on privacy.tenant_key to trailkeep_app;

-- One row is the key of one subject; `key_id` commits to the key and stands in every envelope. `subject_ref` is a
-- keyed hash of the subject's id. When the key is shredded, `wrapped` and `subject_ref` go: the row then says that a
-- key of this id was destroyed and when, and nobody can say whose it was.
create table privacy.subject_key (
  tenant_id uuid not null,
  key_id bytea not null check (length(key_id) = 24),
  subject_ref bytea check (length(subject_ref) = 16),
  tenant_key_version integer,
  wrapped bytea check (length(wrapped) = 60),
  state text not null default 'live' check (state in ('live', 'restricted', 'vaulted', 'shredded')),
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  primary key (tenant_id, key_id),
  check (state in ('live', 'restricted') = (wrapped is not null)),
  check (state <> 'shredded' or subject_ref is null)
);
create unique index subject_key_current on privacy.subject_key (tenant_id, subject_ref)
  where state in ('live', 'restricted');
alter table privacy.subject_key enable row level security;
alter table privacy.subject_key force row level security;
create policy tenant on privacy.subject_key to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (wrapped, subject_ref, tenant_key_version, state, ended_at)
  on privacy.subject_key to trailkeep_app;

-- One row is a subject that was erased. Until the fence is lowered writers seal its fields under keys that nobody
-- keeps; after that only in events that had been received before, for as long as one may still lie in a queue.
create table privacy.fence (
  tenant_id uuid not null,
  subject_ref bytea not null check (length(subject_ref) = 16),
  until timestamptz not null,
  erased_at timestamptz not null default now(),
  lowered boolean not null default false,
  primary key (tenant_id, subject_ref)
);
alter table privacy.fence enable row level security;
alter table privacy.fence force row level security;
create policy tenant on privacy.fence to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, delete, update (until, erased_at, lowered) on privacy.fence to trailkeep_app;

-- One row leads from another name of a subject (an e-mail address, as a keyed hash) to the subject.
create table privacy.subject_alias (
  tenant_id uuid not null,
  alias bytea not null check (length(alias) = 12),
  subject_ref bytea not null check (length(subject_ref) = 16),
  primary key (tenant_id, alias, subject_ref)
);
create index subject_alias_by_subject on privacy.subject_alias (tenant_id, subject_ref);
alter table privacy.subject_alias enable row level security;
alter table privacy.subject_alias force row level security;
create policy tenant on privacy.subject_alias to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, delete on privacy.subject_alias to trailkeep_app;

-- One row finds a critical event by a token other than its actor's: e-mail address, IP address, a person it concerns.
-- Equality of texts is leakproof, so the index works under row-level security.
create table record.event_token (
  tenant_id uuid not null,
  token text collate "C" not null,
  occurred_at timestamptz not null,
  event_id uuid not null,
  primary key (tenant_id, token, occurred_at, event_id)
);
alter table record.event_token enable row level security;
alter table record.event_token force row level security;
create policy tenant on record.event_token to trailkeep_app, trailkeep_purger
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert on record.event_token to trailkeep_app;
grant select, delete on record.event_token to trailkeep_purger;
