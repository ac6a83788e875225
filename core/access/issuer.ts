/**
 * OIDC issuers: who may vouch for people of which tenants.
 *
 * An issuer of a tenant's own vouches for that tenant alone. A shared one (the console's user pool) vouches for
 * every tenant that it was registered for, and a claim of the token names which.
 */
import * as z from 'zod';
import { nameShape } from './key.ts';

/** One tenant's registration of an issuer. */
export interface Issuer {
  /** UUIDv7 */
  readonly id: string;
  readonly tenant: string;
  /** `iss` of its tokens, to the letter. */
  readonly issuer: string;
  readonly name: string;
  /** A token must be meant for one of these. */
  readonly audience: readonly string[];
  /** Only of a shared issuer: the claim that names the tenant. */
  readonly tenantClaim?: string;
  /** Comes before `sub` in the ids of its people; '' for the tenant's main issuer. */
  readonly subjectPrefix: string;
  /** The issuer lets nobody in without a second factor, and its tokens do not say so (Cognito writes no `amr`). */
  readonly alwaysMfa: boolean;
  readonly createdAt: Date;
}

/** Whom an issuer may serve, as the authorizer reads it at `issuers/<SHA-256 of iss>.json`. */
export interface PublishedIssuer {
  readonly v: 1;
  readonly issuer: string;
  /** Absent: the issuer belongs to the one tenant below. */
  readonly tenantClaim?: string;
  /** None after the last registration was removed. */
  readonly tenants: readonly {
    readonly tenant: string;
    readonly audience: readonly string[];
    readonly subjectPrefix: string;
    readonly alwaysMfa: boolean;
  }[];
}

/** The published document holds them all. */
export const tenantsOfIssuerMax = 10_000;

/** What all registrations of one issuer say together. */
export function publishedIssuer(issuer: string, rows: readonly Issuer[]): PublishedIssuer {
  const tenantClaim = rows[0]?.tenantClaim;
  return {
    v: 1,
    issuer,
    ...(tenantClaim === undefined ? {} : { tenantClaim }),
    tenants: rows.map(({ tenant, audience, subjectPrefix, alwaysMfa }) => ({
      ...{ tenant, audience, subjectPrefix, alwaysMfa },
    })),
  };
}

/**
 * An issuer's address: an origin and a path, nothing a URL parser could read in two ways. Plain http is refused later,
 * but for hosts that an operator named.
 */
const issuerShape = z
  .string()
  .max(255)
  .regex(/^https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?(\/[A-Za-z0-9._~/-]*)?$/, 'must be an https address without query')
  .refine((text) => URL.canParse(text) && !text.includes('/..') && !text.includes('/./'), 'must be an address');

/** Claims whose meaning is fixed cannot name a tenant as well. */
const fixedClaims = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'act', 'amr', 'auth_time', 'name', 'email'];

/** Body of POST /v1/tenants/{tenantId}/issuers. */
export const createIssuerBody = z.strictObject({
  issuer: issuerShape,
  name: nameShape,
  audience: z
    .array(z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible characters'))
    .min(1)
    .max(20),
  tenant_claim: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 visible characters')
    .refine((claim) => !fixedClaims.includes(claim), 'is a claim that has another meaning')
    .optional(),
  subject_prefix: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,30}:$/, 'must be a short word and a colon')
    .refine((prefix) => prefix !== 'service:', 'belongs to service accounts')
    .optional(),
  always_mfa: z.boolean().optional(),
});
