/**
 * Authenticate: who holds this API key?
 *
 * A key that is unknown, malformed, expired, revoked or has another secret answers the same: nobody. It needs no
 * database: keys are small objects in S3, cached for at most 60 s, and API Gateway keeps our answer for at most
 * 60 s more. So a revoked key works for two minutes at the very most.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Caller } from '#core/access/access.ts';
import { acceptsSecret, parseKey } from '#core/access/key.ts';
import type { Control } from '#core/record/ports.ts';
import { onAuthorizer } from '#functions/runtime/authorizer.ts';
import { openControl, openSha256 } from '#functions/runtime/open.ts';

export interface AuthenticatePorts {
  readonly control: Pick<Control, 'key'>;
  readonly sha256: (data: string) => string;
}

export async function authenticate(
  ports: AuthenticatePorts,
  request: { readonly headers: Readonly<Record<string, string>>; readonly now: Date },
): Promise<Caller | undefined> {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '');
  const given = bearer ? parseKey(bearer[1]!) : undefined;
  if (!given) return undefined;
  const key = await ports.control.key(given.keyId);
  if (!key || !acceptsSecret(key, ports.sha256(given.secret), request.now, equal)) return undefined;
  return {
    tenant: key.tenant,
    kind: 'key',
    keyId: key.keyId,
    scopes: key.scopes,
    eventsPerSecond: key.eventsPerSecond,
    ...(key.project === undefined ? {} : { project: key.project }),
    ...(key.environment === undefined ? {} : { environment: key.environment }),
  };
}

/** Hashes in constant time; another length is no hash at all. */
function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

export const handler = onAuthorizer(authenticate, { control: openControl, sha256: openSha256 });
