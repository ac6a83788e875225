-- Made by `npm run schema` from sql/migrations; do not edit.

create table access.api_key (
  tenant_id uuid not null,
  key_id text collate "C" not null,
  name text not null,
  secret_hash bytea not null,
  previous_hash bytea,
  previous_until timestamp with time zone,
  scopes text[] not null,
  project text,
  environment text,
  events_per_second integer not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  service_account text collate "C",
  constraint api_key_check CHECK (((previous_hash IS NULL) = (previous_until IS NULL))),
  constraint api_key_events_per_second_check CHECK ((events_per_second > 0)),
  constraint api_key_pkey PRIMARY KEY (tenant_id, key_id),
  constraint api_key_previous_hash_check CHECK ((length(previous_hash) = 32)),
  constraint api_key_secret_hash_check CHECK ((length(secret_hash) = 32)),
  constraint api_key_service_account CHECK (((service_account IS NULL) OR ((service_account ~~ 'service:%'::text) AND (scopes = '{}'::text[]))))
);
alter table access.api_key owner to trailkeep_owner;
alter table access.api_key enable row level security;
alter table access.api_key force row level security;
create policy tenant on access.api_key for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (last_used_at, previous_hash, previous_until, revoked_at, secret_hash) on access.api_key to trailkeep_app;

create table access.assignment (
  tenant_id uuid not null,
  assignment_id uuid not null,
  user_id text collate "C" not null,
  role_id text collate "C" not null,
  module text collate "C",
  reason text,
  granted_by text not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  constraint assignment_check CHECK ((expires_at > created_at)),
  constraint assignment_pkey PRIMARY KEY (tenant_id, assignment_id),
  constraint assignment_user_id_check CHECK ((((length(user_id) >= 1) AND (length(user_id) <= 256)) AND (user_id <> '*'::text)))
);
alter table access.assignment owner to trailkeep_owner;
alter table access.assignment enable row level security;
alter table access.assignment force row level security;
CREATE INDEX assignment_by_role ON access.assignment USING btree (tenant_id, role_id, assignment_id);
CREATE INDEX assignment_by_user ON access.assignment USING btree (tenant_id, user_id, assignment_id);
CREATE INDEX assignment_live ON access.assignment USING btree (tenant_id, user_id) WHERE (revoked_at IS NULL);
create policy tenant on access.assignment for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (revoked_at) on access.assignment to trailkeep_app;
CREATE TRIGGER raise_permission_version AFTER INSERT OR UPDATE ON access.assignment FOR EACH ROW EXECUTE FUNCTION access.raise_permission_version();

create table access.break_glass (
  tenant_id uuid not null,
  break_glass_id uuid not null,
  principal text collate "C" not null,
  reason text not null,
  ticket text,
  began_at timestamp with time zone not null,
  until timestamp with time zone not null,
  ended_at timestamp with time zone,
  reviewed_at timestamp with time zone,
  reviewed_by text collate "C",
  verdict text,
  comment text,
  constraint break_glass_check CHECK (((until > began_at) AND (until <= (began_at + '01:00:00'::interval)))),
  constraint break_glass_check1 CHECK ((ended_at >= began_at)),
  constraint break_glass_check2 CHECK ((reviewed_by <> principal)),
  constraint break_glass_check3 CHECK ((num_nulls(reviewed_at, reviewed_by, verdict, comment) = ANY (ARRAY[0, 4]))),
  constraint break_glass_pkey PRIMARY KEY (tenant_id, break_glass_id),
  constraint break_glass_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 1000))),
  constraint break_glass_verdict_check CHECK ((verdict = ANY (ARRAY['justified'::text, 'unjustified'::text])))
);
alter table access.break_glass owner to trailkeep_owner;
alter table access.break_glass enable row level security;
alter table access.break_glass force row level security;
CREATE INDEX break_glass_of ON access.break_glass USING btree (tenant_id, principal, until);
CREATE INDEX break_glass_unreviewed ON access.break_glass USING btree (tenant_id, break_glass_id) WHERE (reviewed_at IS NULL);
create policy tenant on access.break_glass for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (comment, ended_at, reviewed_at, reviewed_by, verdict) on access.break_glass to trailkeep_app;

create table access.environment (
  tenant_id uuid not null,
  project_id text collate "C" not null,
  environment_id text collate "C" not null,
  name text not null,
  created_at timestamp with time zone not null,
  constraint environment_pkey PRIMARY KEY (tenant_id, project_id, environment_id),
  constraint environment_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES access.project(tenant_id, project_id)
);
alter table access.environment owner to trailkeep_owner;
alter table access.environment enable row level security;
alter table access.environment force row level security;
create policy tenant on access.environment for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on access.environment to trailkeep_app;

create table access.issuer (
  tenant_id uuid not null,
  issuer_id uuid not null,
  issuer text collate "C" not null,
  name text not null,
  audience text[] not null,
  tenant_claim text,
  subject_prefix text collate "C" default ''::text not null,
  always_mfa boolean default false not null,
  created_at timestamp with time zone not null,
  constraint issuer_audience_check CHECK ((cardinality(audience) > 0)),
  constraint issuer_pkey PRIMARY KEY (tenant_id, issuer_id),
  constraint issuer_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES access.tenant(tenant_id)
);
alter table access.issuer owner to trailkeep_owner;
alter table access.issuer enable row level security;
alter table access.issuer force row level security;
CREATE INDEX issuer_everywhere ON access.issuer USING btree (issuer);
CREATE UNIQUE INDEX issuer_of_tenant ON access.issuer USING btree (tenant_id, issuer);
CREATE UNIQUE INDEX issuer_subjects ON access.issuer USING btree (tenant_id, subject_prefix);
create policy platform_deletes on access.issuer for d to trailkeep_app
  using ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on access.issuer for * to trailkeep_app
  using ((tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[])) OR ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[])))
  with check ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant DELETE, INSERT, SELECT on access.issuer to trailkeep_app;

create table access.move (
  tenant_id uuid not null,
  from_shard smallint not null,
  to_shard smallint not null,
  step text collate "C" not null,
  asked_by text not null,
  asked_at timestamp with time zone not null,
  stepped_at timestamp with time zone not null,
  lease_until timestamp with time zone,
  rows json,
  problem text,
  constraint move_check CHECK ((to_shard <> from_shard)),
  constraint move_pkey PRIMARY KEY (tenant_id),
  constraint move_step_check CHECK ((step = ANY (ARRAY['copying'::text, 'paused'::text, 'verified'::text, 'switched'::text, 'moved'::text, 'finishing'::text, 'finished'::text]))),
  constraint move_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES access.tenant(tenant_id)
);
alter table access.move owner to trailkeep_owner;
alter table access.move enable row level security;
alter table access.move force row level security;
create policy tenant on access.move for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE on access.move to trailkeep_app;

create table access.permission (
  tenant_id uuid not null,
  module text collate "C" not null,
  name text collate "C" not null,
  description text,
  constraint permission_pkey PRIMARY KEY (tenant_id, module, name)
);
alter table access.permission owner to trailkeep_owner;
alter table access.permission enable row level security;
alter table access.permission force row level security;
create policy tenant on access.permission for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant DELETE, INSERT, SELECT, UPDATE (description) on access.permission to trailkeep_app;

create table access.permission_version (
  tenant_id uuid not null,
  principal text collate "C" not null,
  version bigint not null,
  constraint permission_version_pkey PRIMARY KEY (tenant_id, principal),
  constraint permission_version_version_check CHECK ((version > 0))
);
alter table access.permission_version owner to trailkeep_owner;
alter table access.permission_version enable row level security;
alter table access.permission_version force row level security;
create policy tenant on access.permission_version for * to trailkeep_app, trailkeep_owner
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on access.permission_version to trailkeep_app;

create table access.project (
  tenant_id uuid not null,
  project_id text collate "C" not null,
  name text not null,
  created_at timestamp with time zone not null,
  constraint project_pkey PRIMARY KEY (tenant_id, project_id)
);
alter table access.project owner to trailkeep_owner;
alter table access.project enable row level security;
alter table access.project force row level security;
create policy tenant on access.project for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on access.project to trailkeep_app;

create table access.role (
  tenant_id uuid not null,
  role_id text collate "C" not null,
  document json not null,
  updated_at timestamp with time zone not null,
  constraint role_pkey PRIMARY KEY (tenant_id, role_id),
  constraint role_role_id_check CHECK ((((length(role_id) >= 1) AND (length(role_id) <= 64)) AND (role_id !~~ 'trailkeep:%'::text)))
);
alter table access.role owner to trailkeep_owner;
alter table access.role enable row level security;
alter table access.role force row level security;
create policy tenant on access.role for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant DELETE, INSERT, SELECT, UPDATE (document, updated_at) on access.role to trailkeep_app;
CREATE TRIGGER raise_permission_version AFTER INSERT OR DELETE OR UPDATE ON access.role FOR EACH ROW EXECUTE FUNCTION access.raise_permission_version();

create table access.tenant (
  tenant_id uuid not null,
  name text not null,
  created_at timestamp with time zone not null,
  shard smallint default 0 not null,
  constraint tenant_pkey PRIMARY KEY (tenant_id),
  constraint tenant_shard_check CHECK (((shard >= 0) AND (shard <= 99))),
  constraint tenant_tenant_id_check CHECK ((tenant_id <> '00000000-0000-0000-0000-000000000000'::uuid))
);
alter table access.tenant owner to trailkeep_owner;
alter table access.tenant enable row level security;
alter table access.tenant force row level security;
create policy archiver on access.tenant for r to trailkeep_archiver
  using ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy placed on access.tenant for r to trailkeep_owner
  using true;
create policy purger on access.tenant for r to trailkeep_purger
  using ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy sealer on access.tenant for r to trailkeep_sealer
  using ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on access.tenant for * to trailkeep_app
  using ((tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[])) OR ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[])))
  with check ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy verifier on access.tenant for r to trailkeep_verifier
  using ('00000000-0000-0000-0000-000000000000'::uuid = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (name) on access.tenant to trailkeep_app;
grant SELECT (tenant_id) on access.tenant to trailkeep_archiver;
grant SELECT (tenant_id) on access.tenant to trailkeep_purger;
grant SELECT (tenant_id) on access.tenant to trailkeep_sealer;
grant SELECT (tenant_id) on access.tenant to trailkeep_verifier;

create table access.tenant_policy (
  tenant_id uuid not null,
  version integer not null,
  document json not null,
  purposes text[],
  constraint tenant_policy_pkey PRIMARY KEY (tenant_id),
  constraint tenant_policy_version_check CHECK ((version > 0))
);
alter table access.tenant_policy owner to trailkeep_owner;
alter table access.tenant_policy enable row level security;
alter table access.tenant_policy force row level security;
create policy tenant on access.tenant_policy for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (document, purposes, version) on access.tenant_policy to trailkeep_app;

create table archive.aged (
  tenant_id uuid not null,
  month date not null,
  events bigint not null,
  lines_sum bytea not null,
  verified_at timestamp with time zone not null,
  constraint aged_lines_sum_check CHECK ((length(lines_sum) = 32)),
  constraint aged_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
  constraint aged_pkey PRIMARY KEY (tenant_id, month)
);
alter table archive.aged owner to trailkeep_owner;
alter table archive.aged enable row level security;
alter table archive.aged force row level security;
create policy tenant on archive.aged for * to trailkeep_app, trailkeep_purger
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on archive.aged to trailkeep_app;
grant DELETE, INSERT, SELECT, UPDATE on archive.aged to trailkeep_purger;

create table archive.chunk (
  tenant_id uuid not null,
  file_id uuid not null,
  number integer not null,
  tier smallint not null,
  events integer not null,
  min_time bigint not null,
  max_time bigint not null,
  min_id uuid not null,
  max_id uuid not null,
  min_leaf bigint,
  max_leaf bigint,
  blocks bytea storage e not null,
  leaves bytea storage e not null,
  constraint chunk_pkey PRIMARY KEY (tenant_id, file_id, number),
  constraint chunk_tenant_id_file_id_fkey FOREIGN KEY (tenant_id, file_id) REFERENCES archive.file(tenant_id, file_id) ON DELETE CASCADE
);
alter table archive.chunk owner to trailkeep_owner;
alter table archive.chunk enable row level security;
alter table archive.chunk force row level security;
CREATE INDEX chunk_by_id ON archive.chunk USING btree (tenant_id, max_id, min_id);
CREATE INDEX chunk_by_leaf ON archive.chunk USING btree (tenant_id, max_leaf, min_leaf);
CREATE INDEX chunk_by_time ON archive.chunk USING btree (tenant_id, max_time DESC, file_id, number);
create policy tenant on archive.chunk for * to trailkeep_app, trailkeep_archiver, trailkeep_purger, trailkeep_recovery, trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on archive.chunk to trailkeep_app;
grant DELETE, INSERT, SELECT on archive.chunk to trailkeep_archiver;
grant DELETE, SELECT on archive.chunk to trailkeep_purger;
grant SELECT on archive.chunk to trailkeep_recovery;
grant SELECT on archive.chunk to trailkeep_verifier;

create table archive.doomed (
  tenant_id uuid not null,
  file_id uuid not null,
  key text not null,
  after timestamp with time zone not null,
  constraint doomed_pkey PRIMARY KEY (tenant_id, file_id)
);
alter table archive.doomed owner to trailkeep_owner;
alter table archive.doomed enable row level security;
alter table archive.doomed force row level security;
CREATE INDEX doomed_by_time ON archive.doomed USING btree (tenant_id, after);
create policy tenant on archive.doomed for * to trailkeep_app, trailkeep_archiver, trailkeep_purger
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on archive.doomed to trailkeep_app;
grant DELETE, INSERT, SELECT, UPDATE (after) on archive.doomed to trailkeep_archiver;
grant INSERT, SELECT on archive.doomed to trailkeep_purger;

create table archive.dropped_month (
  month date not null,
  dropped_at timestamp with time zone not null,
  events bigint not null,
  tenants integer not null,
  tokens_gone_at timestamp with time zone,
  constraint dropped_month_pkey PRIMARY KEY (month, dropped_at)
);
alter table archive.dropped_month owner to trailkeep_owner;
grant SELECT on archive.dropped_month to trailkeep_app;
grant SELECT, UPDATE (tokens_gone_at) on archive.dropped_month to trailkeep_purger;

create table archive.export (
  tenant_id uuid not null,
  id uuid not null,
  state text collate "C" default 'asked'::text not null,
  format text collate "C" not null,
  asked json not null,
  asked_by text not null,
  asked_at timestamp with time zone not null,
  plan text,
  parts integer default 0 not null,
  events bigint default 0 not null,
  bytes bigint default 0 not null,
  reached text collate "C",
  unread json default '[]'::json not null,
  advanced_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  problem text,
  constraint export_check CHECK (((state = 'asked'::text) = (ended_at IS NULL))),
  constraint export_check1 CHECK (((state = 'asked'::text) = (plan IS NOT NULL))),
  constraint export_check2 CHECK (((state = 'failed'::text) = (problem IS NOT NULL))),
  constraint export_format_check CHECK ((format = ANY (ARRAY['jsonl'::text, 'csv'::text, 'parquet'::text]))),
  constraint export_pkey PRIMARY KEY (tenant_id, id),
  constraint export_state_check CHECK ((state = ANY (ARRAY['asked'::text, 'ready'::text, 'failed'::text])))
);
alter table archive.export owner to trailkeep_owner;
alter table archive.export enable row level security;
alter table archive.export force row level security;
create policy tenant on archive.export for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (advanced_at, bytes, ended_at, events, parts, plan, problem, reached, state, unread) on archive.export to trailkeep_app;

create table archive.export_part (
  tenant_id uuid not null,
  export_id uuid not null,
  part integer not null,
  run uuid not null,
  events integer not null,
  bytes bigint not null,
  sha256 bytea not null,
  constraint export_part_events_check CHECK ((events >= 0)),
  constraint export_part_part_check CHECK ((part > 0)),
  constraint export_part_pkey PRIMARY KEY (tenant_id, export_id, part),
  constraint export_part_sha256_check CHECK ((length(sha256) = 32)),
  constraint export_part_tenant_id_export_id_fkey FOREIGN KEY (tenant_id, export_id) REFERENCES archive.export(tenant_id, id)
);
alter table archive.export_part owner to trailkeep_owner;
alter table archive.export_part enable row level security;
alter table archive.export_part force row level security;
create policy tenant on archive.export_part for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on archive.export_part to trailkeep_app;

create table archive.file (
  tenant_id uuid not null,
  file_id uuid not null,
  key text not null,
  tier smallint not null,
  category smallint not null,
  span text collate "C" not null,
  day date not null,
  events integer not null,
  bytes bigint not null,
  raw_bytes bigint not null,
  sha256 bytea not null,
  lines_sum bytea not null,
  min_time bigint not null,
  max_time bigint not null,
  min_id uuid not null,
  max_id uuid not null,
  min_leaf bigint,
  max_leaf bigint,
  ladder text collate "C" not null,
  written_at timestamp with time zone not null,
  constraint file_check CHECK (((span = 'day'::text) OR (EXTRACT(day FROM day) = (1)::numeric))),
  constraint file_events_check CHECK ((events > 0)),
  constraint file_lines_sum_check CHECK ((length(lines_sum) = 32)),
  constraint file_pkey PRIMARY KEY (tenant_id, file_id),
  constraint file_sha256_check CHECK ((length(sha256) = 32)),
  constraint file_span_check CHECK ((span = ANY (ARRAY['day'::text, 'month'::text])))
);
alter table archive.file owner to trailkeep_owner;
alter table archive.file enable row level security;
alter table archive.file force row level security;
CREATE INDEX file_by_age ON archive.file USING btree (tenant_id, max_time);
CREATE INDEX file_by_day ON archive.file USING btree (tenant_id, day, category, tier);
create policy tenant on archive.file for * to trailkeep_app, trailkeep_archiver, trailkeep_purger, trailkeep_recovery, trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on archive.file for r to trailkeep_views
  using true;
grant SELECT on archive.file to trailkeep_app;
grant DELETE, INSERT, SELECT on archive.file to trailkeep_archiver;
grant DELETE, SELECT on archive.file to trailkeep_purger;
grant SELECT on archive.file to trailkeep_recovery;
grant SELECT on archive.file to trailkeep_verifier;
grant SELECT on archive.file to trailkeep_views;
CREATE TRIGGER count_version AFTER INSERT ON archive.file REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION archive.count_version();
CREATE TRIGGER note_movement AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON archive.file FOR EACH STATEMENT EXECUTE FUNCTION costs.note_movement();

create table archive.hot_floor (
  id smallint not null,
  floor uuid not null,
  constraint hot_floor_id_check CHECK ((id = 1)),
  constraint hot_floor_pkey PRIMARY KEY (id)
);
alter table archive.hot_floor owner to trailkeep_owner;
grant SELECT on archive.hot_floor to trailkeep_app;
grant SELECT on archive.hot_floor to trailkeep_archiver;
grant SELECT on archive.hot_floor to trailkeep_purger;
grant SELECT on archive.hot_floor to trailkeep_recovery;
grant SELECT on archive.hot_floor to trailkeep_verifier;

create table archive.progress (
  tenant_id uuid not null,
  compacted_seq bigint default 0 not null,
  released_seq bigint default 0 not null,
  version bigint default 0 not null,
  constraint progress_check CHECK ((released_seq <= compacted_seq)),
  constraint progress_pkey PRIMARY KEY (tenant_id)
);
alter table archive.progress owner to trailkeep_owner;
alter table archive.progress enable row level security;
alter table archive.progress force row level security;
create policy tenant on archive.progress for * to trailkeep_app, trailkeep_archiver, trailkeep_recovery, trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on archive.progress for r to trailkeep_views
  using true;
grant SELECT on archive.progress to trailkeep_app;
grant INSERT, SELECT, UPDATE on archive.progress to trailkeep_archiver;
grant SELECT on archive.progress to trailkeep_recovery;
grant SELECT on archive.progress to trailkeep_verifier;
grant SELECT on archive.progress to trailkeep_views;

create table archive.purge (
  tenant_id uuid not null,
  id uuid not null,
  policy_version integer not null,
  approved_by text not null,
  files integer not null,
  events bigint not null,
  bytes bigint not null,
  newest bigint not null,
  leaves json not null,
  started_at timestamp with time zone not null,
  ended_at timestamp with time zone not null,
  told_again_by uuid,
  constraint purge_pkey PRIMARY KEY (tenant_id, id)
);
alter table archive.purge owner to trailkeep_owner;
alter table archive.purge enable row level security;
alter table archive.purge force row level security;
create policy tenant on archive.purge for * to trailkeep_app, trailkeep_purger, trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on archive.purge to trailkeep_app;
grant INSERT, SELECT, UPDATE (told_again_by) on archive.purge to trailkeep_purger;
grant SELECT on archive.purge to trailkeep_verifier;

create table archive.restore (
  tenant_id uuid not null,
  id uuid not null,
  state text collate "C" default 'estimated'::text not null,
  from_time bigint not null,
  to_time bigint not null,
  category smallint,
  speed text collate "C" not null,
  days integer not null,
  estimate json not null,
  asked_by text not null,
  asked_at timestamp with time zone not null,
  confirmed_by text,
  confirmed_at timestamp with time zone,
  ended_at timestamp with time zone,
  constraint restore_check CHECK ((to_time > from_time)),
  constraint restore_check1 CHECK (((state = 'estimated'::text) = (confirmed_at IS NULL))),
  constraint restore_check2 CHECK (((confirmed_by IS NULL) = (confirmed_at IS NULL))),
  constraint restore_check3 CHECK (((state = 'asked'::text) = (ended_at IS NOT NULL))),
  constraint restore_days_check CHECK (((days >= 1) AND (days <= 30))),
  constraint restore_pkey PRIMARY KEY (tenant_id, id),
  constraint restore_speed_check CHECK ((speed = ANY (ARRAY['standard'::text, 'bulk'::text]))),
  constraint restore_state_check CHECK ((state = ANY (ARRAY['estimated'::text, 'asking'::text, 'asked'::text])))
);
alter table archive.restore owner to trailkeep_owner;
alter table archive.restore enable row level security;
alter table archive.restore force row level security;
create policy tenant on archive.restore for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (confirmed_at, confirmed_by, ended_at, state) on archive.restore to trailkeep_app;

create table archive.restore_file (
  tenant_id uuid not null,
  restore_id uuid not null,
  file_id uuid not null,
  key text not null,
  bytes bigint not null,
  state text collate "C" default 'chosen'::text not null,
  until timestamp with time zone,
  looked_at timestamp with time zone,
  constraint restore_file_check CHECK (((until IS NULL) OR (state = 'ready'::text))),
  constraint restore_file_pkey PRIMARY KEY (tenant_id, restore_id, file_id),
  constraint restore_file_state_check CHECK ((state = ANY (ARRAY['chosen'::text, 'asked'::text, 'ready'::text, 'gone'::text]))),
  constraint restore_file_tenant_id_restore_id_fkey FOREIGN KEY (tenant_id, restore_id) REFERENCES archive.restore(tenant_id, id) ON DELETE CASCADE
);
alter table archive.restore_file owner to trailkeep_owner;
alter table archive.restore_file enable row level security;
alter table archive.restore_file force row level security;
CREATE INDEX restore_file_open ON archive.restore_file USING btree (tenant_id, restore_id, state, looked_at NULLS FIRST, file_id);
create policy tenant on archive.restore_file for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (looked_at, state, until) on archive.restore_file to trailkeep_app;

create table archive.retention_policy (
  tenant_id uuid not null,
  version integer not null,
  document json not null,
  proposed_by text not null,
  proposed_at timestamp with time zone not null,
  approved_by text,
  approved_at timestamp with time zone,
  constraint retention_policy_check CHECK (((approved_by IS NULL) = (approved_at IS NULL))),
  constraint retention_policy_check1 CHECK ((approved_by <> proposed_by)),
  constraint retention_policy_pkey PRIMARY KEY (tenant_id, version),
  constraint retention_policy_version_check CHECK ((version > 0))
);
alter table archive.retention_policy owner to trailkeep_owner;
alter table archive.retention_policy enable row level security;
alter table archive.retention_policy force row level security;
create policy tenant on archive.retention_policy for * to trailkeep_app, trailkeep_purger
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (approved_at, approved_by) on archive.retention_policy to trailkeep_app;
grant SELECT on archive.retention_policy to trailkeep_purger;

create table costs.application (
  tenant_id uuid not null,
  id integer not null,
  controller_id integer default 0 not null,
  key text not null,
  name text not null,
  tiers integer default 0 not null,
  nodes integer default 0 not null,
  tags json default '{}'::json not null,
  cmdb_item_id integer default 0 not null,
  cmdb_rule text collate "C" default 'none'::text not null,
  cmdb_confidence numeric default 0 not null,
  seen_at timestamp with time zone not null,
  constraint application_pkey PRIMARY KEY (tenant_id, id),
  constraint application_tenant_id_cmdb_item_id_fkey FOREIGN KEY (tenant_id, cmdb_item_id) REFERENCES costs.cmdb_item(tenant_id, id),
  constraint application_tenant_id_controller_id_fkey FOREIGN KEY (tenant_id, controller_id) REFERENCES costs.controller(tenant_id, id),
  constraint application_tenant_id_controller_id_key_key UNIQUE (tenant_id, controller_id, key)
);
alter table costs.application owner to trailkeep_owner;
alter table costs.application enable row level security;
alter table costs.application force row level security;
create policy tenant on costs.application for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.application for r to trailkeep_views
  using true;
grant SELECT on costs.application to trailkeep_app;
grant INSERT, SELECT, UPDATE on costs.application to trailkeep_loader;
grant SELECT on costs.application to trailkeep_views;
CREATE TRIGGER note_movement AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON costs.application FOR EACH STATEMENT EXECUTE FUNCTION costs.note_movement();

create table costs.architecture (
  tenant_id uuid not null,
  id integer not null,
  name text not null,
  constraint architecture_pkey PRIMARY KEY (tenant_id, id),
  constraint architecture_tenant_id_name_key UNIQUE (tenant_id, name)
);
alter table costs.architecture owner to trailkeep_owner;
alter table costs.architecture enable row level security;
alter table costs.architecture force row level security;
create policy tenant on costs.architecture for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.architecture for r to trailkeep_views
  using true;
grant SELECT on costs.architecture to trailkeep_app;
grant INSERT, SELECT, UPDATE on costs.architecture to trailkeep_loader;
grant SELECT on costs.architecture to trailkeep_views;

create table costs.cmdb_item (
  tenant_id uuid not null,
  id integer not null,
  sys_id text not null,
  class text not null,
  name text not null,
  attributes json not null,
  hash bytea not null,
  seen_at timestamp with time zone not null,
  gone_at timestamp with time zone,
  constraint cmdb_item_pkey PRIMARY KEY (tenant_id, id),
  constraint cmdb_item_tenant_id_sys_id_key UNIQUE (tenant_id, sys_id)
);
alter table costs.cmdb_item owner to trailkeep_owner;
alter table costs.cmdb_item enable row level security;
alter table costs.cmdb_item force row level security;
create policy tenant on costs.cmdb_item for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.cmdb_item for r to trailkeep_views
  using true;
grant SELECT on costs.cmdb_item to trailkeep_app;
grant INSERT, SELECT, UPDATE on costs.cmdb_item to trailkeep_loader;
grant SELECT on costs.cmdb_item to trailkeep_views;
CREATE TRIGGER note_movement AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON costs.cmdb_item FOR EACH STATEMENT EXECUTE FUNCTION costs.note_movement();

create table costs.controller (
  tenant_id uuid not null,
  id integer not null,
  key text not null,
  name text not null,
  source_id uuid,
  constraint controller_pkey PRIMARY KEY (tenant_id, id),
  constraint controller_tenant_id_key_key UNIQUE (tenant_id, key)
);
alter table costs.controller owner to trailkeep_owner;
alter table costs.controller enable row level security;
alter table costs.controller force row level security;
create policy tenant on costs.controller for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.controller for r to trailkeep_views
  using true;
grant SELECT on costs.controller to trailkeep_app;
grant INSERT, SELECT, UPDATE on costs.controller to trailkeep_loader;
grant SELECT on costs.controller to trailkeep_views;

create table costs.cost_daily (
  tenant_id uuid not null,
  load_id integer not null,
  line integer not null,
  day date not null,
  application_id integer default 0 not null,
  controller_id integer default 0 not null,
  charge_category text not null,
  charge_class text default ''::text not null,
  provider text not null,
  service_category text not null,
  service_name text not null,
  sub_account text default ''::text not null,
  region text default ''::text not null,
  resource text default ''::text not null,
  currency text collate "C" not null,
  billed numeric not null,
  effective numeric not null,
  contracted numeric not null,
  list numeric not null,
  constraint cost_daily_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
  constraint cost_daily_pkey PRIMARY KEY (tenant_id, load_id, line)
);
alter table costs.cost_daily owner to trailkeep_owner;
alter table costs.cost_daily enable row level security;
alter table costs.cost_daily force row level security;
CREATE INDEX cost_by_day ON costs.cost_daily USING btree (tenant_id, day);
create policy tenant on costs.cost_daily for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.cost_daily for r to trailkeep_views
  using true;
grant SELECT on costs.cost_daily to trailkeep_app;
grant DELETE, INSERT, SELECT on costs.cost_daily to trailkeep_loader;
grant SELECT on costs.cost_daily to trailkeep_views;
CREATE TRIGGER note_movement AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON costs.cost_daily FOR EACH STATEMENT EXECUTE FUNCTION costs.note_movement();

create table costs.day (
  day date not null,
  month date not null,
  quarter date not null,
  year integer not null,
  iso_week text collate "C" not null,
  weekday integer not null,
  is_weekend boolean not null,
  constraint day_pkey PRIMARY KEY (day)
);
alter table costs.day owner to trailkeep_owner;
grant SELECT on costs.day to trailkeep_app;
grant SELECT on costs.day to trailkeep_loader;

create table costs.finding (
  tenant_id uuid not null,
  application_id integer not null,
  from_day date not null,
  to_day date default 'infinity'::date not null,
  sector text default ''::text not null,
  owner text default ''::text not null,
  architecture text default ''::text not null,
  h_code text default ''::text not null,
  cost_centre text default ''::text not null,
  h_code_rule text collate "C" not null,
  found_on date not null,
  load_id integer not null,
  constraint finding_check CHECK ((from_day < to_day)),
  constraint finding_pkey PRIMARY KEY (tenant_id, application_id, from_day),
  constraint finding_tenant_id_application_id_fkey FOREIGN KEY (tenant_id, application_id) REFERENCES costs.application(tenant_id, id)
);
alter table costs.finding owner to trailkeep_owner;
alter table costs.finding enable row level security;
alter table costs.finding force row level security;
create policy tenant on costs.finding for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on costs.finding to trailkeep_app;
grant DELETE, INSERT, SELECT, UPDATE on costs.finding to trailkeep_loader;

create table costs.forecast (
  tenant_id uuid not null,
  id bigint not null,
  series text collate "C" not null,
  run_id uuid not null,
  made_at timestamp with time zone not null,
  through date not null,
  periods integer not null,
  filled integer not null,
  because text collate "C" not null,
  missing integer not null,
  best text collate "C" not null,
  weights json not null,
  errors json not null,
  backtest json,
  scale double precision,
  reselected boolean not null,
  verdict text collate "C" not null,
  ratio double precision,
  trend double precision,
  point double precision[] not null,
  low80 double precision[] not null,
  high80 double precision[] not null,
  low95 double precision[] not null,
  high95 double precision[] not null,
  constraint forecast_because_check CHECK ((because = ANY (ARRAY['combination'::text, 'nothing-beats-seasonal-naive'::text, 'insufficient-data'::text]))),
  constraint forecast_check CHECK (((cardinality(point) > 0) AND (cardinality(low80) = cardinality(point)) AND (cardinality(high80) = cardinality(point)) AND (cardinality(low95) = cardinality(point)) AND (cardinality(high95) = cardinality(point)))),
  constraint forecast_pkey PRIMARY KEY (tenant_id, id),
  constraint forecast_tenant_id_series_run_id_key UNIQUE (tenant_id, series, run_id)
);
alter table costs.forecast owner to trailkeep_owner;
alter table costs.forecast enable row level security;
alter table costs.forecast force row level security;
CREATE INDEX forecast_by_origin ON costs.forecast USING btree (tenant_id, series, through);
create policy tenant on costs.forecast for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on costs.forecast to trailkeep_app;
grant INSERT, SELECT on costs.forecast to trailkeep_loader;

create table costs.forecast_accuracy (
  tenant_id uuid not null,
  series text collate "C" not null,
  step integer not null,
  target date not null,
  forecast_id bigint not null,
  actual double precision not null,
  point double precision not null,
  inside80 boolean not null,
  inside95 boolean not null,
  scaled double precision,
  constraint forecast_accuracy_pkey PRIMARY KEY (tenant_id, series, step, target),
  constraint forecast_accuracy_step_check CHECK ((step > 0))
);
alter table costs.forecast_accuracy owner to trailkeep_owner;
alter table costs.forecast_accuracy enable row level security;
alter table costs.forecast_accuracy force row level security;
create policy tenant on costs.forecast_accuracy for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on costs.forecast_accuracy to trailkeep_app;
grant INSERT, SELECT on costs.forecast_accuracy to trailkeep_loader;

create table costs.forecast_series (
  tenant_id uuid not null,
  series text collate "C" not null,
  scope text collate "C" not null,
  subject_id integer not null,
  measure text collate "C" not null,
  currency text collate "C" not null,
  grain text collate "C" not null,
  forecast_id bigint not null,
  through date not null,
  checked_through date not null,
  verdict text collate "C" not null,
  constraint forecast_series_grain_check CHECK ((grain = ANY (ARRAY['daily'::text, 'monthly'::text]))),
  constraint forecast_series_pkey PRIMARY KEY (tenant_id, series),
  constraint forecast_series_scope_check CHECK ((scope = ANY (ARRAY['application'::text, 'sector'::text]))),
  constraint forecast_series_verdict_check CHECK ((verdict = ANY (ARRAY['unknown'::text, 'steady'::text, 'watch'::text, 'alert'::text])))
);
alter table costs.forecast_series owner to trailkeep_owner;
alter table costs.forecast_series enable row level security;
alter table costs.forecast_series force row level security;
create policy tenant on costs.forecast_series for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on costs.forecast_series to trailkeep_app;
grant INSERT, SELECT, UPDATE (checked_through, forecast_id, through, verdict) on costs.forecast_series to trailkeep_loader;

create table costs.h_code (
  tenant_id uuid not null,
  id integer not null,
  code text not null,
  cost_centre text not null,
  constraint h_code_pkey PRIMARY KEY (tenant_id, id),
  constraint h_code_tenant_id_code_key UNIQUE (tenant_id, code)
);
alter table costs.h_code owner to trailkeep_owner;
alter table costs.h_code enable row level security;
alter table costs.h_code force row level security;
create policy tenant on costs.h_code for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.h_code for r to trailkeep_views
  using true;
grant SELECT on costs.h_code to trailkeep_app;
grant INSERT, SELECT, UPDATE on costs.h_code to trailkeep_loader;
grant SELECT on costs.h_code to trailkeep_views;

create table costs.h_code_map (
  tenant_id uuid not null,
  load_id integer not null,
  line integer not null,
  controller text default ''::text not null,
  application text not null,
  h_code text not null,
  cost_centre text default ''::text not null,
  sector text default ''::text not null,
  owner text default ''::text not null,
  architecture text default ''::text not null,
  from_day date not null,
  to_day date default 'infinity'::date not null,
  approved_by text default ''::text not null,
  constraint h_code_map_check CHECK ((from_day < to_day)),
  constraint h_code_map_pkey PRIMARY KEY (tenant_id, load_id, line)
);
alter table costs.h_code_map owner to trailkeep_owner;
alter table costs.h_code_map enable row level security;
alter table costs.h_code_map force row level security;
create policy tenant on costs.h_code_map for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on costs.h_code_map to trailkeep_app;
grant DELETE, INSERT, SELECT on costs.h_code_map to trailkeep_loader;

create table costs.licence_daily (
  tenant_id uuid not null,
  load_id integer not null,
  day date not null,
  controller_id integer not null,
  package text not null,
  provisioned numeric not null,
  used_avg numeric not null,
  used_max numeric not null,
  estimated boolean default false not null,
  constraint licence_daily_pkey PRIMARY KEY (tenant_id, load_id, day, controller_id, package)
);
alter table costs.licence_daily owner to trailkeep_owner;
alter table costs.licence_daily enable row level security;
alter table costs.licence_daily force row level security;
CREATE INDEX licence_by_day ON costs.licence_daily USING btree (tenant_id, day);
create policy tenant on costs.licence_daily for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.licence_daily for r to trailkeep_views
  using true;
grant SELECT on costs.licence_daily to trailkeep_app;
grant DELETE, INSERT, SELECT on costs.licence_daily to trailkeep_loader;
grant SELECT on costs.licence_daily to trailkeep_views;
CREATE TRIGGER note_movement AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON costs.licence_daily FOR EACH STATEMENT EXECUTE FUNCTION costs.note_movement();

create table costs.lineage_edge (
  tenant_id uuid not null,
  input text collate "C" not null,
  output text collate "C" not null,
  job text collate "C" not null,
  columns json default '{}'::json not null,
  first_at timestamp with time zone not null,
  last_at timestamp with time zone not null,
  last_run_id uuid not null,
  constraint lineage_edge_pkey PRIMARY KEY (tenant_id, input, output, job)
);
alter table costs.lineage_edge owner to trailkeep_owner;
alter table costs.lineage_edge enable row level security;
alter table costs.lineage_edge force row level security;
CREATE INDEX lineage_back ON costs.lineage_edge USING btree (tenant_id, output);
create policy tenant on costs.lineage_edge for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (columns, last_at, last_run_id) on costs.lineage_edge to trailkeep_app;
grant INSERT, SELECT, UPDATE (columns, last_at, last_run_id) on costs.lineage_edge to trailkeep_loader;

create table costs.lineage_event (
  tenant_id uuid not null,
  run_id uuid not null,
  task text collate "C" not null,
  type text collate "C" not null,
  job text collate "C" not null,
  at timestamp with time zone not null,
  event json not null,
  constraint lineage_event_pkey PRIMARY KEY (tenant_id, run_id, task, type),
  constraint lineage_event_type_check CHECK ((type = ANY (ARRAY['START'::text, 'RUNNING'::text, 'COMPLETE'::text, 'ABORT'::text, 'FAIL'::text, 'OTHER'::text])))
);
alter table costs.lineage_event owner to trailkeep_owner;
alter table costs.lineage_event enable row level security;
alter table costs.lineage_event force row level security;
CREATE INDEX lineage_by_time ON costs.lineage_event USING btree (tenant_id, at DESC, run_id);
create policy tenant on costs.lineage_event for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on costs.lineage_event to trailkeep_app;
grant INSERT, SELECT on costs.lineage_event to trailkeep_loader;

create table costs.load (
  tenant_id uuid not null,
  id integer not null,
  source_id uuid not null,
  run_id uuid not null,
  stream text collate "C" not null,
  slice text not null,
  sha256 bytea not null,
  from_day date not null,
  to_day date not null,
  rows_read bigint not null,
  rows_written bigint not null,
  rows_rejected bigint not null,
  loaded_at timestamp with time zone not null,
  replaced_by integer,
  constraint load_pkey PRIMARY KEY (tenant_id, id),
  constraint load_sha256_check CHECK ((length(sha256) = 32)),
  constraint load_tenant_id_source_id_fkey FOREIGN KEY (tenant_id, source_id) REFERENCES costs.source(tenant_id, id)
);
alter table costs.load owner to trailkeep_owner;
alter table costs.load enable row level security;
alter table costs.load force row level security;
CREATE UNIQUE INDEX load_content ON costs.load USING btree (tenant_id, source_id, stream, sha256) WHERE (replaced_by IS NULL);
CREATE UNIQUE INDEX load_slice ON costs.load USING btree (tenant_id, source_id, stream, slice) WHERE (replaced_by IS NULL);
create policy tenant on costs.load for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on costs.load to trailkeep_app;
grant INSERT, SELECT, UPDATE (from_day, replaced_by, rows_read, rows_rejected, rows_written, to_day) on costs.load to trailkeep_loader;

create table costs.mapping (
  tenant_id uuid not null,
  application_id integer not null,
  from_day date not null,
  to_day date default 'infinity'::date not null,
  sector_id integer default 0 not null,
  owner_id integer default 0 not null,
  architecture_id integer default 0 not null,
  h_code_id integer default 0 not null,
  h_code_rule text collate "C" not null,
  load_id integer not null,
  constraint mapping_check CHECK ((from_day < to_day)),
  constraint mapping_pkey PRIMARY KEY (tenant_id, application_id, from_day),
  constraint mapping_tenant_id_application_id_fkey FOREIGN KEY (tenant_id, application_id) REFERENCES costs.application(tenant_id, id),
  constraint mapping_tenant_id_architecture_id_fkey FOREIGN KEY (tenant_id, architecture_id) REFERENCES costs.architecture(tenant_id, id),
  constraint mapping_tenant_id_h_code_id_fkey FOREIGN KEY (tenant_id, h_code_id) REFERENCES costs.h_code(tenant_id, id),
  constraint mapping_tenant_id_owner_id_fkey FOREIGN KEY (tenant_id, owner_id) REFERENCES costs.owner(tenant_id, id),
  constraint mapping_tenant_id_sector_id_fkey FOREIGN KEY (tenant_id, sector_id) REFERENCES costs.sector(tenant_id, id)
);
alter table costs.mapping owner to trailkeep_owner;
alter table costs.mapping enable row level security;
alter table costs.mapping force row level security;
create policy tenant on costs.mapping for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.mapping for r to trailkeep_views
  using true;
grant SELECT on costs.mapping to trailkeep_app;
grant DELETE, INSERT, SELECT, UPDATE on costs.mapping to trailkeep_loader;
grant SELECT on costs.mapping to trailkeep_views;
CREATE TRIGGER note_movement AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON costs.mapping FOR EACH STATEMENT EXECUTE FUNCTION costs.note_movement();

create table costs.movement (
  source text collate "C" not null,
  transaction xid8 not null,
  constraint movement_pkey PRIMARY KEY (source, transaction)
);
alter table costs.movement owner to trailkeep_owner;
grant DELETE, SELECT on costs.movement to trailkeep_views;

create table costs.override (
  tenant_id uuid not null,
  id uuid not null,
  kind text collate "C" not null,
  application_id integer default 0 not null,
  from_day date not null,
  to_day date default 'infinity'::date not null,
  sector_id integer,
  owner_id integer,
  architecture_id integer,
  h_code_id integer,
  controller_id integer default 0 not null,
  measure text collate "C",
  amount numeric,
  currency text collate "C",
  before json not null,
  after json not null,
  reason text not null,
  proposed_by text not null,
  proposed_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  constraint override_check CHECK ((from_day < to_day)),
  constraint override_check1 CHECK ((expires_at > proposed_at)),
  constraint override_check2 CHECK (
CASE kind
    WHEN 'mapping'::text THEN ((application_id <> 0) AND (measure IS NULL) AND (amount IS NULL) AND (currency IS NULL) AND (num_nonnulls(sector_id, owner_id, architecture_id, h_code_id) > 0))
    WHEN 'usage'::text THEN ((application_id <> 0) AND (measure IS NOT NULL) AND (amount >= (0)::numeric) AND (currency IS NULL) AND (num_nonnulls(sector_id, owner_id, architecture_id, h_code_id) = 0) AND (to_day <= (from_day + 366)))
    ELSE ((measure IS NULL) AND (amount <> (0)::numeric) AND (currency IS NOT NULL) AND (EXTRACT(day FROM from_day) = (1)::numeric) AND (to_day = ((from_day + '1 mon'::interval))::date) AND ((application_id = 0) OR (num_nonnulls(sector_id, owner_id, architecture_id, h_code_id) = 0)))
END),
  constraint override_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
  constraint override_kind_check CHECK ((kind = ANY (ARRAY['mapping'::text, 'usage'::text, 'cost'::text]))),
  constraint override_pkey PRIMARY KEY (tenant_id, id),
  constraint override_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 2000))),
  constraint override_tenant_id_application_id_fkey FOREIGN KEY (tenant_id, application_id) REFERENCES costs.application(tenant_id, id),
  constraint override_tenant_id_architecture_id_fkey FOREIGN KEY (tenant_id, architecture_id) REFERENCES costs.architecture(tenant_id, id),
  constraint override_tenant_id_controller_id_fkey FOREIGN KEY (tenant_id, controller_id) REFERENCES costs.controller(tenant_id, id),
  constraint override_tenant_id_h_code_id_fkey FOREIGN KEY (tenant_id, h_code_id) REFERENCES costs.h_code(tenant_id, id),
  constraint override_tenant_id_id_proposed_by_key UNIQUE (tenant_id, id, proposed_by),
  constraint override_tenant_id_owner_id_fkey FOREIGN KEY (tenant_id, owner_id) REFERENCES costs.owner(tenant_id, id),
  constraint override_tenant_id_sector_id_fkey FOREIGN KEY (tenant_id, sector_id) REFERENCES costs.sector(tenant_id, id)
);
alter table costs.override owner to trailkeep_owner;
alter table costs.override enable row level security;
alter table costs.override force row level security;
CREATE INDEX override_by_application ON costs.override USING btree (tenant_id, application_id, from_day);
create policy tenant on costs.override for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.override for r to trailkeep_views
  using true;
grant INSERT, SELECT on costs.override to trailkeep_app;
grant SELECT on costs.override to trailkeep_loader;
grant SELECT on costs.override to trailkeep_views;

create table costs.override_decision (
  tenant_id uuid not null,
  override_id uuid not null,
  decision text collate "C" not null,
  step integer default 
CASE decision
    WHEN 'withdrawn'::text THEN 2
    ELSE 1
END not null,
  proposed_by text not null,
  decided_by text not null,
  decided_at timestamp with time zone not null,
  note text default ''::text not null,
  constraint override_decision_check CHECK (((decision = 'withdrawn'::text) OR (decided_by <> proposed_by))),
  constraint override_decision_decision_check CHECK ((decision = ANY (ARRAY['approved'::text, 'refused'::text, 'withdrawn'::text]))),
  constraint override_decision_pkey PRIMARY KEY (tenant_id, override_id, step),
  constraint override_decision_tenant_id_override_id_proposed_by_fkey FOREIGN KEY (tenant_id, override_id, proposed_by) REFERENCES costs.override(tenant_id, id, proposed_by)
);
alter table costs.override_decision owner to trailkeep_owner;
alter table costs.override_decision enable row level security;
alter table costs.override_decision force row level security;
create policy tenant on costs.override_decision for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.override_decision for r to trailkeep_views
  using true;
grant INSERT, SELECT on costs.override_decision to trailkeep_app;
grant SELECT on costs.override_decision to trailkeep_loader;
grant SELECT on costs.override_decision to trailkeep_views;
CREATE TRIGGER note_movement AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON costs.override_decision FOR EACH STATEMENT EXECUTE FUNCTION costs.note_movement();

create table costs.owner (
  tenant_id uuid not null,
  id integer not null,
  name text not null,
  constraint owner_pkey PRIMARY KEY (tenant_id, id),
  constraint owner_tenant_id_name_key UNIQUE (tenant_id, name)
);
alter table costs.owner owner to trailkeep_owner;
alter table costs.owner enable row level security;
alter table costs.owner force row level security;
create policy tenant on costs.owner for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.owner for r to trailkeep_views
  using true;
grant SELECT on costs.owner to trailkeep_app;
grant INSERT, SELECT, UPDATE on costs.owner to trailkeep_loader;
grant SELECT on costs.owner to trailkeep_views;

create table costs.price (
  tenant_id uuid not null,
  package text not null,
  from_day date not null,
  currency text collate "C" not null,
  amount numeric not null,
  set_by text not null,
  set_at timestamp with time zone not null,
  constraint price_amount_check CHECK ((amount >= (0)::numeric)),
  constraint price_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
  constraint price_pkey PRIMARY KEY (tenant_id, package, from_day)
);
alter table costs.price owner to trailkeep_owner;
alter table costs.price enable row level security;
alter table costs.price force row level security;
create policy tenant on costs.price for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on costs.price to trailkeep_app;
grant SELECT on costs.price to trailkeep_loader;

create table costs.quarantine (
  tenant_id uuid not null,
  id bigint not null,
  source_id uuid not null,
  run_id uuid not null,
  stream text collate "C" not null,
  slice text not null,
  place text not null,
  code text collate "C" not null,
  reason text not null,
  row text not null,
  seen_at timestamp with time zone not null,
  resolved_at timestamp with time zone,
  constraint quarantine_pkey PRIMARY KEY (tenant_id, id),
  constraint quarantine_tenant_id_source_id_fkey FOREIGN KEY (tenant_id, source_id) REFERENCES costs.source(tenant_id, id)
);
alter table costs.quarantine owner to trailkeep_owner;
alter table costs.quarantine enable row level security;
alter table costs.quarantine force row level security;
CREATE INDEX quarantine_open ON costs.quarantine USING btree (tenant_id, source_id, stream, slice) WHERE (resolved_at IS NULL);
create policy tenant on costs.quarantine for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on costs.quarantine to trailkeep_app;
grant INSERT, SELECT, UPDATE (resolved_at) on costs.quarantine to trailkeep_loader;

create table costs.refresh_log (
  id bigint not null,
  view text collate "C" not null,
  started_at timestamp with time zone not null,
  took_ms numeric not null,
  rows bigint,
  error text,
  constraint refresh_log_pkey PRIMARY KEY (id),
  constraint refresh_log_view_fkey FOREIGN KEY (view) REFERENCES costs.view(name)
);
alter table costs.refresh_log owner to trailkeep_owner;
CREATE INDEX refresh_log_by_view ON costs.refresh_log USING btree (view, started_at DESC);
grant INSERT on costs.refresh_log to trailkeep_loader;
grant DELETE, INSERT, SELECT on costs.refresh_log to trailkeep_views;

create table costs.sector (
  tenant_id uuid not null,
  id integer not null,
  name text not null,
  constraint sector_pkey PRIMARY KEY (tenant_id, id),
  constraint sector_tenant_id_name_key UNIQUE (tenant_id, name)
);
alter table costs.sector owner to trailkeep_owner;
alter table costs.sector enable row level security;
alter table costs.sector force row level security;
create policy tenant on costs.sector for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.sector for r to trailkeep_views
  using true;
grant SELECT on costs.sector to trailkeep_app;
grant INSERT, SELECT, UPDATE on costs.sector to trailkeep_loader;
grant SELECT on costs.sector to trailkeep_views;

create table costs.source (
  tenant_id uuid not null,
  id uuid not null,
  kind text collate "C" not null,
  name text not null,
  settings json not null,
  created_by text not null,
  created_at timestamp with time zone not null,
  changed_at timestamp with time zone not null,
  deleted_at timestamp with time zone,
  constraint source_kind_check CHECK ((kind = ANY (ARRAY['appdynamics'::text, 'servicenow'::text, 'focus'::text, 'h-code'::text]))),
  constraint source_pkey PRIMARY KEY (tenant_id, id)
);
alter table costs.source owner to trailkeep_owner;
alter table costs.source enable row level security;
alter table costs.source force row level security;
CREATE UNIQUE INDEX source_name ON costs.source USING btree (tenant_id, name) WHERE (deleted_at IS NULL);
create policy tenant on costs.source for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (changed_at, deleted_at, settings) on costs.source to trailkeep_app;
grant SELECT on costs.source to trailkeep_loader;

create table costs.statement (
  tenant_id uuid not null,
  month date not null,
  version integer not null,
  settings json not null,
  document json not null,
  sha256 bytea not null,
  approved_by text not null,
  approved_at timestamp with time zone not null,
  constraint statement_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
  constraint statement_pkey PRIMARY KEY (tenant_id, month, version),
  constraint statement_sha256_check CHECK ((length(sha256) = 32)),
  constraint statement_tenant_id_month_version_approved_by_key UNIQUE (tenant_id, month, version, approved_by),
  constraint statement_version_check CHECK ((version > 0))
);
alter table costs.statement owner to trailkeep_owner;
alter table costs.statement enable row level security;
alter table costs.statement force row level security;
create policy tenant on costs.statement for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on costs.statement to trailkeep_app;
grant SELECT on costs.statement to trailkeep_loader;

create table costs.statement_lock (
  tenant_id uuid not null,
  month date not null,
  version integer not null,
  approved_by text not null,
  locked_by text not null,
  locked_at timestamp with time zone not null,
  constraint statement_lock_check CHECK ((locked_by <> approved_by)),
  constraint statement_lock_pkey PRIMARY KEY (tenant_id, month),
  constraint statement_lock_tenant_id_month_version_approved_by_fkey FOREIGN KEY (tenant_id, month, version, approved_by) REFERENCES costs.statement(tenant_id, month, version, approved_by)
);
alter table costs.statement_lock owner to trailkeep_owner;
alter table costs.statement_lock enable row level security;
alter table costs.statement_lock force row level security;
create policy tenant on costs.statement_lock for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on costs.statement_lock to trailkeep_app;
grant SELECT on costs.statement_lock to trailkeep_loader;

create table costs.usage_daily (
  tenant_id uuid not null,
  load_id integer not null,
  day date not null,
  application_id integer not null,
  measure text collate "C" not null,
  amount numeric not null,
  estimated boolean default false not null,
  constraint usage_daily_pkey PRIMARY KEY (tenant_id, load_id, day, application_id, measure)
);
alter table costs.usage_daily owner to trailkeep_owner;
alter table costs.usage_daily enable row level security;
alter table costs.usage_daily force row level security;
CREATE INDEX usage_by_day ON costs.usage_daily USING btree (tenant_id, day);
create policy tenant on costs.usage_daily for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on costs.usage_daily for r to trailkeep_views
  using true;
grant SELECT on costs.usage_daily to trailkeep_app;
grant DELETE, INSERT, SELECT on costs.usage_daily to trailkeep_loader;
grant SELECT on costs.usage_daily to trailkeep_views;
CREATE TRIGGER note_movement AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON costs.usage_daily FOR EACH STATEMENT EXECUTE FUNCTION costs.note_movement();

create table costs.view (
  name text collate "C" not null,
  place integer not null,
  moved_by text[] not null,
  dirty boolean default true not null,
  stale_at timestamp with time zone,
  counted numeric default 0 not null,
  refreshed_at timestamp with time zone,
  checked_at timestamp with time zone,
  constraint view_pkey PRIMARY KEY (name),
  constraint view_place_key UNIQUE (place)
);
alter table costs.view owner to trailkeep_owner;
grant SELECT (checked_at, name, refreshed_at) on costs.view to trailkeep_app;
grant SELECT, UPDATE (checked_at, counted, dirty, refreshed_at, stale_at) on costs.view to trailkeep_views;

create table costs.watermark (
  tenant_id uuid not null,
  source_id uuid not null,
  stream text collate "C" not null,
  position text not null,
  moved_at timestamp with time zone not null,
  constraint watermark_pkey PRIMARY KEY (tenant_id, source_id, stream),
  constraint watermark_tenant_id_source_id_fkey FOREIGN KEY (tenant_id, source_id) REFERENCES costs.source(tenant_id, id)
);
alter table costs.watermark owner to trailkeep_owner;
alter table costs.watermark enable row level security;
alter table costs.watermark force row level security;
create policy tenant on costs.watermark for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on costs.watermark to trailkeep_app;
grant INSERT, SELECT, UPDATE (moved_at, position) on costs.watermark to trailkeep_loader;

create table jobs.job (
  tenant_id uuid not null,
  id uuid not null,
  name text not null,
  kind text collate "C" not null,
  timing json not null,
  time_zone text collate "C" not null,
  config json not null,
  overlap text collate "C" not null,
  attempts_max integer not null,
  backoff_seconds integer not null,
  enabled boolean not null,
  created_by text not null,
  created_at timestamp with time zone not null,
  changed_at timestamp with time zone not null,
  deleted_at timestamp with time zone,
  scheduled_at timestamp with time zone,
  constraint job_attempts_max_check CHECK (((attempts_max >= 1) AND (attempts_max <= 10))),
  constraint job_backoff_seconds_check CHECK (((backoff_seconds >= 1) AND (backoff_seconds <= 3600))),
  constraint job_kind_check CHECK ((kind = ANY (ARRAY['etl'::text, 'refresh'::text, 'forecast'::text, 'compare'::text, 'report'::text, 'export'::text, 'retention'::text, 'verify'::text, 'custom-webhook'::text]))),
  constraint job_overlap_check CHECK ((overlap = ANY (ARRAY['refuse'::text, 'queue'::text]))),
  constraint job_pkey PRIMARY KEY (tenant_id, id)
);
alter table jobs.job owner to trailkeep_owner;
alter table jobs.job enable row level security;
alter table jobs.job force row level security;
CREATE UNIQUE INDEX job_name ON jobs.job USING btree (tenant_id, name) WHERE (deleted_at IS NULL);
create policy tenant on jobs.job for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (changed_at, deleted_at, enabled, scheduled_at) on jobs.job to trailkeep_app;
grant SELECT on jobs.job to trailkeep_loader;

create table jobs.part (
  tenant_id uuid not null,
  run_id uuid not null,
  part text collate "C" not null,
  state text collate "C" not null,
  attempt integer default 0 not null,
  taken integer default 0 not null,
  holder text collate "C",
  lease_until timestamp with time zone,
  next_at timestamp with time zone not null,
  sweep_at timestamp with time zone not null,
  answer json,
  position json,
  rows_read bigint default 0 not null,
  rows_written bigint default 0 not null,
  rows_rejected bigint default 0 not null,
  error_code text collate "C",
  error text,
  ended_at timestamp with time zone,
  constraint part_part_check CHECK (((length(part) >= 1) AND (length(part) <= 300))),
  constraint part_pkey PRIMARY KEY (tenant_id, run_id, part),
  constraint part_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'working'::text, 'away'::text, 'done'::text, 'failed'::text]))),
  constraint part_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES jobs.run(tenant_id, id)
);
alter table jobs.part owner to trailkeep_owner;
alter table jobs.part enable row level security;
alter table jobs.part force row level security;
CREATE INDEX part_open ON jobs.part USING btree (tenant_id, sweep_at) WHERE (state = ANY (ARRAY['waiting'::text, 'working'::text, 'away'::text]));
create policy tenant on jobs.part for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (answer, attempt, ended_at, error, error_code, holder, lease_until, next_at, position, rows_read, rows_rejected, rows_written, state, sweep_at, taken) on jobs.part to trailkeep_app;
grant INSERT, SELECT, UPDATE (answer, attempt, ended_at, error, error_code, holder, lease_until, next_at, position, rows_read, rows_rejected, rows_written, state, sweep_at, taken) on jobs.part to trailkeep_loader;

create table jobs.run (
  tenant_id uuid not null,
  id uuid not null,
  job_id uuid not null,
  kind text collate "C" not null,
  config json not null,
  attempts_max integer not null,
  backoff_seconds integer not null,
  cause text collate "C" not null,
  asked_by text not null,
  scheduled_for timestamp with time zone not null,
  state text collate "C" not null,
  queued_at timestamp with time zone not null,
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  rows_read bigint default 0 not null,
  rows_written bigint default 0 not null,
  rows_rejected bigint default 0 not null,
  parts_open integer default 0 not null,
  parts_done integer default 0 not null,
  parts_failed integer default 0 not null,
  error_code text collate "C",
  error text,
  result json,
  trace text,
  started_event_at timestamp with time zone,
  ended_event_at timestamp with time zone,
  constraint run_cause_check CHECK ((cause = ANY (ARRAY['schedule'::text, 'manual'::text]))),
  constraint run_check CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'refused'::text])) = (ended_at IS NOT NULL))),
  constraint run_pkey PRIMARY KEY (tenant_id, id),
  constraint run_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'refused'::text]))),
  constraint run_tenant_id_job_id_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES jobs.job(tenant_id, id)
);
alter table jobs.run owner to trailkeep_owner;
alter table jobs.run enable row level security;
alter table jobs.run force row level security;
CREATE INDEX run_by_job ON jobs.run USING btree (tenant_id, job_id, id DESC);
CREATE UNIQUE INDEX run_once ON jobs.run USING btree (tenant_id, job_id, scheduled_for) WHERE (cause = 'schedule'::text);
CREATE INDEX run_open ON jobs.run USING btree (tenant_id, state) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));
CREATE INDEX run_unsaid ON jobs.run USING btree (tenant_id, id) WHERE (ended_event_at IS NULL);
create policy tenant on jobs.run for * to trailkeep_app, trailkeep_loader
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (ended_at, ended_event_at, error, error_code, parts_done, parts_failed, parts_open, result, rows_read, rows_rejected, rows_written, started_at, started_event_at, state, trace) on jobs.run to trailkeep_app;
grant INSERT, SELECT, UPDATE (ended_at, ended_event_at, error, error_code, parts_done, parts_failed, parts_open, result, rows_read, rows_rejected, rows_written, started_at, started_event_at, state, trace) on jobs.run to trailkeep_loader;

create table privacy.delivery (
  tenant_id uuid not null,
  id uuid not null,
  subject_ref bytea,
  recipient text not null,
  kind text not null,
  reference text not null,
  delivered_at timestamp with time zone not null,
  notice_request uuid,
  notice_due_at timestamp with time zone,
  notice_sent_at timestamp with time zone,
  constraint delivery_check CHECK (((notice_request IS NULL) = (notice_due_at IS NULL))),
  constraint delivery_check1 CHECK (((notice_due_at IS NULL) OR (subject_ref IS NULL))),
  constraint delivery_kind_check CHECK ((kind = ANY (ARRAY['package'::text, 'export'::text, 'webhook'::text]))),
  constraint delivery_pkey PRIMARY KEY (tenant_id, id),
  constraint delivery_subject_ref_check CHECK ((length(subject_ref) = 16))
);
alter table privacy.delivery owner to trailkeep_owner;
alter table privacy.delivery enable row level security;
alter table privacy.delivery force row level security;
CREATE INDEX delivery_by_subject ON privacy.delivery USING btree (tenant_id, subject_ref) WHERE (subject_ref IS NOT NULL);
CREATE INDEX delivery_notice ON privacy.delivery USING btree (tenant_id, notice_due_at) WHERE ((notice_due_at IS NOT NULL) AND (notice_sent_at IS NULL));
create policy tenant on privacy.delivery for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (notice_due_at, notice_request, notice_sent_at, subject_ref) on privacy.delivery to trailkeep_app;

create table privacy.fence (
  tenant_id uuid not null,
  subject_ref bytea not null,
  until timestamp with time zone not null,
  erased_at timestamp with time zone default now() not null,
  lowered boolean default false not null,
  constraint fence_pkey PRIMARY KEY (tenant_id, subject_ref),
  constraint fence_subject_ref_check CHECK ((length(subject_ref) = 16))
);
alter table privacy.fence owner to trailkeep_owner;
alter table privacy.fence enable row level security;
alter table privacy.fence force row level security;
create policy tenant on privacy.fence for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant DELETE, INSERT, SELECT, UPDATE (erased_at, lowered, until) on privacy.fence to trailkeep_app;

create table privacy.legal_hold (
  tenant_id uuid not null,
  id uuid not null,
  matter text not null,
  custodian text not null,
  scope text not null,
  subject_refs bytea[],
  subjects json,
  filter json,
  placed_by text not null,
  placed_at timestamp with time zone not null,
  release_asked_by text,
  release_asked_at timestamp with time zone,
  released_by text,
  released_at timestamp with time zone,
  constraint legal_hold_check CHECK (((scope = 'subjects'::text) = (subject_refs IS NOT NULL))),
  constraint legal_hold_check1 CHECK (((scope = 'filter'::text) = (filter IS NOT NULL))),
  constraint legal_hold_check2 CHECK (((release_asked_by IS NULL) = (release_asked_at IS NULL))),
  constraint legal_hold_check3 CHECK (((released_by IS NULL) = (released_at IS NULL))),
  constraint legal_hold_check4 CHECK (((released_by IS NULL) OR ((release_asked_by IS NOT NULL) AND (released_by <> release_asked_by)))),
  constraint legal_hold_pkey PRIMARY KEY (tenant_id, id),
  constraint legal_hold_scope_check CHECK ((scope = ANY (ARRAY['all'::text, 'subjects'::text, 'filter'::text])))
);
alter table privacy.legal_hold owner to trailkeep_owner;
alter table privacy.legal_hold enable row level security;
alter table privacy.legal_hold force row level security;
CREATE INDEX legal_hold_active ON privacy.legal_hold USING btree (tenant_id) WHERE (released_at IS NULL);
create policy purger on privacy.legal_hold for r to trailkeep_purger
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on privacy.legal_hold for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (release_asked_at, release_asked_by, released_at, released_by, subject_refs, subjects) on privacy.legal_hold to trailkeep_app;
grant SELECT on privacy.legal_hold to trailkeep_purger;

create table privacy.request (
  tenant_id uuid not null,
  id uuid not null,
  version integer default 1 not null,
  type text not null,
  state text not null,
  subject_ref bytea,
  subject_box text not null,
  contact_box text,
  opened_by text not null,
  opened_at timestamp with time zone not null,
  due_at timestamp with time zone not null,
  identity_verified_by text,
  identity_verified_at timestamp with time zone,
  identity_method text,
  approved_by text,
  approved_at timestamp with time zone,
  extended_at timestamp with time zone,
  extension_reason text,
  fence_until timestamp with time zone,
  ended_at timestamp with time zone,
  document json not null,
  constraint request_check CHECK (((identity_verified_by IS NULL) = (identity_verified_at IS NULL))),
  constraint request_check1 CHECK (((approved_by IS NULL) = (approved_at IS NULL))),
  constraint request_check2 CHECK (((approved_by IS NULL) OR ((identity_verified_by IS NOT NULL) AND (approved_by <> identity_verified_by) AND (approved_by <> opened_by)))),
  constraint request_check3 CHECK (((state <> ALL (ARRAY['approved'::text, 'held'::text, 'executing'::text, 'fencing'::text, 'completed'::text, 'partially_completed'::text])) OR (approved_by IS NOT NULL))),
  constraint request_check4 CHECK (((extended_at IS NULL) = (extension_reason IS NULL))),
  constraint request_check5 CHECK (((state = ANY (ARRAY['completed'::text, 'partially_completed'::text, 'refused'::text, 'cancelled'::text])) = (ended_at IS NOT NULL))),
  constraint request_check6 CHECK (((type <> 'erasure'::text) OR (state <> ALL (ARRAY['completed'::text, 'partially_completed'::text])) OR (subject_ref IS NULL))),
  constraint request_pkey PRIMARY KEY (tenant_id, id),
  constraint request_state_check CHECK ((state = ANY (ARRAY['received'::text, 'verified'::text, 'approved'::text, 'held'::text, 'executing'::text, 'fencing'::text, 'completed'::text, 'partially_completed'::text, 'refused'::text, 'cancelled'::text]))),
  constraint request_subject_ref_check CHECK ((length(subject_ref) = 16)),
  constraint request_type_check CHECK ((type = ANY (ARRAY['access'::text, 'portability'::text, 'erasure'::text, 'rectification'::text, 'restriction'::text]))),
  constraint request_version_check CHECK ((version > 0))
);
alter table privacy.request owner to trailkeep_owner;
alter table privacy.request enable row level security;
alter table privacy.request force row level security;
CREATE INDEX request_by_subject ON privacy.request USING btree (tenant_id, subject_ref) WHERE (subject_ref IS NOT NULL);
CREATE INDEX request_open ON privacy.request USING btree (tenant_id, id) WHERE (ended_at IS NULL);
create policy tenant on privacy.request for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (approved_at, approved_by, document, due_at, ended_at, extended_at, extension_reason, fence_until, identity_method, identity_verified_at, identity_verified_by, state, subject_ref, version) on privacy.request to trailkeep_app;

create table privacy.subject_alias (
  tenant_id uuid not null,
  alias bytea not null,
  subject_ref bytea not null,
  constraint subject_alias_alias_check CHECK ((length(alias) = 12)),
  constraint subject_alias_pkey PRIMARY KEY (tenant_id, alias, subject_ref),
  constraint subject_alias_subject_ref_check CHECK ((length(subject_ref) = 16))
);
alter table privacy.subject_alias owner to trailkeep_owner;
alter table privacy.subject_alias enable row level security;
alter table privacy.subject_alias force row level security;
CREATE INDEX subject_alias_by_subject ON privacy.subject_alias USING btree (tenant_id, subject_ref);
create policy tenant on privacy.subject_alias for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant DELETE, INSERT, SELECT on privacy.subject_alias to trailkeep_app;

create table privacy.subject_key (
  tenant_id uuid not null,
  key_id bytea not null,
  subject_ref bytea,
  tenant_key_version integer,
  wrapped bytea,
  state text default 'live'::text not null,
  created_at timestamp with time zone default now() not null,
  ended_at timestamp with time zone,
  constraint subject_key_check CHECK (((state = ANY (ARRAY['live'::text, 'restricted'::text])) = (wrapped IS NOT NULL))),
  constraint subject_key_check1 CHECK (((state <> 'shredded'::text) OR (subject_ref IS NULL))),
  constraint subject_key_key_id_check CHECK ((length(key_id) = 24)),
  constraint subject_key_pkey PRIMARY KEY (tenant_id, key_id),
  constraint subject_key_state_check CHECK ((state = ANY (ARRAY['live'::text, 'restricted'::text, 'vaulted'::text, 'shredded'::text]))),
  constraint subject_key_subject_ref_check CHECK ((length(subject_ref) = 16)),
  constraint subject_key_wrapped_check CHECK ((length(wrapped) = 60))
);
alter table privacy.subject_key owner to trailkeep_owner;
alter table privacy.subject_key enable row level security;
alter table privacy.subject_key force row level security;
CREATE UNIQUE INDEX subject_key_current ON privacy.subject_key USING btree (tenant_id, subject_ref) WHERE (state = ANY (ARRAY['live'::text, 'restricted'::text]));
create policy tenant on privacy.subject_key for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (ended_at, state, subject_ref, tenant_key_version, wrapped) on privacy.subject_key to trailkeep_app;

create table privacy.tenant_key (
  tenant_id uuid not null,
  version integer not null,
  wrapped bytea not null,
  created_at timestamp with time zone default now() not null,
  constraint tenant_key_pkey PRIMARY KEY (tenant_id, version),
  constraint tenant_key_version_check CHECK ((version > 0))
);
alter table privacy.tenant_key owner to trailkeep_owner;
alter table privacy.tenant_key enable row level security;
alter table privacy.tenant_key force row level security;
create policy tenant on privacy.tenant_key for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on privacy.tenant_key to trailkeep_app;

create table privacy.vault_key (
  tenant_id uuid not null,
  key_id bytea not null,
  tenant_key_version integer not null,
  wrapped bytea not null,
  request uuid not null,
  legal_basis text not null,
  reference text not null,
  retain_until timestamp with time zone not null,
  vaulted_at timestamp with time zone default now() not null,
  constraint vault_key_key_id_check CHECK ((length(key_id) = 24)),
  constraint vault_key_legal_basis_check CHECK ((legal_basis = ANY (ARRAY['art17_3_a_expression'::text, 'art17_3_b_legal_obligation'::text, 'art17_3_c_public_health'::text, 'art17_3_d_archiving_research'::text, 'art17_3_e_legal_claims'::text]))),
  constraint vault_key_pkey PRIMARY KEY (tenant_id, key_id)
);
alter table privacy.vault_key owner to trailkeep_owner;
alter table privacy.vault_key enable row level security;
alter table privacy.vault_key force row level security;
CREATE INDEX vault_key_by_end ON privacy.vault_key USING btree (tenant_id, retain_until);
create policy tenant on privacy.vault_key for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant DELETE, INSERT, SELECT on privacy.vault_key to trailkeep_app;

create table proof.checkpoint (
  tenant_id uuid not null,
  size bigint not null,
  root bytea not null,
  epoch integer not null,
  note text,
  claimed_at timestamp with time zone default now() not null,
  signed_at timestamp with time zone,
  constraint checkpoint_pkey PRIMARY KEY (tenant_id, size),
  constraint checkpoint_root_check CHECK ((length(root) = 32))
);
alter table proof.checkpoint owner to trailkeep_owner;
alter table proof.checkpoint enable row level security;
alter table proof.checkpoint force row level security;
create policy tenant on proof.checkpoint for * to trailkeep_app, trailkeep_recovery, trailkeep_sealer
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy verifier on proof.checkpoint for r to trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on proof.checkpoint to trailkeep_app;
grant INSERT, SELECT, UPDATE (epoch, note, root, signed_at) on proof.checkpoint to trailkeep_recovery;
grant INSERT, SELECT, UPDATE (note, signed_at) on proof.checkpoint to trailkeep_sealer;
grant SELECT on proof.checkpoint to trailkeep_verifier;

create table proof.export (
  tenant_id uuid not null,
  id uuid not null,
  state text collate "C" default 'asked'::text not null,
  asked_by text not null,
  asked_at timestamp with time zone not null,
  asked json not null,
  sees text[] not null,
  leaves bigint not null,
  ended_at timestamp with time zone,
  result json,
  problem text,
  constraint export_check CHECK (((state = 'asked'::text) = (ended_at IS NULL))),
  constraint export_check1 CHECK (((state = 'ready'::text) = (result IS NOT NULL))),
  constraint export_check2 CHECK (((state = 'failed'::text) = (problem IS NOT NULL))),
  constraint export_pkey PRIMARY KEY (tenant_id, id),
  constraint export_state_check CHECK ((state = ANY (ARRAY['asked'::text, 'ready'::text, 'failed'::text])))
);
alter table proof.export owner to trailkeep_owner;
alter table proof.export enable row level security;
alter table proof.export force row level security;
create policy tenant on proof.export for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT, UPDATE (ended_at, problem, result, state) on proof.export to trailkeep_app;

create table proof.finding (
  tenant_id uuid not null,
  round text collate "C" not null,
  reason text collate "C" not null,
  place text collate "C" not null,
  verdict text collate "C" not null,
  why text not null,
  found_at timestamp with time zone default now() not null,
  last_found_at timestamp with time zone default now() not null,
  constraint finding_pkey PRIMARY KEY (tenant_id, round, reason, place)
);
alter table proof.finding owner to trailkeep_owner;
alter table proof.finding enable row level security;
alter table proof.finding force row level security;
create policy tenant on proof.finding for * to trailkeep_app, trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on proof.finding to trailkeep_app;
grant INSERT, SELECT, UPDATE (last_found_at, why) on proof.finding to trailkeep_verifier;

create table proof.incarnation (
  id smallint not null,
  incarnation uuid not null,
  since timestamp with time zone default now() not null,
  shard smallint default 0 not null,
  constraint incarnation_id_check CHECK ((id = 1)),
  constraint incarnation_pkey PRIMARY KEY (id),
  constraint incarnation_shard_check CHECK (((shard >= 0) AND (shard <= 99)))
);
alter table proof.incarnation owner to trailkeep_owner;
grant SELECT on proof.incarnation to trailkeep_app;
grant SELECT, UPDATE (incarnation, since) on proof.incarnation to trailkeep_recovery;
grant SELECT on proof.incarnation to trailkeep_sealer;

create table proof.log (
  tenant_id uuid not null,
  slug text collate "C" not null,
  origin text collate "C" not null,
  state text collate "C" default 'initializing'::text not null,
  epoch integer default 0 not null,
  size bigint default 0 not null,
  root bytea not null,
  edge bytea default '\x'::bytea not null,
  archived_size bigint default 0 not null,
  published_size bigint default 0 not null,
  frozen_at timestamp with time zone,
  frozen_reason text,
  recovering_since timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  constraint log_check CHECK (((published_size <= archived_size) AND (archived_size <= size))),
  constraint log_check1 CHECK ((((state = 'frozen'::text) = (frozen_at IS NOT NULL)) AND ((frozen_at IS NULL) = (frozen_reason IS NULL)))),
  constraint log_pkey PRIMARY KEY (tenant_id),
  constraint log_root_check CHECK ((length(root) = 32)),
  constraint log_slug_check CHECK ((slug ~ '^[a-z2-7]{26}$'::text)),
  constraint log_state_check CHECK ((state = ANY (ARRAY['initializing'::text, 'active'::text, 'frozen'::text, 'retired'::text])))
);
alter table proof.log owner to trailkeep_owner;
alter table proof.log enable row level security;
alter table proof.log force row level security;
create policy archiver on proof.log for r to trailkeep_archiver
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on proof.log for * to trailkeep_app, trailkeep_recovery, trailkeep_sealer
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy verifier on proof.log for r to trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on proof.log to trailkeep_app;
grant SELECT (state, tenant_id) on proof.log to trailkeep_archiver;
grant SELECT, UPDATE (archived_size, edge, epoch, frozen_at, frozen_reason, published_size, recovering_since, root, size, state) on proof.log to trailkeep_recovery;
grant INSERT, SELECT, UPDATE (archived_size, edge, frozen_at, frozen_reason, published_size, root, size, state) on proof.log to trailkeep_sealer;
grant SELECT on proof.log to trailkeep_verifier;

create table proof.outbox (
  tenant_id uuid not null,
  first_leaf bigint not null,
  events integer not null,
  seq bigint not null,
  tier smallint not null,
  time bigint not null,
  leaves bytea storage e not null,
  committed_at timestamp with time zone default now() not null,
  constraint outbox_check CHECK ((length(leaves) = (49 * events))),
  constraint outbox_events_check CHECK ((events > 0)),
  constraint outbox_pkey PRIMARY KEY (tenant_id, first_leaf)
);
alter table proof.outbox owner to trailkeep_owner;
alter table proof.outbox enable row level security;
alter table proof.outbox force row level security;
create policy archiver on proof.outbox for r to trailkeep_archiver
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on proof.outbox for * to trailkeep_app, trailkeep_recovery, trailkeep_sealer
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on proof.outbox to trailkeep_app;
grant SELECT on proof.outbox to trailkeep_archiver;
grant DELETE, INSERT, SELECT, UPDATE (first_leaf, seq, time) on proof.outbox to trailkeep_recovery;
grant DELETE, SELECT on proof.outbox to trailkeep_sealer;

create table proof.verification (
  tenant_id uuid not null,
  round text collate "C" not null,
  position text collate "C",
  started_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  checked bigint default 0 not null,
  constraint verification_pkey PRIMARY KEY (tenant_id, round),
  constraint verification_round_check CHECK ((round = ANY (ARRAY['rows'::text, 'segments'::text, 'archive'::text])))
);
alter table proof.verification owner to trailkeep_owner;
alter table proof.verification enable row level security;
alter table proof.verification force row level security;
create policy tenant on proof.verification for * to trailkeep_app, trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on proof.verification to trailkeep_app;
grant INSERT, SELECT, UPDATE on proof.verification to trailkeep_verifier;

create table record.event (
  tenant_id uuid not null,
  id uuid not null,
  occurred_at timestamp with time zone not null,
  category smallint not null,
  outcome smallint not null,
  severity smallint not null,
  action text collate "C" not null,
  actor text collate "C" not null,
  body text not null,
  constraint event_pkey PRIMARY KEY (tenant_id, id)
) partition by RANGE (id);
alter table record.event owner to trailkeep_owner;
alter table record.event enable row level security;
alter table record.event force row level security;
CREATE INDEX event_by_action ON ONLY record.event USING btree (tenant_id, action, occurred_at DESC, id DESC);
CREATE INDEX event_by_actor ON ONLY record.event USING btree (tenant_id, actor, occurred_at DESC, id DESC);
CREATE INDEX event_by_time ON ONLY record.event USING btree (tenant_id, occurred_at DESC, id DESC);
create policy counted on record.event for r to trailkeep_owner
  using true;
create policy recovery on record.event for * to trailkeep_recovery
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on record.event for * to trailkeep_app, trailkeep_purger
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy verifier on record.event for r to trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on record.event to trailkeep_app;
grant DELETE, SELECT on record.event to trailkeep_purger;
grant DELETE, INSERT, SELECT on record.event to trailkeep_recovery;
grant SELECT on record.event to trailkeep_verifier;

create table record.event_token (
  tenant_id uuid not null,
  token text collate "C" not null,
  occurred_at timestamp with time zone not null,
  event_id uuid not null,
  constraint event_token_pkey PRIMARY KEY (tenant_id, token, occurred_at, event_id)
);
alter table record.event_token owner to trailkeep_owner;
alter table record.event_token enable row level security;
alter table record.event_token force row level security;
create policy recovery on record.event_token for * to trailkeep_recovery
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on record.event_token for * to trailkeep_app, trailkeep_purger
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant INSERT, SELECT on record.event_token to trailkeep_app;
grant DELETE, SELECT on record.event_token to trailkeep_purger;
grant DELETE, INSERT, SELECT on record.event_token to trailkeep_recovery;

create table record.message (
  digest bytea not null,
  segment_id uuid not null,
  stored_at timestamp with time zone default now() not null,
  constraint message_digest_check CHECK ((length(digest) = 32)),
  constraint message_pkey PRIMARY KEY (digest)
);
alter table record.message owner to trailkeep_owner;
CREATE INDEX message_by_time ON record.message USING brin (stored_at);
grant DELETE, INSERT, SELECT on record.message to trailkeep_app;
grant INSERT, SELECT on record.message to trailkeep_recovery;

create table record.pulse (
  id smallint default 1 not null,
  at timestamp with time zone not null,
  constraint pulse_id_check CHECK ((id = 1)),
  constraint pulse_pkey PRIMARY KEY (id)
);
alter table record.pulse owner to trailkeep_owner;
grant SELECT on record.pulse to trailkeep_app;

create table record.segment (
  segment_id uuid not null,
  key text not null,
  tier smallint not null,
  bytes bigint not null,
  sha256 bytea not null,
  tenants uuid[] not null,
  committed_at timestamp with time zone default now() not null,
  announced_at timestamp with time zone,
  partial boolean default false not null,
  constraint segment_pkey PRIMARY KEY (segment_id),
  constraint segment_sha256_check CHECK ((length(sha256) = 32))
);
alter table record.segment owner to trailkeep_owner;
CREATE INDEX segment_unannounced ON record.segment USING btree (committed_at) WHERE (announced_at IS NULL);
grant INSERT, SELECT, UPDATE (announced_at, partial, tenants) on record.segment to trailkeep_app;
grant DELETE, SELECT on record.segment to trailkeep_archiver;
grant SELECT on record.segment to trailkeep_purger;
grant INSERT, SELECT, UPDATE (announced_at, partial, tenants) on record.segment to trailkeep_recovery;
grant SELECT on record.segment to trailkeep_sealer;
grant SELECT on record.segment to trailkeep_verifier;

create table record.segment_part (
  tenant_id uuid not null,
  seq bigint not null,
  segment_id uuid not null,
  tier smallint not null,
  events integer not null,
  min_time bigint not null,
  max_time bigint not null,
  min_id uuid not null,
  max_id uuid not null,
  blocks bytea storage e not null,
  first_leaf bigint,
  constraint segment_part_pkey PRIMARY KEY (tenant_id, seq)
);
alter table record.segment_part owner to trailkeep_owner;
alter table record.segment_part enable row level security;
alter table record.segment_part force row level security;
CREATE INDEX segment_part_by_any_id ON record.segment_part USING btree (tenant_id, max_id, min_id);
CREATE UNIQUE INDEX segment_part_by_leaf ON record.segment_part USING btree (tenant_id, first_leaf);
CREATE INDEX segment_part_by_segment ON record.segment_part USING btree (segment_id);
CREATE INDEX segment_part_by_time ON record.segment_part USING btree (tenant_id, max_time DESC, seq DESC) WHERE (tier = 1);
create policy archiver on record.segment_part for * to trailkeep_archiver
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy recovery on record.segment_part for * to trailkeep_recovery
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on record.segment_part for * to trailkeep_app, trailkeep_sealer
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy verifier on record.segment_part for r to trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on record.segment_part for r to trailkeep_views
  using true;
grant INSERT, SELECT on record.segment_part to trailkeep_app;
grant DELETE, SELECT on record.segment_part to trailkeep_archiver;
grant DELETE, INSERT, SELECT, UPDATE (first_leaf, seq) on record.segment_part to trailkeep_recovery;
grant SELECT on record.segment_part to trailkeep_sealer;
grant SELECT on record.segment_part to trailkeep_verifier;
grant SELECT (events, max_time, seq, tenant_id, tier) on record.segment_part to trailkeep_views;

create table record.tenant_counter (
  tenant_id uuid not null,
  seq bigint not null,
  leaves bigint default 0 not null,
  last_time bigint default 0 not null,
  constraint tenant_counter_pkey PRIMARY KEY (tenant_id)
);
alter table record.tenant_counter owner to trailkeep_owner;
alter table record.tenant_counter enable row level security;
alter table record.tenant_counter force row level security;
create policy archiver on record.tenant_counter for r to trailkeep_archiver
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy recovery on record.tenant_counter for * to trailkeep_recovery
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy sealer on record.tenant_counter for r to trailkeep_sealer
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy tenant on record.tenant_counter for * to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy verifier on record.tenant_counter for r to trailkeep_verifier
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
create policy views on record.tenant_counter for r to trailkeep_views
  using true;
grant INSERT, SELECT, UPDATE (last_time, leaves, seq) on record.tenant_counter to trailkeep_app;
grant SELECT on record.tenant_counter to trailkeep_archiver;
grant INSERT, SELECT, UPDATE (last_time, leaves, seq) on record.tenant_counter to trailkeep_recovery;
grant SELECT on record.tenant_counter to trailkeep_sealer;
grant SELECT on record.tenant_counter to trailkeep_verifier;
grant SELECT on record.tenant_counter to trailkeep_views;

create table sec.away (
  tenant_id uuid not null,
  state text collate "C" not null,
  since timestamp with time zone default now() not null,
  constraint away_pkey PRIMARY KEY (tenant_id),
  constraint away_state_check CHECK ((state = ANY (ARRAY['moving'::text, 'moved'::text])))
);
alter table sec.away owner to trailkeep_owner;
alter table sec.away enable row level security;
alter table sec.away force row level security;
create policy enter on sec.away for r to trailkeep_owner
  using true;
create policy tenant on sec.away for r to trailkeep_app
  using (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
grant SELECT on sec.away to trailkeep_app;

create table sec.context_key (
  id smallint not null,
  key bytea not null,
  constraint context_key_id_check CHECK ((id = 1)),
  constraint context_key_key_check CHECK ((length(key) = 32)),
  constraint context_key_pkey PRIMARY KEY (id)
);
alter table sec.context_key owner to trailkeep_owner;

create view costs.adjustment with (security_invoker=true) as
 SELECT tenant_id,
    id,
    from_day AS month,
    application_id,
    controller_id,
    COALESCE(sector_id, 0) AS sector_id,
    COALESCE(owner_id, 0) AS owner_id,
    COALESCE(architecture_id, 0) AS architecture_id,
    COALESCE(h_code_id, 0) AS h_code_id,
    currency,
    amount,
    reason,
    approved_by,
    approved_at,
    expires_at
   FROM costs.override_in_effect
  WHERE (kind = 'cost'::text);
alter view costs.adjustment owner to trailkeep_owner;
grant select on costs.adjustment to trailkeep_app;
grant select on costs.adjustment to trailkeep_loader;
grant select on costs.adjustment to trailkeep_views;

create view costs.architecture_metrics_90d with (security_barrier=true) as
 SELECT v.tenant_id,
    v.application_id,
    v.architecture_id,
    v.from_day,
    v.to_day,
    v.days,
    v.days_estimated,
    v.nodes_avg,
    v.nodes_max,
    v.vcpu_avg,
    v.vcpu_max,
    v.licence_units_avg,
    v.licence_units_max,
    v.calls,
    v.effective,
    r.name AS architecture,
    a.name AS application,
    a.controller_id,
    c.name AS controller,
    a.tiers,
    a.nodes
   FROM (((costs.mv_architecture_metrics_90d v
     LEFT JOIN costs.application a ON (((a.tenant_id = v.tenant_id) AND (a.id = v.application_id))))
     LEFT JOIN costs.controller c ON (((c.tenant_id = a.tenant_id) AND (c.id = a.controller_id))))
     LEFT JOIN costs.architecture r ON (((r.tenant_id = v.tenant_id) AND (r.id = v.architecture_id))))
  WHERE (v.tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
alter view costs.architecture_metrics_90d owner to trailkeep_views;
grant select on costs.architecture_metrics_90d to trailkeep_app;

create view costs.audit_activity_daily with (security_barrier=true) as
 SELECT tenant_id,
    day,
    span,
    category AS category_id,
    COALESCE((ARRAY['auth_events'::text, 'api_calls'::text, 'user_activity'::text, 'operations'::text, 'critical'::text, 'system'::text])[(category + 1)], '(not archived yet)'::text) AS category,
    tier AS tier_id,
    (ARRAY['critical'::text, 'bulk'::text])[(tier + 1)] AS tier,
    events,
    raw_bytes
   FROM costs.mv_audit_activity_daily v
  WHERE (tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
alter view costs.audit_activity_daily owner to trailkeep_views;
grant select on costs.audit_activity_daily to trailkeep_app;

create view costs.charge with (security_invoker=true) as
 SELECT cost_daily.tenant_id,
    cost_daily.load_id,
    cost_daily.line,
    NULL::uuid AS override_id,
    cost_daily.day,
    cost_daily.application_id,
    cost_daily.controller_id,
    cost_daily.charge_category,
    cost_daily.charge_class,
    cost_daily.provider,
    cost_daily.service_category,
    cost_daily.service_name,
    cost_daily.sub_account,
    cost_daily.region,
    cost_daily.resource,
    cost_daily.currency,
    cost_daily.billed,
    cost_daily.effective,
    cost_daily.contracted,
    cost_daily.list
   FROM costs.cost_daily
UNION ALL
 SELECT adjustment.tenant_id,
    0 AS load_id,
    0 AS line,
    adjustment.id AS override_id,
    adjustment.month AS day,
    adjustment.application_id,
    adjustment.controller_id,
    'Adjustment'::text AS charge_category,
    'Correction'::text AS charge_class,
    'Trailkeep'::text AS provider,
    'Other'::text AS service_category,
    'Adjustment'::text AS service_name,
    ''::text AS sub_account,
    ''::text AS region,
    ''::text AS resource,
    adjustment.currency,
    adjustment.amount AS billed,
    adjustment.amount AS effective,
    adjustment.amount AS contracted,
    adjustment.amount AS list
   FROM costs.adjustment;
alter view costs.charge owner to trailkeep_owner;
grant select on costs.charge to trailkeep_app;
grant select on costs.charge to trailkeep_loader;
grant select on costs.charge to trailkeep_views;

create view costs.charge_in_effect with (security_invoker=true) as
 SELECT c.tenant_id,
    c.load_id,
    c.line,
    c.override_id,
    c.day,
    (date_trunc('month'::text, (c.day)::timestamp without time zone))::date AS month,
    c.application_id,
    c.controller_id,
    COALESCE(m.sector_id, a.sector_id, 0) AS sector_id,
    COALESCE(m.owner_id, a.owner_id, 0) AS owner_id,
    COALESCE(m.architecture_id, a.architecture_id, 0) AS architecture_id,
    COALESCE(m.h_code_id, a.h_code_id, 0) AS h_code_id,
    COALESCE(m.h_code_rule, 'none'::text) AS h_code_rule,
    COALESCE(m.overrides, '{}'::uuid[]) AS overrides,
    c.charge_category,
    c.charge_class,
    c.provider,
    c.service_category,
    c.service_name,
    c.sub_account,
    c.region,
    c.resource,
    c.currency,
    c.billed,
    c.effective,
    c.contracted,
    c.list
   FROM ((costs.charge c
     LEFT JOIN costs.mapping_in_effect m ON (((m.tenant_id = c.tenant_id) AND (m.application_id = c.application_id) AND (m.from_day <= c.day) AND (c.day < m.to_day))))
     LEFT JOIN costs.adjustment a ON (((a.tenant_id = c.tenant_id) AND (a.id = c.override_id))));
alter view costs.charge_in_effect owner to trailkeep_owner;
grant select on costs.charge_in_effect to trailkeep_app;
grant select on costs.charge_in_effect to trailkeep_loader;
grant select on costs.charge_in_effect to trailkeep_views;

create view costs.cmdb_match_quality with (security_barrier=true) as
 SELECT v.tenant_id,
    v.side,
    v.controller_id,
    v.class,
    v.rule,
    v.things,
    v.confidence_avg,
    v.confidence_min,
    c.name AS controller
   FROM (costs.mv_cmdb_match_quality v
     LEFT JOIN costs.controller c ON (((c.tenant_id = v.tenant_id) AND (c.id = v.controller_id))))
  WHERE (v.tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
alter view costs.cmdb_match_quality owner to trailkeep_views;
grant select on costs.cmdb_match_quality to trailkeep_app;

create view costs.cost_by_owner_controller with (security_barrier=true) as
 SELECT v.tenant_id,
    v.month,
    v.owner_id,
    v.controller_id,
    v.currency,
    v.charges,
    v.billed,
    v.effective,
    v.contracted,
    v.list,
    o.name AS owner,
    c.name AS controller
   FROM ((costs.mv_cost_by_owner_controller v
     LEFT JOIN costs.owner o ON (((o.tenant_id = v.tenant_id) AND (o.id = v.owner_id))))
     LEFT JOIN costs.controller c ON (((c.tenant_id = v.tenant_id) AND (c.id = v.controller_id))))
  WHERE (v.tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
alter view costs.cost_by_owner_controller owner to trailkeep_views;
grant select on costs.cost_by_owner_controller to trailkeep_app;

create view costs.cost_by_sector_controller with (security_barrier=true) as
 SELECT v.tenant_id,
    v.month,
    v.sector_id,
    v.controller_id,
    v.currency,
    v.charges,
    v.billed,
    v.effective,
    v.contracted,
    v.list,
    s.name AS sector,
    c.name AS controller
   FROM ((costs.mv_cost_by_sector_controller v
     LEFT JOIN costs.sector s ON (((s.tenant_id = v.tenant_id) AND (s.id = v.sector_id))))
     LEFT JOIN costs.controller c ON (((c.tenant_id = v.tenant_id) AND (c.id = v.controller_id))))
  WHERE (v.tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
alter view costs.cost_by_sector_controller owner to trailkeep_views;
grant select on costs.cost_by_sector_controller to trailkeep_app;

create view costs.daily_usage_by_application with (security_barrier=true) as
 SELECT v.tenant_id,
    v.day,
    v.application_id,
    v.nodes,
    v.vcpu,
    v.licence_units,
    v.calls,
    v.estimated,
    v.overridden,
    a.name AS application,
    a.controller_id
   FROM (costs.mv_daily_usage_by_application v
     LEFT JOIN costs.application a ON (((a.tenant_id = v.tenant_id) AND (a.id = v.application_id))))
  WHERE (v.tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
alter view costs.daily_usage_by_application owner to trailkeep_views;
grant select on costs.daily_usage_by_application to trailkeep_app;

create view costs.license_utilization with (security_barrier=true) as
 SELECT v.tenant_id,
    v.month,
    v.controller_id,
    v.package,
    v.days,
    v.days_estimated,
    v.days_over,
    v.provisioned_avg,
    v.provisioned_max,
    v.used_avg,
    v.used_max,
    c.name AS controller,
    round((v.used_avg / NULLIF(v.provisioned_avg, (0)::numeric)), 6) AS utilization_avg,
    round((v.used_max / NULLIF(v.provisioned_max, (0)::numeric)), 6) AS utilization_max
   FROM (costs.mv_license_utilization v
     LEFT JOIN costs.controller c ON (((c.tenant_id = v.tenant_id) AND (c.id = v.controller_id))))
  WHERE (v.tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
alter view costs.license_utilization owner to trailkeep_views;
grant select on costs.license_utilization to trailkeep_app;

create view costs.mapping_in_effect with (security_invoker=true) as
 WITH laid AS (
         SELECT override_in_effect.tenant_id,
            override_in_effect.id,
            override_in_effect.kind,
            override_in_effect.application_id,
            override_in_effect.from_day,
            override_in_effect.to_day,
            override_in_effect.sector_id,
            override_in_effect.owner_id,
            override_in_effect.architecture_id,
            override_in_effect.h_code_id,
            override_in_effect.controller_id,
            override_in_effect.measure,
            override_in_effect.amount,
            override_in_effect.currency,
            override_in_effect.before,
            override_in_effect.after,
            override_in_effect.reason,
            override_in_effect.proposed_by,
            override_in_effect.proposed_at,
            override_in_effect.expires_at,
            override_in_effect.approved_by,
            override_in_effect.approved_at
           FROM costs.override_in_effect
          WHERE (override_in_effect.kind = 'mapping'::text)
        ), edge AS (
         SELECT laid.tenant_id,
            laid.application_id,
            laid.from_day AS day
           FROM laid
        UNION
         SELECT laid.tenant_id,
            laid.application_id,
            laid.to_day
           FROM laid
        UNION
         SELECT m.tenant_id,
            m.application_id,
            d.day
           FROM (costs.mapping m
             CROSS JOIN LATERAL ( VALUES (m.from_day), (m.to_day)) d(day))
          WHERE (EXISTS ( SELECT
                   FROM laid l
                  WHERE ((l.tenant_id = m.tenant_id) AND (l.application_id = m.application_id))))
        ), span AS (
         SELECT edge.tenant_id,
            edge.application_id,
            edge.day AS from_day,
            lead(edge.day) OVER (PARTITION BY edge.tenant_id, edge.application_id ORDER BY edge.day) AS to_day
           FROM edge
        )
 SELECT m.tenant_id,
    m.application_id,
    m.from_day,
    m.to_day,
    m.sector_id,
    m.owner_id,
    m.architecture_id,
    m.h_code_id,
    m.h_code_rule,
    m.load_id,
    '{}'::uuid[] AS overrides
   FROM costs.mapping m
  WHERE (NOT (EXISTS ( SELECT
           FROM laid l
          WHERE ((l.tenant_id = m.tenant_id) AND (l.application_id = m.application_id)))))
UNION ALL
 SELECT s.tenant_id,
    s.application_id,
    s.from_day,
    s.to_day,
    COALESCE(o.sector_id, m.sector_id, 0) AS sector_id,
    COALESCE(o.owner_id, m.owner_id, 0) AS owner_id,
    COALESCE(o.architecture_id, m.architecture_id, 0) AS architecture_id,
    COALESCE(o.h_code_id, m.h_code_id, 0) AS h_code_id,
        CASE
            WHEN (o.h_code_id IS NULL) THEN COALESCE(m.h_code_rule, 'none'::text)
            ELSE 'override'::text
        END AS h_code_rule,
    COALESCE(m.load_id, 0) AS load_id,
    COALESCE(o.overrides, '{}'::uuid[]) AS overrides
   FROM ((span s
     LEFT JOIN costs.mapping m ON (((m.tenant_id = s.tenant_id) AND (m.application_id = s.application_id) AND (m.from_day <= s.from_day) AND (s.from_day < m.to_day))))
     LEFT JOIN LATERAL ( SELECT (array_agg(l.sector_id ORDER BY l.approved_at DESC, l.id DESC) FILTER (WHERE (l.sector_id IS NOT NULL)))[1] AS sector_id,
            (array_agg(l.owner_id ORDER BY l.approved_at DESC, l.id DESC) FILTER (WHERE (l.owner_id IS NOT NULL)))[1] AS owner_id,
            (array_agg(l.architecture_id ORDER BY l.approved_at DESC, l.id DESC) FILTER (WHERE (l.architecture_id IS NOT NULL)))[1] AS architecture_id,
            (array_agg(l.h_code_id ORDER BY l.approved_at DESC, l.id DESC) FILTER (WHERE (l.h_code_id IS NOT NULL)))[1] AS h_code_id,
            array_agg(l.id ORDER BY l.id) AS overrides
           FROM laid l
          WHERE ((l.tenant_id = s.tenant_id) AND (l.application_id = s.application_id) AND (l.from_day <= s.from_day) AND (s.from_day < l.to_day))) o ON (true))
  WHERE ((s.to_day IS NOT NULL) AND ((m.tenant_id IS NOT NULL) OR (o.overrides IS NOT NULL)));
alter view costs.mapping_in_effect owner to trailkeep_owner;
grant select on costs.mapping_in_effect to trailkeep_app;
grant select on costs.mapping_in_effect to trailkeep_loader;
grant select on costs.mapping_in_effect to trailkeep_views;

create view costs.monthly_chargeback_summary with (security_barrier=true) as
 SELECT v.tenant_id,
    v.month,
    v.h_code_id,
    v.sector_id,
    v.owner_id,
    v.currency,
    v.charges,
    v.billed,
    v.effective,
    v.contracted,
    v.list,
    v.effective_credits,
    v.effective_corrections,
    v.overridden,
    h.code AS h_code,
    h.cost_centre,
    s.name AS sector,
    o.name AS owner
   FROM (((costs.mv_monthly_chargeback_summary v
     LEFT JOIN costs.h_code h ON (((h.tenant_id = v.tenant_id) AND (h.id = v.h_code_id))))
     LEFT JOIN costs.sector s ON (((s.tenant_id = v.tenant_id) AND (s.id = v.sector_id))))
     LEFT JOIN costs.owner o ON (((o.tenant_id = v.tenant_id) AND (o.id = v.owner_id))))
  WHERE (v.tenant_id = ANY (( SELECT sec.ctx_tenants() AS ctx_tenants)::uuid[]));
alter view costs.monthly_chargeback_summary owner to trailkeep_views;
grant select on costs.monthly_chargeback_summary to trailkeep_app;

create materialized view costs.mv_architecture_metrics_90d as
 WITH span AS (
         SELECT mv_daily_usage_by_application.tenant_id,
            (max(mv_daily_usage_by_application.day) - 89) AS from_day,
            max(mv_daily_usage_by_application.day) AS to_day
           FROM costs.mv_daily_usage_by_application
          GROUP BY mv_daily_usage_by_application.tenant_id
        ), used AS (
         SELECT u.tenant_id,
            u.application_id,
            count(*) AS days,
            count(*) FILTER (WHERE u.estimated) AS days_estimated,
            avg(u.nodes) AS nodes_avg,
            max(u.nodes) AS nodes_max,
            avg(u.vcpu) AS vcpu_avg,
            max(u.vcpu) AS vcpu_max,
            avg(u.licence_units) AS licence_units_avg,
            max(u.licence_units) AS licence_units_max,
            sum(u.calls) AS calls
           FROM (costs.mv_daily_usage_by_application u
             JOIN span s_1 ON (((s_1.tenant_id = u.tenant_id) AND ((u.day >= s_1.from_day) AND (u.day <= s_1.to_day)))))
          GROUP BY u.tenant_id, u.application_id
        ), charged AS (
         SELECT sums.tenant_id,
            sums.application_id,
            jsonb_object_agg(sums.currency, (sums.effective)::text) AS effective
           FROM ( SELECT c.tenant_id,
                    c.application_id,
                    c.currency,
                    sum(c.effective) AS effective
                   FROM (costs.charge c
                     JOIN span s_1 ON (((s_1.tenant_id = c.tenant_id) AND ((c.day >= s_1.from_day) AND (c.day <= s_1.to_day)))))
                  GROUP BY c.tenant_id, c.application_id, c.currency) sums
          GROUP BY sums.tenant_id, sums.application_id
        )
 SELECT w.tenant_id,
    w.application_id,
    COALESCE(m.architecture_id, 0) AS architecture_id,
    s.from_day,
    s.to_day,
    w.days,
    w.days_estimated,
    w.nodes_avg,
    w.nodes_max,
    w.vcpu_avg,
    w.vcpu_max,
    w.licence_units_avg,
    w.licence_units_max,
    w.calls,
    w.effective
   FROM ((( SELECT tenant_id,
            application_id,
            COALESCE(u.days, (0)::bigint) AS days,
            COALESCE(u.days_estimated, (0)::bigint) AS days_estimated,
            round(COALESCE(u.nodes_avg, (0)::numeric), 6) AS nodes_avg,
            COALESCE(u.nodes_max, (0)::numeric) AS nodes_max,
            round(COALESCE(u.vcpu_avg, (0)::numeric), 6) AS vcpu_avg,
            COALESCE(u.vcpu_max, (0)::numeric) AS vcpu_max,
            round(COALESCE(u.licence_units_avg, (0)::numeric), 6) AS licence_units_avg,
            COALESCE(u.licence_units_max, (0)::numeric) AS licence_units_max,
            COALESCE(u.calls, (0)::numeric) AS calls,
            COALESCE(c.effective, '{}'::jsonb) AS effective
           FROM (used u
             FULL JOIN charged c USING (tenant_id, application_id))) w
     JOIN span s ON ((s.tenant_id = w.tenant_id)))
     LEFT JOIN costs.mapping_in_effect m ON (((m.tenant_id = w.tenant_id) AND (m.application_id = w.application_id) AND (m.from_day <= s.to_day) AND (s.to_day < m.to_day))));
alter materialized view costs.mv_architecture_metrics_90d owner to trailkeep_views;
CREATE UNIQUE INDEX mv_architecture_metrics_90d_key ON costs.mv_architecture_metrics_90d USING btree (tenant_id, application_id);

create materialized view costs.mv_audit_activity_daily as
 SELECT file.tenant_id,
    file.day,
    file.span,
    file.category,
    file.tier,
    sum(file.events) AS events,
    sum(file.raw_bytes) AS raw_bytes
   FROM archive.file
  GROUP BY file.tenant_id, file.day, file.span, file.category, file.tier
UNION ALL
 SELECT p.tenant_id,
    ((to_timestamp((((p.max_time)::numeric / 1000.0))::double precision) AT TIME ZONE 'UTC'::text))::date AS day,
    'day'::text AS span,
    (- (1)::smallint) AS category,
    p.tier,
    sum(p.events) AS events,
    0 AS raw_bytes
   FROM (record.segment_part p
     LEFT JOIN archive.progress a ON ((a.tenant_id = p.tenant_id)))
  WHERE (p.seq > COALESCE(a.compacted_seq, (0)::bigint))
  GROUP BY p.tenant_id, (((to_timestamp((((p.max_time)::numeric / 1000.0))::double precision) AT TIME ZONE 'UTC'::text))::date), p.tier;
alter materialized view costs.mv_audit_activity_daily owner to trailkeep_views;
CREATE UNIQUE INDEX mv_audit_activity_daily_key ON costs.mv_audit_activity_daily USING btree (tenant_id, day, span, category, tier);

create materialized view costs.mv_cmdb_match_quality as
 SELECT application.tenant_id,
    'application'::text AS side,
    application.controller_id,
    ''::text AS class,
    application.cmdb_rule AS rule,
    count(*) AS things,
    round(avg(application.cmdb_confidence), 6) AS confidence_avg,
    min(application.cmdb_confidence) AS confidence_min
   FROM costs.application
  WHERE (application.id <> 0)
  GROUP BY application.tenant_id, application.controller_id, application.cmdb_rule
UNION ALL
 SELECT i.tenant_id,
    'item'::text AS side,
    0 AS controller_id,
    i.class,
    r.rule,
    count(*) AS things,
    0 AS confidence_avg,
    0 AS confidence_min
   FROM ((costs.cmdb_item i
     LEFT JOIN ( SELECT DISTINCT application.tenant_id,
            application.cmdb_item_id
           FROM costs.application
          WHERE (application.id <> 0)) a ON (((a.tenant_id = i.tenant_id) AND (a.cmdb_item_id = i.id))))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (i.gone_at IS NOT NULL) THEN 'gone'::text
                    WHEN (a.tenant_id IS NULL) THEN 'none'::text
                    ELSE 'matched'::text
                END AS rule) r)
  WHERE (i.id <> 0)
  GROUP BY i.tenant_id, i.class, r.rule;
alter materialized view costs.mv_cmdb_match_quality owner to trailkeep_views;
CREATE UNIQUE INDEX mv_cmdb_match_quality_key ON costs.mv_cmdb_match_quality USING btree (tenant_id, side, controller_id, class, rule);

create materialized view costs.mv_cost_by_owner_controller as
 SELECT tenant_id,
    month,
    owner_id,
    controller_id,
    currency,
    count(*) AS charges,
    sum(billed) AS billed,
    sum(effective) AS effective,
    sum(contracted) AS contracted,
    sum(list) AS list
   FROM costs.charge_in_effect
  GROUP BY tenant_id, month, owner_id, controller_id, currency;
alter materialized view costs.mv_cost_by_owner_controller owner to trailkeep_views;
CREATE UNIQUE INDEX mv_cost_by_owner_controller_key ON costs.mv_cost_by_owner_controller USING btree (tenant_id, month, owner_id, controller_id, currency);

create materialized view costs.mv_cost_by_sector_controller as
 SELECT tenant_id,
    month,
    sector_id,
    controller_id,
    currency,
    count(*) AS charges,
    sum(billed) AS billed,
    sum(effective) AS effective,
    sum(contracted) AS contracted,
    sum(list) AS list
   FROM costs.charge_in_effect
  GROUP BY tenant_id, month, sector_id, controller_id, currency;
alter materialized view costs.mv_cost_by_sector_controller owner to trailkeep_views;
CREATE UNIQUE INDEX mv_cost_by_sector_controller_key ON costs.mv_cost_by_sector_controller USING btree (tenant_id, month, sector_id, controller_id, currency);

create materialized view costs.mv_daily_usage_by_application as
 WITH span AS (
         SELECT usage_daily.tenant_id,
            (max(usage_daily.day) - 399) AS from_day
           FROM costs.usage_daily
          GROUP BY usage_daily.tenant_id
        )
 SELECT u.tenant_id,
    u.day,
    u.application_id,
    sum(u.amount) FILTER (WHERE (u.measure = 'nodes'::text)) AS nodes,
    sum(u.amount) FILTER (WHERE (u.measure = 'vcpu'::text)) AS vcpu,
    sum(u.amount) FILTER (WHERE (u.measure = 'licence_units'::text)) AS licence_units,
    sum(u.amount) FILTER (WHERE (u.measure = 'calls'::text)) AS calls,
    bool_or(u.estimated) AS estimated,
    bool_or((u.override_id IS NOT NULL)) AS overridden
   FROM (costs.usage_in_effect u
     JOIN span s USING (tenant_id))
  WHERE (u.day >= s.from_day)
  GROUP BY u.tenant_id, u.day, u.application_id;
alter materialized view costs.mv_daily_usage_by_application owner to trailkeep_views;
CREATE UNIQUE INDEX mv_daily_usage_by_application_key ON costs.mv_daily_usage_by_application USING btree (tenant_id, day, application_id);

create materialized view costs.mv_license_utilization as
 SELECT tenant_id,
    (date_trunc('month'::text, (day)::timestamp without time zone))::date AS month,
    controller_id,
    package,
    count(*) AS days,
    count(*) FILTER (WHERE estimated) AS days_estimated,
    count(*) FILTER (WHERE (used_max > provisioned)) AS days_over,
    round(avg(provisioned), 6) AS provisioned_avg,
    max(provisioned) AS provisioned_max,
    round(avg(used_avg), 6) AS used_avg,
    max(used_max) AS used_max
   FROM ( SELECT licence_daily.tenant_id,
            licence_daily.day,
            licence_daily.controller_id,
            licence_daily.package,
            sum(licence_daily.provisioned) AS provisioned,
            sum(licence_daily.used_avg) AS used_avg,
            sum(licence_daily.used_max) AS used_max,
            bool_or(licence_daily.estimated) AS estimated
           FROM costs.licence_daily
          GROUP BY licence_daily.tenant_id, licence_daily.day, licence_daily.controller_id, licence_daily.package) days
  GROUP BY tenant_id, ((date_trunc('month'::text, (day)::timestamp without time zone))::date), controller_id, package;
alter materialized view costs.mv_license_utilization owner to trailkeep_views;
CREATE UNIQUE INDEX mv_license_utilization_key ON costs.mv_license_utilization USING btree (tenant_id, month, controller_id, package);

create materialized view costs.mv_monthly_chargeback_summary as
 SELECT tenant_id,
    month,
    h_code_id,
    sector_id,
    owner_id,
    currency,
    count(*) AS charges,
    sum(billed) AS billed,
    sum(effective) AS effective,
    sum(contracted) AS contracted,
    sum(list) AS list,
    COALESCE(sum(effective) FILTER (WHERE (charge_category = 'Credit'::text)), (0)::numeric) AS effective_credits,
    COALESCE(sum(effective) FILTER (WHERE (charge_class = 'Correction'::text)), (0)::numeric) AS effective_corrections,
    count(*) FILTER (WHERE ((override_id IS NOT NULL) OR (overrides <> '{}'::uuid[]))) AS overridden
   FROM costs.charge_in_effect
  GROUP BY tenant_id, month, h_code_id, sector_id, owner_id, currency;
alter materialized view costs.mv_monthly_chargeback_summary owner to trailkeep_views;
CREATE UNIQUE INDEX mv_monthly_chargeback_summary_key ON costs.mv_monthly_chargeback_summary USING btree (tenant_id, month, h_code_id, sector_id, owner_id, currency);

create view costs.override_in_effect with (security_invoker=true) as
 SELECT o.tenant_id,
    o.id,
    o.kind,
    o.application_id,
    o.from_day,
    o.to_day,
    o.sector_id,
    o.owner_id,
    o.architecture_id,
    o.h_code_id,
    o.controller_id,
    o.measure,
    o.amount,
    o.currency,
    o.before,
    o.after,
    o.reason,
    o.proposed_by,
    o.proposed_at,
    o.expires_at,
    d.decided_by AS approved_by,
    d.decided_at AS approved_at
   FROM (costs.override o
     JOIN costs.override_decision d ON (((d.tenant_id = o.tenant_id) AND (d.override_id = o.id) AND (d.decision = 'approved'::text))))
  WHERE (((o.expires_at IS NULL) OR (o.expires_at > now())) AND (NOT (EXISTS ( SELECT
           FROM costs.override_decision w
          WHERE ((w.tenant_id = o.tenant_id) AND (w.override_id = o.id) AND (w.decision = 'withdrawn'::text))))));
alter view costs.override_in_effect owner to trailkeep_owner;
grant select on costs.override_in_effect to trailkeep_app;
grant select on costs.override_in_effect to trailkeep_loader;
grant select on costs.override_in_effect to trailkeep_views;

create view costs.usage_in_effect with (security_invoker=true) as
 WITH laid AS (
         SELECT DISTINCT ON (o.tenant_id, o.application_id, o.measure, d.day) o.tenant_id,
            o.application_id,
            o.measure,
            (d.day)::date AS day,
            o.amount,
            o.id
           FROM (costs.override_in_effect o
             CROSS JOIN LATERAL generate_series((o.from_day)::timestamp without time zone, (o.to_day - '1 day'::interval), '1 day'::interval) d(day))
          WHERE (o.kind = 'usage'::text)
          ORDER BY o.tenant_id, o.application_id, o.measure, d.day, o.approved_at DESC, o.id DESC
        )
 SELECT u.tenant_id,
    u.load_id,
    NULL::uuid AS override_id,
    u.day,
    u.application_id,
    u.measure,
    u.amount,
    u.estimated
   FROM costs.usage_daily u
  WHERE (NOT (EXISTS ( SELECT
           FROM laid l
          WHERE ((l.tenant_id = u.tenant_id) AND (l.application_id = u.application_id) AND (l.measure = u.measure) AND (l.day = u.day)))))
UNION ALL
 SELECT laid.tenant_id,
    0 AS load_id,
    laid.id AS override_id,
    laid.day,
    laid.application_id,
    laid.measure,
    laid.amount,
    false AS estimated
   FROM laid;
alter view costs.usage_in_effect owner to trailkeep_owner;
grant select on costs.usage_in_effect to trailkeep_app;
grant select on costs.usage_in_effect to trailkeep_loader;
grant select on costs.usage_in_effect to trailkeep_views;

create view public.etl_execution_log with (security_invoker=true) as
 SELECT tenant_id,
    run_id,
    job_name,
    status,
    scheduled_for,
    started_at,
    ended_at,
    duration_seconds,
    rows_read AS rows_extracted,
    rows_written AS rows_loaded,
    rows_rejected,
    error_code,
    error_message,
    trace
   FROM job_execution_history
  WHERE (kind = 'etl'::text);
alter view public.etl_execution_log owner to trailkeep_owner;
grant select on public.etl_execution_log to trailkeep_app;
grant select on public.etl_execution_log to trailkeep_loader;

create view public.job_execution_history with (security_invoker=true) as
 SELECT r.tenant_id,
    r.id AS run_id,
    r.job_id,
    j.name AS job_name,
    r.kind,
    r.cause,
    r.asked_by,
    r.scheduled_for,
    r.state AS status,
    r.queued_at,
    r.started_at,
    r.ended_at,
    EXTRACT(epoch FROM (r.ended_at - r.started_at)) AS duration_seconds,
    r.rows_read,
    r.rows_written,
    r.rows_rejected,
    r.error_code,
    r.error AS error_message,
    r.trace
   FROM (jobs.run r
     JOIN jobs.job j ON (((j.tenant_id = r.tenant_id) AND (j.id = r.job_id))));
alter view public.job_execution_history owner to trailkeep_owner;
grant select on public.job_execution_history to trailkeep_app;
grant select on public.job_execution_history to trailkeep_loader;

CREATE OR REPLACE FUNCTION access.raise_permission_version()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
end $function$
;
alter function access.raise_permission_version() owner to trailkeep_owner;

CREATE OR REPLACE FUNCTION archive.count_version()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into archive.progress as p (tenant_id, version) select distinct tenant_id, 1 from added
    on conflict (tenant_id) do update set version = p.version + 1;
  return null;
end $function$
;
alter function archive.count_version() owner to trailkeep_owner;

CREATE OR REPLACE FUNCTION archive.drop_month(month date, verified json, at timestamp with time zone)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '3s'
AS $function$
declare
  name text := 'event_' || to_char(month, 'YYYY_MM');
  first uuid := record.month_floor(month);
  past uuid := record.month_floor((month + interval '1 month')::date);
  total bigint;
  others bigint;
  own integer;
begin
  if extract(day from month) <> 1 or month + interval '1 month' > now() then
    raise exception 'a month that is over' using errcode = '22023';
  end if;
  if not exists (select from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'record.event'::regclass and c.relname = name) then
    return null;
  end if;
  execute format('lock table record.%I in share mode', name);
  select coalesce(sum(have.events), 0), count(have.tenant), count(*) filter (where have.events is distinct from v.events)
    into total, own, others
    from (select tenant_id as tenant, count(*) as events from record.event
        where id >= first and id < past group by tenant_id) have
    full join (select tenant, events from json_to_recordset(verified) as w (tenant uuid, events bigint)
        where events > 0) v
      on v.tenant = have.tenant;
  if others > 0 then
    return null;
  end if;
  execute format('alter table record.event detach partition record.%I', name);
  execute format('drop table record.%I', name);
  update archive.hot_floor set floor = past where floor < past;
  insert into archive.dropped_month as d (month, dropped_at, events, tenants) values (month, at, total, own)
    on conflict on constraint dropped_month_pkey do update
      set events = d.events + excluded.events, tokens_gone_at = null;
  return total;
end $function$
;
alter function archive.drop_month(date,json,timestamp with time zone) owner to trailkeep_owner;
grant execute on function archive.drop_month(date,json,timestamp with time zone) to trailkeep_purger;

CREATE OR REPLACE FUNCTION archive.hot_months(until date)
 RETURNS SETOF date
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select to_date(substr(c.relname, 7), 'YYYY_MM') as month
  from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'record.event'::regclass and c.relname ~ '^event_[0-9]{4}_[0-9]{2}$'
    and to_date(substr(c.relname, 7), 'YYYY_MM') + interval '1 month' <= until
  order by 1
$function$
;
alter function archive.hot_months(date) owner to trailkeep_owner;
grant execute on function archive.hot_months(date) to trailkeep_purger;

CREATE OR REPLACE FUNCTION archive.take_floor(lowest uuid, months json)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  insert into archive.dropped_month (month, dropped_at, events, tenants)
    select month, dropped_at, 0, 0 from json_to_recordset(months) as m (month date, dropped_at timestamptz)
    on conflict do nothing;
  update archive.hot_floor set floor = lowest where floor < lowest;
$function$
;
alter function archive.take_floor(uuid,json) owner to trailkeep_owner;

CREATE OR REPLACE FUNCTION costs.note_movement()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into costs.movement values (tg_table_schema || '.' || tg_table_name, pg_current_xact_id())
    on conflict do nothing;
  return null;
end $function$
;
alter function costs.note_movement() owner to trailkeep_owner;

CREATE OR REPLACE FUNCTION costs.refresh_view(wanted text, forced boolean, OUT refreshed boolean, OUT took_ms numeric, OUT rows bigint, OUT refreshed_at timestamp with time zone)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  one costs.view;
  moved text[];
  commits numeric;
  began timestamptz;
begin
  perform pg_advisory_xact_lock(hashtextextended('costs.refresh_view', 0));
  with gone as (delete from costs.movement returning source) select array_agg(distinct source) into moved from gone;
  update costs.view v set dirty = true where not v.dirty and (v.moved_by && moved or v.stale_at <= now());
  select * into one from costs.view v where v.name = wanted;
  if not found then
    raise exception 'there is no view %', wanted using errcode = '22023';
  end if;
  if 'record.tenant_counter' = any (one.moved_by) then
    select coalesce(sum(seq), 0) into commits from record.tenant_counter;
  end if;
  refreshed := forced or one.dirty or commits <> one.counted;
  if not coalesce(refreshed, false) then
    update costs.view v set checked_at = now() where v.name = wanted;
    refreshed := false;
    refreshed_at := one.refreshed_at;
    return;
  end if;
  began := clock_timestamp();
  execute format('refresh materialized view concurrently costs.%I', wanted);
  execute format('select count(*) from costs.%I', wanted) into rows;
  took_ms := round(extract(epoch from clock_timestamp() - began) * 1000, 3);
  refreshed_at := began;
  update costs.view v set dirty = false, counted = coalesce(commits, 0), refreshed_at = began, checked_at = now(),
    stale_at = (select min(expires_at) from costs.override_in_effect where expires_at > began)
    where v.name = wanted;
  update costs.view v set dirty = true where wanted = any (v.moved_by);
  insert into costs.refresh_log (view, started_at, took_ms, rows) values (wanted, began, took_ms, rows);
  delete from costs.refresh_log where started_at < now() - interval '400 days';
end $function$
;
alter function costs.refresh_view(text,boolean) owner to trailkeep_views;
grant execute on function costs.refresh_view(text,boolean) to trailkeep_loader;

CREATE OR REPLACE FUNCTION record.beat(least_ms integer)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  update record.pulse set at = clock_timestamp()
    where id = (select id from record.pulse where at < clock_timestamp() - make_interval(secs => least_ms / 1000.0)
      for update skip locked);
$function$
;
alter function record.beat(integer) owner to trailkeep_owner;
grant execute on function record.beat(integer) to trailkeep_app;

CREATE OR REPLACE FUNCTION record.ensure_partitions(from_day date, months integer)
 RETURNS SETOF text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  month date;
  name text;
begin
  if months not between 1 and 36 or from_day not between date '2015-01-01' and date '2100-01-01' then
    raise exception 'months must be 1 to 36, from 2015 to 2100' using errcode = '22023';
  end if;
  for month in
    select generate_series(date_trunc('month', from_day::timestamp), date_trunc('month', from_day::timestamp)
      + make_interval(months => months - 1), interval '1 month')::date
  loop
    name := 'event_' || to_char(month, 'YYYY_MM');
    continue when to_regclass('record.' || name) is not null;
    perform pg_advisory_xact_lock(hashtextextended('record.ensure_partitions', 0));
    -- Asked again with a new snapshot: to_regclass answers from a cache that this lock does not refresh.
    continue when exists (select from pg_class where relname = name and relnamespace = 'record'::regnamespace);
    execute format('create table record.%I (like record.event including all)', name);
    -- Without a policy of its own nobody reads a partition past its parent, whatever is granted by mistake.
    execute format('alter table record.%I enable row level security', name);
    execute format('alter table record.%I force row level security', name);
    execute format('alter table record.event attach partition record.%I for values from (%L) to (%L)', name,
      record.month_floor(month), record.month_floor((month + interval '1 month')::date));
    return next name;
  end loop;
end $function$
;
alter function record.ensure_partitions(date,integer) owner to trailkeep_owner;
grant execute on function record.ensure_partitions(date,integer) to trailkeep_app;
grant execute on function record.ensure_partitions(date,integer) to trailkeep_recovery;

CREATE OR REPLACE FUNCTION record.month_floor(month date)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select (lpad(to_hex(extract(epoch from month::timestamp)::bigint * 1000), 12, '0') || repeat('0', 20))::uuid
$function$
;
alter function record.month_floor(date) owner to trailkeep_owner;

CREATE OR REPLACE FUNCTION sec.ctx_tenants()
 RETURNS uuid[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
end $function$
;
alter function sec.ctx_tenants() owner to trailkeep_owner;
grant execute on function sec.ctx_tenants() to trailkeep_app;
grant execute on function sec.ctx_tenants() to trailkeep_archiver;
grant execute on function sec.ctx_tenants() to trailkeep_loader;
grant execute on function sec.ctx_tenants() to trailkeep_purger;
grant execute on function sec.ctx_tenants() to trailkeep_recovery;
grant execute on function sec.ctx_tenants() to trailkeep_sealer;
grant execute on function sec.ctx_tenants() to trailkeep_verifier;
grant execute on function sec.ctx_tenants() to trailkeep_views;

CREATE OR REPLACE FUNCTION sec.enter(tenants text, writes boolean)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  tenant uuid;
  found text;
begin
  for tenant in select distinct t::uuid from string_to_table(tenants, ',') as t order by 1 loop
    if writes then
      perform pg_advisory_xact_lock_shared(hashtextextended(tenant::text, 8));
    end if;
    select a.state into found from sec.away a where a.tenant_id = tenant;
    if found = 'moved' or (writes and found is not null) then
      raise exception 'tenant % is away', tenant using errcode = 'TK001', hint = found;
    end if;
  end loop;
end $function$
;
alter function sec.enter(text,boolean) owner to trailkeep_owner;
grant execute on function sec.enter(text,boolean) to trailkeep_app;
grant execute on function sec.enter(text,boolean) to trailkeep_archiver;
grant execute on function sec.enter(text,boolean) to trailkeep_loader;
grant execute on function sec.enter(text,boolean) to trailkeep_purger;
grant execute on function sec.enter(text,boolean) to trailkeep_recovery;
grant execute on function sec.enter(text,boolean) to trailkeep_sealer;
grant execute on function sec.enter(text,boolean) to trailkeep_verifier;

CREATE OR REPLACE FUNCTION sec.places(tenants text)
 RETURNS TABLE(tenant uuid, shard smallint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select t.tenant_id, t.shard from access.tenant t where t.tenant_id = any (string_to_array(tenants, ',')::uuid[])
$function$
;
alter function sec.places(text) owner to trailkeep_owner;
grant execute on function sec.places(text) to trailkeep_app;
grant execute on function sec.places(text) to trailkeep_archiver;
grant execute on function sec.places(text) to trailkeep_loader;
grant execute on function sec.places(text) to trailkeep_purger;
grant execute on function sec.places(text) to trailkeep_recovery;
grant execute on function sec.places(text) to trailkeep_sealer;
grant execute on function sec.places(text) to trailkeep_verifier;
