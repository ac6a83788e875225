-- What data subjects ask for, what forbids destroying, what was retained all the same, and who was given a copy.
set local role trailkeep_owner;

-- One row is one request of a data subject (GDPR Art. 15 to 20). The subject's id and address are sealed under the
-- subject's own key, so they die with it; `subject_ref` is the keyed hash, and is forgotten when an erasure is done.
-- Times and principals of each step stand in columns, so that the database itself refuses what one person did alone.
create table privacy.request (
  tenant_id uuid not null,
  id uuid not null,
  version integer not null default 1 check (version > 0),
  type text not null check (type in ('access', 'portability', 'erasure', 'rectification', 'restriction')),
  state text not null check (state in ('received', 'verified', 'approved', 'held', 'executing', 'fencing',
    'completed', 'partially_completed', 'refused', 'cancelled')),
  subject_ref bytea check (length(subject_ref) = 16),
  subject_box text not null,
  contact_box text,
  opened_by text not null,
  opened_at timestamptz not null,
  due_at timestamptz not null,
  identity_verified_by text,
  identity_verified_at timestamptz,
  identity_method text,
  approved_by text,
  approved_at timestamptz,
  extended_at timestamptz,
  extension_reason text,
  -- Until then writers may still hold the destroyed keys.
  fence_until timestamptz,
  ended_at timestamptz,
  -- Options, counts, package, certificate. `json`: nobody looks inside.
  document json not null,
  primary key (tenant_id, id),
  check ((identity_verified_by is null) = (identity_verified_at is null)),
  check ((approved_by is null) = (approved_at is null)),
  check (approved_by is null or (identity_verified_by is not null
    and approved_by <> identity_verified_by and approved_by <> opened_by)),
  check (state not in ('approved', 'held', 'executing', 'fencing', 'completed', 'partially_completed')
    or approved_by is not null),
  check ((extended_at is null) = (extension_reason is null)),
  check ((state in ('completed', 'partially_completed', 'refused', 'cancelled')) = (ended_at is not null)),
  check (type <> 'erasure' or state not in ('completed', 'partially_completed') or subject_ref is null)
);
create index request_open on privacy.request (tenant_id, id) where ended_at is null;
create index request_by_subject on privacy.request (tenant_id, subject_ref) where subject_ref is not null;
alter table privacy.request enable row level security;
alter table privacy.request force row level security;
create policy tenant on privacy.request to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (version, state, subject_ref, due_at, identity_verified_by, identity_verified_at,
  identity_method, approved_by, approved_at, extended_at, extension_reason, fence_until, ended_at, document)
  on privacy.request to trailkeep_app;

-- One row is a legal hold. It counts from its insert on: waiting for a second person would let go what it protects.
-- Releasing takes two. `subjects` are the sealed ids of the subjects that it names, `filter` is kept as it was put.
create table privacy.legal_hold (
  tenant_id uuid not null,
  id uuid not null,
  matter text not null,
  custodian text not null,
  scope text not null check (scope in ('all', 'subjects', 'filter')),
  subject_refs bytea[],
  subjects json,
  filter json,
  placed_by text not null,
  placed_at timestamptz not null,
  release_asked_by text,
  release_asked_at timestamptz,
  released_by text,
  released_at timestamptz,
  primary key (tenant_id, id),
  check ((scope = 'subjects') = (subject_refs is not null)),
  check ((scope = 'filter') = (filter is not null)),
  check ((release_asked_by is null) = (release_asked_at is null)),
  check ((released_by is null) = (released_at is null)),
  check (released_by is null or (release_asked_by is not null and released_by <> release_asked_by))
);
create index legal_hold_active on privacy.legal_hold (tenant_id) where released_at is null;
alter table privacy.legal_hold enable row level security;
alter table privacy.legal_hold force row level security;
create policy tenant on privacy.legal_hold to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (subject_refs, subjects, release_asked_by, release_asked_at, released_by, released_at)
  on privacy.legal_hold to trailkeep_app;

-- One row is a subject's key that outlives an erasure for a legal reason (Art. 17(3)): the 60 bytes of
-- privacy.subject_key, wrapped once more by the vault's own KMS key. It is destroyed when `retain_until` is over.
create table privacy.vault_key (
  tenant_id uuid not null,
  key_id bytea not null check (length(key_id) = 24),
  tenant_key_version integer not null,
  wrapped bytea not null,
  request uuid not null,
  legal_basis text not null check (legal_basis in ('art17_3_a_expression', 'art17_3_b_legal_obligation',
    'art17_3_c_public_health', 'art17_3_d_archiving_research', 'art17_3_e_legal_claims')),
  reference text not null,
  retain_until timestamptz not null,
  vaulted_at timestamptz not null default now(),
  primary key (tenant_id, key_id)
);
create index vault_key_by_end on privacy.vault_key (tenant_id, retain_until);
alter table privacy.vault_key enable row level security;
alter table privacy.vault_key force row level security;
create policy tenant on privacy.vault_key to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, delete on privacy.vault_key to trailkeep_app;

-- One row says who was given a subject's data, when and how, so that Art. 19 can be kept: when the subject is erased,
-- `notice_due_at` is set and `subject_ref` goes. The recipient knows the delivery by its id, which travels with it.
create table privacy.delivery (
  tenant_id uuid not null,
  id uuid not null,
  subject_ref bytea check (length(subject_ref) = 16),
  recipient text not null,
  kind text not null check (kind in ('package', 'export', 'webhook')),
  reference text not null,
  delivered_at timestamptz not null,
  notice_request uuid,
  notice_due_at timestamptz,
  notice_sent_at timestamptz,
  primary key (tenant_id, id),
  check ((notice_request is null) = (notice_due_at is null)),
  check (notice_due_at is null or subject_ref is null)
);
create index delivery_by_subject on privacy.delivery (tenant_id, subject_ref) where subject_ref is not null;
create index delivery_notice on privacy.delivery (tenant_id, notice_due_at)
  where notice_due_at is not null and notice_sent_at is null;
alter table privacy.delivery enable row level security;
alter table privacy.delivery force row level security;
create policy tenant on privacy.delivery to trailkeep_app
  using (tenant_id = any ((select sec.ctx_tenants())::uuid[]));
grant select, insert, update (subject_ref, notice_request, notice_due_at, notice_sent_at)
  on privacy.delivery to trailkeep_app;
