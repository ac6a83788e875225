/**
 * Authenticate: who holds this API key, and whom does this token speak for?
 *
 * A key that is unknown, malformed, expired, revoked or has another secret answers the same: nobody. So does a token
 * that is forged, late, meant for somebody else, or of an issuer that may not speak for its tenant. It needs no
 * database: keys and issuers are small objects in S3. A key is read at most a second ago, an issuer a minute, and API
 * Gateway keeps our answer for 60 s more: that is how long a revoked key and an expired token still work.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Caller } from '#core/access/access.ts';
import { callerOfClaims, claimedIssuer } from '#core/access/claims.ts';
import { acceptsSecret, type KeyText, parseKey } from '#core/access/key.ts';
import type { TokenVerifier } from '#core/access/ports.ts';
import type { Control } from '#core/record/ports.ts';
import { onAuthorizer } from '#functions/runtime/authorizer.ts';
import { openControl, openSha256, openTokens } from '#functions/runtime/open.ts';

export interface AuthenticatePorts {
  readonly control: Pick<Control, 'key' | 'issuer'>;
  readonly tokens: TokenVerifier;
  readonly sha256: (data: string) => string;
}

export async function authenticate(
  ports: AuthenticatePorts,
  request: { readonly headers: Readonly<Record<string, string>>; readonly now: Date },
): Promise<Caller | undefined> {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer === undefined) return undefined;
  const key = parseKey(bearer);
  if (key) return callerOfKey(ports, key, request.now);
  const iss = claimedIssuer(bearer);
  return iss === undefined ? undefined : callerOfToken(ports, bearer, iss, request.now);
}

async function callerOfKey(ports: AuthenticatePorts, given: KeyText, now: Date): Promise<Caller | undefined> {
  const key = await ports.control.key(given.keyId);
  if (!key || !acceptsSecret(key, ports.sha256(given.secret), now, equal)) return undefined;
  return {
    tenant: key.tenant,
    keyId: key.keyId,
    ...(key.serviceAccount === undefined
      ? { kind: 'key', scopes: key.scopes }
      : { kind: 'service', scopes: [], serviceAccount: key.serviceAccount }),
    eventsPerSecond: key.eventsPerSecond,
    ...(key.project === undefined ? {} : { project: key.project }),
    ...(key.environment === undefined ? {} : { environment: key.environment }),
  };
}

/** What `iss` says is not believed: it selects a published issuer, and that issuer's keys decide. */
async function callerOfToken(ports: AuthenticatePorts, token: string, iss: string, now: Date) {
  const issuer = await ports.control.issuer(iss);
  // An issuer that serves nobody (any more) is not called.
  if (!issuer || issuer.tenants.length === 0) return undefined;
  const claims = await ports.tokens.verify(token, issuer.issuer, now);
  return claims && callerOfClaims(issuer, claims);
}

/** Hashes in constant time; another length is no hash at all. */
function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

export const handler = onAuthorizer(authenticate, { control: openControl, tokens: openTokens, sha256: openSha256 });
