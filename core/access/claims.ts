/**
 * From the claims of a token to a caller. The token is signed by its issuer and its times hold (a TokenVerifier saw
 * to that); here it is decided whom it speaks for, and whether the issuer may say so.
 */
import type { Caller } from './access.ts';
import type { PublishedIssuer } from './issuer.ts';
import { eventsPerSecondDefault } from './key.ts';
import type { Person } from './principal.ts';

/** The JSON object of a token, as it came. */
export type Claims = Readonly<Record<string, unknown>>;

/** `amr` values (RFC 8176) that mean something held, beside what was known. */
const secondFactors = new Set(['mfa', 'otp', 'hwk', 'sc', 'sms', 'tel']);

/**
 * The `iss` that a token names, before anything of it is believed: it only selects the issuer to ask. Undefined when
 * the text is no compact token (RFC 7515 §7.1).
 */
export function claimedIssuer(token: string): string | undefined {
  const payload = /^[A-Za-z0-9_-]{2,}\.([A-Za-z0-9_-]{2,8192})\.[A-Za-z0-9_-]{2,}$/.exec(token)?.[1];
  if (payload === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0));
    const { iss } = JSON.parse(new TextDecoder().decode(bytes)) as Claims;
    return typeof iss === 'string' && iss.length <= 255 ? iss : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined when the issuer may not say this: a foreign tenant, another audience, a subject that is none. */
export function callerOfClaims(issuer: PublishedIssuer, claims: Claims): Caller | undefined {
  if (claims.iss !== issuer.issuer) return undefined;
  const served = servedTenant(issuer, claims);
  if (!served || !isFor(claims.aud, served.audience)) return undefined;
  const person = personOf(claims, served.subjectPrefix, served.alwaysMfa);
  return (
    person && {
      tenant: served.tenant,
      kind: 'person',
      keyId: `person:${person.id}`,
      scopes: [],
      person,
      eventsPerSecond: eventsPerSecondDefault,
    }
  );
}

function servedTenant({ tenantClaim, tenants }: PublishedIssuer, claims: Claims) {
  if (tenantClaim === undefined) return tenants.length === 1 ? tenants[0] : undefined;
  const named = Object.hasOwn(claims, tenantClaim) ? claims[tenantClaim] : undefined;
  return typeof named === 'string' ? tenants.find(({ tenant }) => tenant === named) : undefined;
}

/** `aud` is a string or a list of them (RFC 7519 §4.1.3). */
function isFor(aud: unknown, audience: readonly string[]): boolean {
  const meant = Array.isArray(aud) ? aud : [aud];
  return meant.some((one) => typeof one === 'string' && audience.includes(one));
}

function personOf(claims: Claims, prefix: string, alwaysMfa: boolean): Person | undefined {
  const subject = subjectOf(claims.sub, prefix);
  if (subject === undefined) return undefined;
  if (!Object.hasOwn(claims, 'act')) return { id: subject, ...traitsOf(claims, claims.iat, alwaysMfa) };
  // RFC 8693 §4.1: `sub` is the person acted for, `act` the one who acts. All rights and all records are the
  // actor's; an inner `act` tells of earlier actors and decides nothing. Name, address and second factor of the
  // token itself belong to `sub`, who did not log in for this.
  const actor = claims.act;
  if (typeof actor !== 'object' || actor === null || Array.isArray(actor)) return undefined;
  const id = subjectOf((actor as Claims).sub, prefix);
  if (id === undefined) return undefined;
  return { id, ...traitsOf(actor as Claims, claims.iat, false), onBehalfOf: { type: 'user', id: subject } };
}

/** Service accounts and `*` (all of a tenant) stand beside people in assignments, so no person may be called so. */
function subjectOf(sub: unknown, prefix: string): string | undefined {
  if (typeof sub !== 'string' || !/^[^\p{Cc}\p{Cs}]{1,255}$/u.test(sub)) return undefined;
  const id = prefix + sub;
  return id === '*' || id.startsWith('service:') ? undefined : id;
}

function traitsOf(claims: Claims, issuedAt: unknown, alwaysMfa: boolean): Pick<Person, 'name' | 'email' | 'mfaAt'> {
  const name = shortText(claims.name, 200);
  const email = shortText(claims.email, 254);
  const mfaAt = mfaTime(claims, issuedAt, alwaysMfa);
  return {
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(mfaAt === undefined ? {} : { mfaAt }),
  };
}

const shortText = (value: unknown, charsMax: number): string | undefined =>
  typeof value === 'string' && value.length > 0 && value.length <= charsMax && !/[\p{Cc}\p{Cs}]/u.test(value)
    ? value
    : undefined;

/** When a second factor was proved: `auth_time`, if `amr` names one or the issuer asks for one always. Never later than the token was made. */
function mfaTime({ amr, auth_time: at }: Claims, issuedAt: unknown, alwaysMfa: boolean): number | undefined {
  const named = Array.isArray(amr) && amr.some((one) => secondFactors.has(one));
  if (!named && !alwaysMfa) return undefined;
  if (typeof at !== 'number' || !Number.isFinite(at) || at <= 0) return undefined;
  return typeof issuedAt === 'number' ? Math.floor(Math.min(at, issuedAt) * 1000) : undefined;
}
