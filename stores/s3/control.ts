/** Published keys, tenant policies, intake queues and issuers: what accept and the authorizer read instead of a database. */
import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import type { PublishedKey, TenantPolicy } from '#core/access/access.ts';
import type { PublishedIssuer } from '#core/access/issuer.ts';
import type { Control, Publisher } from '#core/record/ports.ts';
import { reach } from '../aws/clients.ts';
import { DocumentCache } from './document-cache.ts';
import { getJson, putJson } from './documents.ts';
import { checked, isKeyName, isQueueName, isTenantName } from './names.ts';

const place = 'S3 control';

interface Intake {
  readonly v: 1;
  readonly queue: string;
  readonly tenant: string;
}

const keyPath = (name: string) => `keys/${name}.json`;
const tenantPath = (name: string) => `tenants/${name}.json`;
const intakePath = (name: string) => `intake/${name}.json`;
/** An issuer is an address, which cannot be part of a key. */
const issuerPath = (name: string) => `issuers/${name}.json`;
const issuerName = (iss: string) => createHash('sha256').update(iss).digest('hex');

/** A policy that changes takes effect within a minute. */
const freshMs = 60_000;
/** API Gateway keeps what the authorizer said for 60 s already; a second cache would double the time to revoke a key. */
const keyFreshMs = 1_000;

/** The reading side. A name without the right shape answers undefined without a call. */
export class S3Control implements Control {
  readonly #keys: DocumentCache<PublishedKey>;
  readonly #tenants: DocumentCache<TenantPolicy>;
  readonly #intakes: DocumentCache<Intake>;
  readonly #issuers: DocumentCache<PublishedIssuer>;

  /** `now` is ms since 1970. */
  constructor(client: S3Client, bucket: string, now: () => number = Date.now) {
    const cacheOf = <T extends { readonly v: 1 }>(path: (name: string) => string, freshMs: number) =>
      new DocumentCache<T>((name) => reach(place, () => load<T>(client, bucket, path(name))), freshMs, now);
    this.#keys = cacheOf<PublishedKey>(keyPath, keyFreshMs);
    this.#tenants = cacheOf<TenantPolicy>(tenantPath, freshMs);
    this.#intakes = cacheOf<Intake>(intakePath, freshMs);
    this.#issuers = cacheOf<PublishedIssuer>(issuerPath, freshMs);
  }

  async key(keyId: string): Promise<PublishedKey | undefined> {
    return isKeyName(keyId) ? this.#keys.get(keyId) : undefined;
  }

  async tenant(tenantId: string): Promise<TenantPolicy | undefined> {
    return isTenantName(tenantId) ? this.#tenants.get(tenantId) : undefined;
  }

  async intakeTenant(queueName: string): Promise<string | undefined> {
    return isQueueName(queueName) ? (await this.#intakes.get(queueName))?.tenant : undefined;
  }

  async issuer(iss: string): Promise<PublishedIssuer | undefined> {
    return iss === '' ? undefined : this.#issuers.get(issuerName(iss));
  }
}

/** The writing side. */
export class S3Publisher implements Publisher {
  readonly #put: (path: string, document: object) => Promise<void>;

  constructor(client: S3Client, bucket: string) {
    this.#put = (path, document) => reach(place, () => putJson(client, bucket, path, document));
  }

  async putKey(key: PublishedKey): Promise<void> {
    await this.#put(keyPath(checked(key.keyId, isKeyName)), key);
  }

  async putTenant(policy: TenantPolicy): Promise<void> {
    await this.#put(tenantPath(checked(policy.tenant, isTenantName)), policy);
  }

  async putIntake(queueName: string, tenantId: string): Promise<void> {
    const intake: Intake = { v: 1, queue: checked(queueName, isQueueName), tenant: checked(tenantId, isTenantName) };
    await this.#put(intakePath(queueName), intake);
  }

  async putIssuer(issuer: PublishedIssuer): Promise<void> {
    await this.#put(issuerPath(issuerName(issuer.issuer)), issuer);
  }
}

async function load<T extends { readonly v: 1 }>(client: S3Client, bucket: string, path: string) {
  const document = await getJson<T>(client, bucket, path);
  if (document && document.v !== 1) throw new Error(`${path} has version ${String(document.v)}, not 1`);
  return document;
}
