/** Who is asking: a key, or a person with a token; and in what circumstances. */

/** `key`: an API key with scopes. `person`: someone with an OIDC token. `service`: a key of a service account, whose rights are its roles. */
export const principalKinds = ['key', 'person', 'service'] as const;
export type PrincipalKind = (typeof principalKinds)[number];

/** What a person's token said, as far as decisions and records need it. */
export interface Person {
  /** `sub` of the token: what assignments name. */
  readonly id: string;
  readonly name?: string;
  readonly email?: string;
  /** When the person last proved a second factor (`auth_time` of a token whose `amr` has one), ms since 1970. */
  readonly mfaAt?: number;
  /** A support session: whom the person acts for (`act` of RFC 8693, turned round). Recorded as `on_behalf_of`. */
  readonly onBehalfOf?: { readonly type: string; readonly id: string };
}

/** A word for what somebody reads for: `billing`, `fraud_review`. */
export const purposeShape = /^[a-z][a-z0-9_-]{1,63}$/;
/** As ticket systems write them: `INC-4711`, `acme/ops#12`. */
export const ticketShape = /^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,127}$/;

/** The circumstances of one request, which policies may ask for. */
export interface Circumstances {
  /** From the header `Trailkeep-Purpose`; a word of the tenant's own list. */
  readonly purpose?: string;
  /** From the header `Trailkeep-Ticket`. */
  readonly ticket?: string;
  readonly sourceIp: string;
  readonly now: Date;
}

/** Where a request comes from, as far as policies ask. */
export const networkClasses = ['private', 'public'] as const;
export type NetworkClass = (typeof networkClasses)[number];
