/**
 * Tokens of OIDC issuers: who signed this, and is it good now?
 *
 * Of the token's header only `alg`, `kid` and `typ` are read. Keys come from the issuer that was asked for and never
 * from the token (`jku`, `jwk`, `x5u`, `x5c`); the key decides which algorithms it is for.
 */
import { compactVerify, errors } from 'jose';
import type { Claims } from '#core/access/claims.ts';
import type { TokenVerifier } from '#core/access/ports.ts';
import { parseJson } from '#core/event/json.ts';
import { createFetchJson, type FetchLimits } from './fetch-json.ts';
import { type KeySet, KeySets } from './key-sets.ts';

/** Signatures with a public key, and none that a shared secret or nothing could make. */
const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];
/** Access tokens (RFC 9068) and ID tokens. A logout token or a security event is signed by the same keys and is neither. */
const types = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];
/** API Gateway takes 10 KB of headers. */
const charsMax = 8_192;
/** How far the issuer's clock and ours may be apart. */
const skewSeconds = 60;

const shape = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Opens a verifier whose keys live as long as it. */
export function createTokenVerifier(limits: FetchLimits): TokenVerifier {
  const keySets = new KeySets(createFetchJson(limits));
  return {
    async verify(token, issuer, now) {
      const payload = await signedPayload(token, (renew) => keySets.get(issuer, now, renew));
      const claims = payload && claimsOf(payload);
      return claims && claims.iss === issuer && isTimely(claims, now) ? claims : undefined;
    },
  };
}

/** Checks what needs no key. Each part must be base64url as encoders write it: one token, one text. */
function looksLikeToken(token: string): boolean {
  if (token.length > charsMax || !shape.test(token)) return false;
  const parts = token.split('.');
  if (parts.some((part) => Buffer.from(part, 'base64url').toString('base64url') !== part)) return false;
  const header = claimsOf(Buffer.from(parts[0]!, 'base64url'));
  if (!header || !algorithms.includes(String(header.alg))) return false;
  if (header.typ !== undefined && typeof header.typ !== 'string') return false;
  // RFC 7515 §4.1.11: what is critical must be understood, and we understand no extension.
  return types.includes(header.typ?.toLowerCase()) && header.crit === undefined && header.b64 === undefined;
}

/** The payload, when one of the keys signed it. An unknown `kid` may be a new key: then `keys` is asked once more. */
export async function signedPayload(
  token: string,
  keys: (renew: boolean) => Promise<KeySet>,
): Promise<Uint8Array | undefined> {
  if (!looksLikeToken(token)) return undefined;
  for (const renew of [false, true]) {
    try {
      return (await compactVerify(token, await keys(renew), { algorithms })).payload;
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) continue;
      if (isJose(error)) return undefined;
      throw error;
    }
  }
  return undefined;
}

/** A key of the issuer that cannot be used, an ambiguous `kid` or a wrong signature: the token is not good. */
const isJose = (error: unknown): boolean => error instanceof errors.JOSEError || error instanceof TypeError;

/** Strict JSON: a claim that comes twice would mean one thing here and another elsewhere. */
function claimsOf(bytes: Uint8Array): Claims | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
  const parsed = parseJson(text);
  const isObject = parsed.ok && typeof parsed.value === 'object' && parsed.value !== null;
  return isObject && !Array.isArray(parsed.value) ? (parsed.value as Claims) : undefined;
}

/** `exp` and `iat` must be there, `nbf` may; all in seconds (RFC 7519 §4.1). */
function isTimely({ exp, nbf, iat }: Claims, now: Date): boolean {
  const at = now.getTime() / 1000;
  if (!isSeconds(exp) || at >= exp + skewSeconds) return false;
  if (!isSeconds(iat) || iat > at + skewSeconds) return false;
  return nbf === undefined || (isSeconds(nbf) && nbf <= at + skewSeconds);
}

const isSeconds = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
