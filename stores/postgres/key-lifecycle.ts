/**
 * The end of subjects' keys: shredded, retained in the vault, or closed to readers for a while.
 *
 * A row that loses its 60 bytes makes every copy of the subject's events unreadable. What Postgres itself still has of
 * them (dead row versions, its log, its backups) is why a certificate names a later `irrecoverable_at`.
 */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { KeyLifecycle } from '#core/privacy/ports.ts';
import { searchEach } from './clusters.ts';
import { withTenants } from './connect.ts';
import { coveringHold, lockHolds } from './holds.ts';

/** Wraps keys for the vault; stores/kms/vault.ts. */
export interface VaultWrapper {
  wrap(tenant: string, request: string, secret: Uint8Array): Promise<Uint8Array>;
}

/** How a subject is called in tables: 32 hex digits. */
export type RefOf = (tenant: string, subject: string) => Promise<string>;

/** A subject gets a new key only before its fence: whoever loses this race twice meets a fence. */
const triesMax = 5;

/** Dead letters live for 14 days and may be sent again on the last of them. */
const lateEventsMs = 15 * 24 * 3600_000;
const forgetBefore = (now: Date): Date => new Date(now.getTime() - lateEventsMs);

/** Opens the life of keys; what each method promises is in core/privacy/ports.ts. */
export function createKeyLifecycle(
  sql: Sql,
  contextKey: Uint8Array,
  ref: RefOf,
  vaultOf: () => VaultWrapper,
): KeyLifecycle {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);

  /** Runs what ends keys, unless a hold covers the subject. The fence comes first: from then on nobody makes a key. */
  const unlessHeld = <T>(tenant: string, ref: string, until: Date, end: (tx: TransactionSql) => Promise<T>) =>
    within(tenant, async (tx): Promise<{ readonly held: string } | { readonly done: T }> => {
      await lockHolds(tx, tenant);
      const held = await coveringHold(tx, tenant, ref);
      if (held !== undefined) return { held };
      await tx`insert into privacy.fence (tenant_id, subject_ref, until)
        values (${tenant}, decode(${ref}, 'hex'), ${until})
        on conflict (tenant_id, subject_ref) do update set until = greatest(fence.until, excluded.until),
          erased_at = case when fence.lowered then now() else fence.erased_at end, lowered = false`;
      const done = await end(tx);
      await tx`delete from privacy.subject_alias where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex')`;
      return { done };
    });

  return {
    ref,

    async shred(tenant, ref, fenceUntil) {
      const ended = await unlessHeld(
        tenant,
        ref,
        fenceUntil,
        (tx) => tx`update privacy.subject_key
          set wrapped = null, subject_ref = null, tenant_key_version = null, state = 'shredded', ended_at = now()
          where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex') and state in ('live', 'restricted')
          returning encode(key_id, 'base64') as id`,
      );
      return 'held' in ended ? ended : { shredded: ended.done.map(idOf) };
    },

    async vault(tenant, ref, fenceUntil, retention) {
      for (let tries = 1; ; tries++) {
        const keys = await within(tenant, (tx) => currentKeys(tx, tenant, ref));
        // KMS is asked outside of the transaction: a slow answer must not keep holds waiting.
        const wrapped = await Promise.all(
          keys.map(async (row) => ({
            id: String(row.id),
            wrapped: Buffer.from(await vaultOf().wrap(tenant, retention.request, row.wrapped)).toString('base64'),
          })),
        );
        const ended = await unlessHeld(tenant, ref, fenceUntil, async (tx) => {
          const now = await currentKeys(tx, tenant, ref);
          if (now.length !== wrapped.length || now.some((row, at) => row.id !== wrapped[at]!.id)) return 'changed';
          await tx`insert into privacy.vault_key
              (tenant_id, key_id, tenant_key_version, wrapped, request, legal_basis, reference, retain_until)
            select k.tenant_id, k.key_id, k.tenant_key_version, decode(w.wrapped, 'base64'), ${retention.request},
              ${retention.legalBasis}, ${retention.reference}, ${retention.retainUntil}
            from json_to_recordset(${JSON.stringify(wrapped)}::text::json) as w (id text, wrapped text)
            join privacy.subject_key k on k.tenant_id = ${tenant} and k.key_id = decode(w.id, 'base64')`;
          await tx`update privacy.subject_key set wrapped = null, state = 'vaulted', ended_at = now()
            where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex') and state in ('live', 'restricted')`;
          return 'vaulted';
        });
        if ('held' in ended) return ended;
        if (ended.done === 'vaulted') return { vaulted: wrapped.map((one) => idOf(one)) };
        if (tries === triesMax) throw new Error(`the keys of a subject of ${tenant} change all the time`);
      }
    },

    async restrict(tenant, ref, restricted) {
      const [from, to] = restricted ? ['live', 'restricted'] : ['restricted', 'live'];
      const rows = await within(
        tenant,
        async (tx) => tx`update privacy.subject_key set state = ${to!}
          where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex') and state = ${from!} returning 1`,
      );
      return rows.count;
    },

    async due(tenants, now) {
      if (tenants.length === 0) return [];
      const rows = await searchEach<Row>(sql, tenants, (some) =>
        withTenants(
          sql,
          contextKey,
          some,
          new Date(),
          async (tx) => tx`select tenant_id from privacy.fence
            where (until <= ${now} and not lowered) or (lowered and erased_at <= ${forgetBefore(now)})
            union select tenant_id from privacy.vault_key where retain_until <= ${now}`,
          'read only',
        ),
      );
      return rows.map((row) => String(row.tenant_id));
    },

    shredVaulted: (tenant, now) =>
      within(tenant, async (tx) => {
        await lockHolds(tx, tenant);
        const over = await tx`select encode(v.key_id, 'base64') as id, encode(k.subject_ref, 'hex') as ref
          from privacy.vault_key v join privacy.subject_key k using (tenant_id, key_id)
          where v.tenant_id = ${tenant} and v.retain_until <= ${now} order by v.key_id`;
        const ended: string[] = [];
        for (const { id, ref } of over) {
          if (ref !== null && (await coveringHold(tx, tenant, ref)) !== undefined) continue;
          await tx`delete from privacy.vault_key where tenant_id = ${tenant} and key_id = decode(${id}, 'base64')`;
          await tx`update privacy.subject_key
            set subject_ref = null, tenant_key_version = null, state = 'shredded', ended_at = ${now}
            where tenant_id = ${tenant} and key_id = decode(${id}, 'base64')`;
          ended.push(idOf({ id }));
        }
        return ended;
      }),

    async lowerFences(tenant, now) {
      const rows = await within(tenant, async (tx) => {
        await tx`delete from privacy.fence
          where tenant_id = ${tenant} and lowered and erased_at <= ${forgetBefore(now)}`;
        return tx`update privacy.fence set lowered = true
          where tenant_id = ${tenant} and until <= ${now} and not lowered returning 1`;
      });
      return rows.count;
    },
  };
}

const currentKeys = async (tx: TransactionSql, tenant: string, ref: string): Promise<readonly Row[]> =>
  tx`select encode(key_id, 'base64') as id, wrapped from privacy.subject_key
    where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex') and state in ('live', 'restricted')
    order by key_id`;

const idOf = ({ id }: { readonly id: string } | Row): string => Buffer.from(String(id), 'base64').toString('base64url');
