/**
 * API keys: `tk_<keyId>_<secret>`. The id names the key and is no secret; the secret has 256 random bits,
 * is shown once and is stored nowhere, only its SHA-256.
 */
import * as z from 'zod';
import { type PublishedKey, type Scope, scopes } from './access.ts';
import type { ApiKey } from './ports.ts';

/** 100 of 104 random bits: no two deployments meet. */
const keyIdBytes = 13;
const keyIdChars = 20;
const secretBytes = 32;
const base32 = 'abcdefghijklmnopqrstuvwxyz234567';
const keyShape = /^tk_([a-z2-7]{20})_([A-Za-z0-9_-]{43})$/;

export interface KeyText {
  readonly keyId: string;
  readonly secret: string;
}

/** A fresh key id and secret; `random` gives that many unpredictable bytes. */
export function newKey(random: (bytes: number) => Uint8Array): KeyText {
  return { keyId: toBase32(random(keyIdBytes)).slice(0, keyIdChars), secret: newSecret(random) };
}

/** A fresh secret: 43 base64url characters. */
export const newSecret = (random: (bytes: number) => Uint8Array): string =>
  btoa(String.fromCharCode(...random(secretBytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

export const formatKey = ({ keyId, secret }: KeyText): string => `tk_${keyId}_${secret}`;

/** The parts of a key, or undefined when it cannot be one of ours. */
export function parseKey(text: string): KeyText | undefined {
  const parts = keyShape.exec(text);
  return parts ? { keyId: parts[1]!, secret: parts[2]! } : undefined;
}

/** Whether a text may be a key id; anything else answers like a key that does not exist. */
export const isKeyId = (text: string): boolean => /^[a-z2-7]{20}$/.test(text);

/**
 * Whether a key is good now for a secret of this hash (hex SHA-256). `equal` compares in constant time.
 * Every hash is compared whatever the outcome of the others.
 */
export function acceptsSecret(
  key: PublishedKey,
  secretHash: string,
  now: Date,
  equal: (a: string, b: string) => boolean,
): boolean {
  const current = equal(key.secretHash, secretHash);
  const previous = equal(key.previousHash ?? '', secretHash) && until(key.previousUntil, now);
  const alive = key.revokedAt === undefined && (key.expiresAt === undefined || until(key.expiresAt, now));
  return alive && (current || previous);
}

const until = (time: string | undefined, now: Date): boolean => time !== undefined && now.getTime() < Date.parse(time);

/** A key as it is published to S3. */
export function publishedKey(key: ApiKey): PublishedKey {
  return {
    v: 1,
    keyId: key.keyId,
    tenant: key.tenant,
    secretHash: key.secretHash,
    ...(key.previousHash === undefined || key.previousUntil === undefined
      ? {}
      : { previousHash: key.previousHash, previousUntil: key.previousUntil.toISOString() }),
    scopes: key.scopes,
    ...(key.serviceAccount === undefined ? {} : { serviceAccount: key.serviceAccount }),
    ...(key.project === undefined ? {} : { project: key.project }),
    ...(key.environment === undefined ? {} : { environment: key.environment }),
    ...(key.expiresAt === undefined ? {} : { expiresAt: key.expiresAt.toISOString() }),
    ...(key.revokedAt === undefined ? {} : { revokedAt: key.revokedAt.toISOString() }),
    eventsPerSecond: key.eventsPerSecond,
  };
}

/** What a tenant's key may hold; `admin` is the platform's own. */
export const tenantScopes = scopes.filter((scope) => scope !== 'admin');
/** What a key made without scopes may do: everything a tenant can. */
export const firstKeyScopes: readonly Scope[] = tenantScopes;
export const eventsPerSecondDefault = 1000;
/** A key beyond this should be several: one bucket, one revocation, one leak. */
export const eventsPerSecondMax = 100_000;
/** Long enough to deploy a new secret everywhere, short enough that a leaked one ends. */
export const overlapSecondsMax = 86_400;

/** A name for people. */
export const nameShape = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not hold control characters');

const grants = {
  name: nameShape,
  expires_at: z.iso.datetime({ offset: true }).optional(),
  events_per_second: z.int().min(1).max(eventsPerSecondMax).optional(),
};
const scopeList = z.array(z.enum(scopes)).min(1).max(20);
/** A project's or environment's id, chosen by the tenant. */
export const projectIdShape = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -');

/** A service account, as assignments name it: `service:billing`. It needs no making: it is what keys and assignments name. */
const serviceAccountShape = z
  .string()
  .regex(/^(service:)?[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z 0-9 -')
  .transform((name) => (name.startsWith('service:') ? name : `service:${name}`));
const notBoth = { path: ['service_account'], message: 'has its roles: a key with one has no scopes' };

/** Body of POST /v1/keys: either scopes or a service account. */
export const createKeyBody = z
  .strictObject({
    ...grants,
    scopes: scopeList.optional(),
    service_account: serviceAccountShape.optional(),
    project: projectIdShape.optional(),
    environment: projectIdShape.optional(),
  })
  .refine((body) => body.scopes === undefined || body.service_account === undefined, notBoth)
  .refine((body) => body.scopes !== undefined || body.service_account !== undefined, {
    path: ['scopes'],
    message: 'must be given, or a service_account',
  });
/** Body of POST /v1/tenants/{tenantId}/keys; with neither scopes nor a service account: all that a tenant's key may do. */
export const createTenantKeyBody = z
  .strictObject({ ...grants, scopes: scopeList.optional(), service_account: serviceAccountShape.optional() })
  .refine((body) => body.scopes === undefined || body.service_account === undefined, notBoth);
/** Body of POST /v1/keys/{keyId}/rotate; the body may be missing. */
export const rotateKeyBody = z.strictObject({
  overlap_seconds: z.int().min(0).max(overlapSecondsMax).default(3600),
});

function toBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += base32[(value >>> (bits - 5)) & 31];
  }
  return text;
}
