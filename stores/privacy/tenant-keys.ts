/**
 * Tenants' key-encryption keys: made and unwrapped by KMS, kept wrapped in Postgres, held here for five minutes.
 *
 * KMS is asked once for each tenant, execution environment and five minutes, never for a subject. The encryption
 * context names the tenant, so a row that was copied to another tenant does not unwrap.
 */
import { DecryptCommand, GenerateDataKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import type { Sql } from 'postgres';
import type { CipherKey, TenantKeys } from '#core/privacy/ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { reach } from '../aws/clients.ts';
import { cipherKey, dataKeyOf, deriveBytes } from '../crypto/cipher.ts';
import { withTenants } from '../postgres/connect.ts';

/** The bound that erasure's fence is built on: a writer knows a key for this long at most. */
export const keyCacheMs = 5 * 60_000;

/** A tenant's keys as the stores need them. */
export interface TenantKeyRing extends TenantKeys {
  /** Wraps new subject keys. */
  readonly current: number;
  /** Wrapping keys by version. */
  readonly wrapping: ReadonlyMap<number, CipherKey>;
  /** Names subjects. */
  readonly ref: CipherKey;
  /** Names their other addresses. */
  readonly alias: CipherKey;
}

export class TenantKeyStore {
  readonly #sql: Sql;
  readonly #contextKey: Uint8Array;
  readonly #kms: KMSClient;
  readonly #keyId: string;
  readonly #now: () => number;
  readonly #held = new Map<string, { readonly ring: Promise<TenantKeyRing>; readonly until: number }>();

  constructor(sql: Sql, contextKey: Uint8Array, kms: KMSClient, keyId: string, now: () => number = Date.now) {
    this.#sql = sql;
    this.#contextKey = contextKey;
    this.#kms = kms;
    this.#keyId = keyId;
    this.#now = now;
  }

  /** The tenant's keys, made at its first use. Rejects with `Unavailable` when KMS or Postgres is down and none is held. */
  async ring(tenant: string): Promise<TenantKeyRing> {
    const now = this.#now();
    const held = this.#held.get(tenant);
    if (held && now < held.until) return held.ring;
    const ring = this.#load(tenant);
    this.#held.set(tenant, { ring, until: now + keyCacheMs });
    // A bound on memory: a forgotten tenant costs one call of KMS.
    if (this.#held.size > 5_000) this.#held.delete(this.#held.keys().next().value!);
    try {
      return await ring;
    } catch (error) {
      this.#held.delete(tenant);
      throw error;
    }
  }

  async #load(tenant: string): Promise<TenantKeyRing> {
    let rows = await this.#rows(tenant);
    if (rows.length === 0) {
      await this.#make(tenant);
      rows = await this.#rows(tenant);
    }
    const secrets = await Promise.all(
      rows.map(async ({ version, wrapped }) => [version, await this.#unwrap(tenant, wrapped)] as const),
    );
    return ringOf(new Map(secrets));
  }

  #rows(tenant: string): Promise<readonly { readonly version: number; readonly wrapped: Buffer }[]> {
    return withTenants(
      this.#sql,
      this.#contextKey,
      [tenant],
      new Date(),
      async (tx) => tx`select version, wrapped from privacy.tenant_key where tenant_id = ${tenant} order by version`,
      'read only',
    ) as Promise<never>;
  }

  /** Of two that make one at once, the first stays. */
  async #make(tenant: string): Promise<void> {
    const { CiphertextBlob } = await reach('kms', () =>
      this.#kms.send(
        new GenerateDataKeyCommand({ KeyId: this.#keyId, KeySpec: 'AES_256', EncryptionContext: contextOf(tenant) }),
      ),
    );
    await withTenants(
      this.#sql,
      this.#contextKey,
      [tenant],
      new Date(),
      async (tx) => tx`insert into privacy.tenant_key (tenant_id, version, wrapped)
        values (${tenant}, 1, ${Buffer.from(CiphertextBlob!)}) on conflict do nothing`,
    );
  }

  async #unwrap(tenant: string, wrapped: Uint8Array): Promise<Uint8Array> {
    const { Plaintext } = await reach('kms', () =>
      this.#kms.send(
        new DecryptCommand({ KeyId: this.#keyId, CiphertextBlob: wrapped, EncryptionContext: contextOf(tenant) }),
      ),
    );
    if (!Plaintext) throw new Unavailable('kms');
    return Plaintext;
  }
}

const contextOf = (tenant: string) => ({ tenant, purpose: 'tenant-key' });

/** What follows from a tenant's secrets; names and blind indexes from the first for ever, so that they stay findable. */
function ringOf(secrets: ReadonlyMap<number, Uint8Array>): TenantKeyRing {
  const first = secrets.get(1)!;
  const derive = (label: string) => deriveBytes(first, `trailkeep/tenant/${label}/v1`, 32);
  return {
    current: Math.max(...secrets.keys()),
    wrapping: new Map([...secrets].map(([version, secret]) => [version, cipherKey(secret)])),
    own: dataKeyOf(derive('own')),
    blind: cipherKey(derive('blind')),
    ref: cipherKey(derive('ref')),
    alias: cipherKey(derive('alias')),
  };
}
