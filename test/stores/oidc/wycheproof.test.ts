/** Project Wycheproof's JSON Web Signatures: what must verify does, what must not does not. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLocalJWKSet, type JWK } from 'jose';
import { expect, test } from 'vitest';
import { signedPayload } from '#stores/oidc/verifier.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

interface Group {
  readonly public?: JWK;
  readonly private?: JWK;
  readonly tests: readonly { readonly tcId: number; readonly jws: unknown; readonly result: string }[];
}

const folder = dataFolder('vectors-crypto');
if (folder === undefined) noticeSkip('vectors-crypto');
/** Valid, and still not for us: symmetric keys, hashes that no issuer of ours needs, a token without claims. */
function isTaken(token: string): boolean {
  const [header = '', payload = ''] = token.split('.');
  const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg: string };
  return payload !== '' && ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'].includes(alg);
}

test.skipIf(folder === undefined)('of 401 vectors each is judged as its authors say', async () => {
  const file = readFileSync(join(folder!, 'json_web_signature_test.json'), 'utf8');
  const { testGroups } = JSON.parse(file) as { testGroups: readonly Group[] };
  const wrong: string[] = [];
  const count = { accepted: 0, rejected: 0, notTaken: 0 };
  for (const group of testGroups) {
    const key = (group.public ?? group.private)!;
    const keys = createLocalJWKSet({ keys: [key] });
    for (const { tcId, jws, result } of group.tests) {
      const token = typeof jws === 'string' ? jws : JSON.stringify(jws);
      const payload = await signedPayload(token, async () => keys);
      const expected = result === 'valid' && isTaken(token);
      if ((payload !== undefined) !== expected) wrong.push(`${tcId} ${result}`);
      if (payload) count.accepted++;
      else if (result === 'valid') count.notTaken++;
      else count.rejected++;
    }
  }
  console.log(`Wycheproof JWS: ${JSON.stringify(count)}`);
  expect(wrong).toEqual([]);
  expect(count.accepted + count.rejected + count.notTaken).toBe(401);
});
