/**
 * Keys by subject: made by the first writer that meets a person, looked at by every reader, destroyed by an erasure.
 *
 * Writers keep keys for five minutes. Readers keep nothing past a request: whether a key is destroyed or restricted is
 * read from its row each time, so an erasure holds from its commit on.
 */
import { randomBytes } from 'node:crypto';
import type { Row, Sql, TransactionSql } from 'postgres';
import {
  type DataKey,
  type OpenedKey,
  type SubjectKeys,
  subjectName,
  type WantedKey,
  type WritingKey,
} from '#core/privacy/ports.ts';
import { dataKeyOf, mac, openBytes, sealBytes } from '../crypto/cipher.ts';
import { withTenants } from '../postgres/connect.ts';
import { keyCacheMs, type TenantKeyRing, type TenantKeyStore } from './tenant-keys.ts';

/** About 1 KB each: what one function has room for, and more people than act within five minutes in one batch's tenants. */
const heldMax = 50_000;
const refBytes = 16;
const aliasBytes = 12;

/** How far the clocks of those who receive events may be ahead of the database's. */
const skewMs = 60_000;

interface Held {
  readonly key: WritingKey;
  readonly aliases: ReadonlySet<string>;
  readonly until: number;
}

interface Wanted extends WantedKey {
  readonly ring: TenantKeyRing;
  /** Hex. */
  readonly ref: string;
  readonly aliasNames: readonly string[];
}

export class PostgresSubjectKeys implements SubjectKeys {
  readonly #sql: Sql;
  readonly #contextKey: Uint8Array;
  readonly #tenants: TenantKeyStore;
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();

  constructor(sql: Sql, contextKey: Uint8Array, tenants: TenantKeyStore, now: () => number = Date.now) {
    this.#sql = sql;
    this.#contextKey = contextKey;
    this.#tenants = tenants;
    this.#now = now;
  }

  tenant(tenant: string): Promise<TenantKeyRing> {
    return this.#tenants.ring(tenant);
  }

  /** The keyed hash that stands for a subject in tables: 32 hex digits. */
  async ref(tenant: string, subject: string): Promise<string> {
    return refOf(await this.#tenants.ring(tenant), subject);
  }

  async forWriting(wanted: readonly WantedKey[]): Promise<ReadonlyMap<string, WritingKey>> {
    const now = this.#now();
    const found = new Map<string, WritingKey>();
    const missing: WantedKey[] = [];
    for (const one of wanted) {
      const held = this.#held.get(subjectName(one.tenant, one.subject));
      if (held && now < held.until && one.aliases.isSubsetOf(held.aliases)) {
        found.set(subjectName(one.tenant, one.subject), held.key);
      } else missing.push(one);
    }
    if (missing.length === 0) return found;
    const rings = new Map<string, TenantKeyRing>();
    const tenants = [...new Set(missing.map((one) => one.tenant))];
    await Promise.all(tenants.map(async (tenant) => rings.set(tenant, await this.#tenants.ring(tenant))));
    const asked = missing.map((one): Wanted => {
      const ring = rings.get(one.tenant)!;
      const aliasNames = [...one.aliases].map((alias) => aliasOf(ring, alias));
      return { ...one, ring, ref: refOf(ring, one.subject), aliasNames };
    });
    // By (tenant, ref), so that two writers that make the same keys wait for each other and never deadlock.
    asked.sort((a, b) => (a.tenant + a.ref < b.tenant + b.ref ? -1 : 1));
    const keys = await this.#fetchOrMake(asked, tenants);
    for (const one of asked) {
      const name = subjectName(one.tenant, one.subject);
      const { key, keep } = keys.get(`${one.tenant}/${one.ref}`)!;
      found.set(name, key);
      if (keep) this.#hold(name, { key, aliases: one.aliases, until: now + keyCacheMs });
    }
    return found;
  }

  async #fetchOrMake(asked: readonly Wanted[], tenants: readonly string[]) {
    const made = new Map<string, { readonly key: WritingKey; readonly keep: boolean }>();
    const erased = new Map<string, WritingKey['erased'] & object>();
    const rings = new Map(asked.map((one) => [one.tenant, one.ring]));
    const take = (rows: readonly Row[]) => {
      for (const row of rows) {
        const name = `${row.tenant_id}/${row.ref}`;
        const key = unwrap(rings.get(row.tenant_id)!, row);
        const before = erased.get(name);
        if (key) made.set(name, { key: before ? { key, erased: before } : { key }, keep: true });
      }
    };
    await withTenants(this.#sql, this.#contextKey, tenants, new Date(), async (tx) => {
      // Statements that are started together travel together. What is sealed under a new key counts only after the
      // ledger's own commit, which is durable and later in the same write-ahead log: this one need not wait for the disk.
      const [, fenceRows, current] = await Promise.all([
        tx`set local synchronous_commit = off`,
        fences(tx, asked),
        currentKeys(tx, asked),
      ]);
      const fenced = new Set<string>();
      for (const row of fenceRows) {
        const name = `${row.tenant_id}/${row.ref}`;
        if (row.lowered) erased.set(name, { until: row.erased_at.getTime() + skewMs, key: dataKeyOf(randomBytes(32)) });
        else fenced.add(name);
      }
      take(current);
      const fresh = asked.filter((one) => !made.has(nameOf(one))).map((one) => newKey(one));
      const storable = fresh.filter(({ one }) => !fenced.has(nameOf(one)));
      const known = asked.filter((one) => one.aliasNames.length > 0 && !fenced.has(nameOf(one)));
      const [stored] = await Promise.all([
        storable.length > 0 ? insertKeys(tx, storable) : [],
        known.length > 0 ? insertAliases(tx, known) : [],
      ]);
      const ours = new Set(stored.map((row) => String(row.id)));
      for (const { one, key } of storable) {
        const before = erased.get(nameOf(one));
        if (ours.has(base64(key.id)))
          made.set(nameOf(one), { key: before ? { key, erased: before } : { key }, keep: true });
      }
      // What another writer made first is the key; what neither of us may store is a key that nobody keeps.
      const lost = storable.filter(({ one }) => !made.has(nameOf(one))).map(({ one }) => one);
      if (lost.length > 0) take(await currentKeys(tx, lost));
      for (const { one, key } of fresh)
        if (!made.has(nameOf(one))) made.set(nameOf(one), { key: { key }, keep: false });
    });
    return made;
  }

  async open(tenant: string, ids: readonly string[], forSubject = false): Promise<ReadonlyMap<string, OpenedKey>> {
    const opened = new Map<string, OpenedKey>();
    if (ids.length === 0) return opened;
    const ring = await this.#tenants.ring(tenant);
    if (ids.includes(ring.own.id)) opened.set(ring.own.id, { state: 'live', key: ring.own });
    const asked = ids.filter((id) => id !== ring.own.id && /^[A-Za-z0-9_-]{32}$/.test(id));
    const rows = await this.#read(
      tenant,
      (tx) => tx`select encode(k.key_id, 'base64') as id, k.state, k.wrapped, k.tenant_key_version,
          encode(k.subject_ref, 'hex') as ref, k.tenant_id
        from json_to_recordset(${JSON.stringify(asked.map((id) => ({ id: base64(id) })))}::text::json) as w (id text)
        join privacy.subject_key k on k.tenant_id = ${tenant} and k.key_id = decode(w.id, 'base64')`,
    );
    for (const row of rows) {
      const id = Buffer.from(String(row.id), 'base64').toString('base64url');
      const opens = row.state === 'live' || (forSubject && row.state === 'restricted');
      const key = opens ? unwrap(ring, row) : undefined;
      // A row that holds another key than it is called opens nothing.
      if (key && key.id === id) opened.set(id, { state: 'live', key });
      else opened.set(id, { state: opens ? 'shredded' : row.state });
    }
    for (const id of ids) if (!opened.has(id)) opened.set(id, { state: 'shredded' });
    return opened;
  }

  async find(tenant: string, subjects: readonly string[]): Promise<ReadonlyMap<string, readonly DataKey[]>> {
    const ring = await this.#tenants.ring(tenant);
    const byRef = new Map(subjects.map((subject) => [refOf(ring, subject), subject]));
    const rows = await this.#read(
      tenant,
      (tx) => tx`select k.tenant_id, k.wrapped, k.tenant_key_version, encode(k.subject_ref, 'hex') as ref
        from json_to_recordset(${JSON.stringify([...byRef.keys()].map((ref) => ({ ref })))}::text::json) as w (ref text)
        join privacy.subject_key k on k.tenant_id = ${tenant} and k.subject_ref = decode(w.ref, 'hex')
          and k.state in ('live', 'restricted')`,
    );
    return grouped(rows, (row) => byRef.get(String(row.ref))!, ring);
  }

  async findByAlias(tenant: string, alias: string): Promise<readonly DataKey[]> {
    const ring = await this.#tenants.ring(tenant);
    const rows = await this.#read(
      tenant,
      (tx) => tx`select k.tenant_id, k.wrapped, k.tenant_key_version, encode(k.subject_ref, 'hex') as ref
        from privacy.subject_alias a join privacy.subject_key k on k.tenant_id = a.tenant_id
          and k.subject_ref = a.subject_ref and k.state in ('live', 'restricted')
        where a.tenant_id = ${tenant} and a.alias = decode(${aliasOf(ring, alias)}, 'hex')`,
    );
    return [...grouped(rows, () => '', ring).values()].flat();
  }

  #read(tenant: string, query: (tx: TransactionSql) => PromiseLike<readonly Row[]>): Promise<readonly Row[]> {
    return withTenants(this.#sql, this.#contextKey, [tenant], new Date(), async (tx) => query(tx), 'read only');
  }

  #hold(name: string, held: Held): void {
    this.#held.delete(name);
    this.#held.set(name, held);
    if (this.#held.size > heldMax) this.#held.delete(this.#held.keys().next().value!);
  }
}

const refOf = (ring: TenantKeyRing, subject: string): string =>
  mac(ring.ref, subject.normalize('NFC')).subarray(0, refBytes).toString('hex');
const aliasOf = (ring: TenantKeyRing, alias: string): string =>
  mac(ring.alias, alias.toLowerCase()).subarray(0, aliasBytes).toString('hex');
const base64 = (id: string): string => Buffer.from(id, 'base64url').toString('base64');

/** What a wrapped key is bound to: its subject and tenant. */
const wrapContext = (tenant: string, ref: string): string => `subject-key|${tenant}|${ref}`;

function unwrap(ring: TenantKeyRing, row: Row): DataKey | undefined {
  const wrapping = ring.wrapping.get(row.tenant_key_version);
  const secret = wrapping && openBytes(wrapping, row.wrapped, wrapContext(row.tenant_id, row.ref));
  return secret && dataKeyOf(secret);
}

function grouped(rows: readonly Row[], nameOf: (row: Row) => string, ring: TenantKeyRing) {
  const found = new Map<string, DataKey[]>();
  for (const row of rows) {
    const key = unwrap(ring, row);
    if (key) found.set(nameOf(row), [...(found.get(nameOf(row)) ?? []), key]);
  }
  return found;
}

const refs = (asked: readonly Wanted[]) => JSON.stringify(asked.map(({ tenant, ref }) => ({ tenant, ref })));

const currentKeys = (tx: TransactionSql, asked: readonly Wanted[]) =>
  tx`select k.tenant_id, w.ref, k.wrapped, k.tenant_key_version
    from json_to_recordset(${refs(asked)}::text::json) as w (tenant uuid, ref text)
    join privacy.subject_key k on k.tenant_id = w.tenant and k.subject_ref = decode(w.ref, 'hex')
      and k.state in ('live', 'restricted')`;

const fences = (tx: TransactionSql, asked: readonly Wanted[]) =>
  tx`select f.tenant_id, w.ref, f.lowered, f.erased_at from json_to_recordset(${refs(asked)}::text::json) as w (tenant uuid, ref text)
    join privacy.fence f on f.tenant_id = w.tenant and f.subject_ref = decode(w.ref, 'hex')`;

interface NewKey {
  readonly one: Wanted;
  readonly secret: Buffer;
  readonly key: DataKey;
}

function newKey(one: Wanted): NewKey {
  const secret = randomBytes(32);
  return { one, secret, key: dataKeyOf(secret) };
}

const nameOf = ({ tenant, ref }: Wanted): string => `${tenant}/${ref}`;

/** Resolves with the ids of those that were stored. */
const insertKeys = (tx: TransactionSql, fresh: readonly NewKey[]) => {
  const rows = fresh.map(({ one, secret, key }) => {
    const wrapping = one.ring.wrapping.get(one.ring.current)!;
    const wrapped = sealBytes(wrapping, secret, wrapContext(one.tenant, one.ref)).toString('base64');
    return { tenant: one.tenant, ref: one.ref, id: base64(key.id), version: one.ring.current, wrapped };
  });
  return tx`insert into privacy.subject_key (tenant_id, key_id, subject_ref, tenant_key_version, wrapped)
    select w.tenant, decode(w.id, 'base64'), decode(w.ref, 'hex'), w.version, decode(w.wrapped, 'base64')
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as w (tenant uuid, ref text, id text, version integer, wrapped text)
    where not exists (select from privacy.fence f where f.tenant_id = w.tenant and f.subject_ref = decode(w.ref, 'hex')
      and not f.lowered)
    on conflict do nothing
    returning encode(key_id, 'base64') as id`;
};

const insertAliases = (tx: TransactionSql, known: readonly Wanted[]) => {
  const rows = known.flatMap(({ tenant, ref, aliasNames }) => aliasNames.map((alias) => ({ tenant, ref, alias })));
  return tx`insert into privacy.subject_alias (tenant_id, alias, subject_ref)
    select w.tenant, decode(w.alias, 'hex'), decode(w.ref, 'hex')
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as w (tenant uuid, ref text, alias text)
    order by 1, 2, 3
    on conflict do nothing`;
};
