import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { callerOfClaims } from '#core/access/claims.ts';
import { type LocalIssuer, localAudience, localTenantClaim, startIssuer } from '#local/issuer.ts';
import { createTokenVerifier } from '#stores/oidc/verifier.ts';
import { tenantA } from '#test/support/events.ts';

let folder: string;
let issuer: LocalIssuer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-issuer-'));
  issuer = await startIssuer({ folder, port: 0 });
});
afterEach(async () => {
  await issuer.stop();
  rmSync(folder, { recursive: true });
});

const ask = async (form: Record<string, string>) => {
  const answer = await fetch(`${issuer.url}/token`, { method: 'POST', body: new URLSearchParams(form) });
  return { status: answer.status, json: (await answer.json()) as Record<string, string> };
};
async function read(token: string) {
  const verifier = createTokenVerifier({ plaintextHosts: ['127.0.0.1'] });
  const claims = await verifier.verify(token, issuer.url, new Date());
  const tenants = [{ tenant: tenantA, audience: [localAudience], subjectPrefix: '', alwaysMfa: false }];
  return claims && callerOfClaims({ v: 1, issuer: issuer.url, tenantClaim: localTenantClaim, tenants }, claims);
}

test('vouches for whoever asks, in tokens that the platform takes', async () => {
  const form = { user: 'ada', name: 'Ada', email: 'ada@example.org', tenant: tenantA };
  const caller = await read((await ask({ ...form, mfa: 'true' })).json.access_token!);
  expect(caller?.person).toMatchObject({ id: 'ada', name: 'Ada', email: 'ada@example.org' });
  expect(Math.abs(Date.now() - caller!.person!.mfaAt!)).toBeLessThan(60_000);
  expect((await read((await ask(form)).json.access_token!))?.person?.mfaAt).toBeUndefined();
  const acting = await read((await ask({ ...form, act: 'sam', mfa: 'true' })).json.access_token!);
  expect(acting?.person).toMatchObject({ id: 'sam', onBehalfOf: { type: 'user', id: 'ada' } });
  expect(acting?.person?.mfaAt).toBeDefined();
});

test('keeps its port and its key over a restart, and the key to itself', async () => {
  const { json } = await ask({ user: 'ada', tenant: tenantA });
  const { url } = issuer;
  await issuer.stop();
  issuer = await startIssuer({ folder, port: 0 });
  expect(issuer.url).toBe(url);
  expect(await read(json.access_token!)).toBeDefined();
  expect(statSync(join(folder, 'issuer.json')).mode & 0o077).toBe(0);
  expect(await (await fetch(`${url}/jwks`)).text()).not.toContain('"d"');
});

test('answers nobody who came by another name, and nothing without a user and a tenant', async () => {
  const { port } = new URL(issuer.url);
  const status = await new Promise((done) => {
    const options = { host: '127.0.0.1', port, path: '/jwks', headers: { host: `evil.example:${port}` } };
    request(options, (response) => done(response.resume().statusCode)).end();
  });
  expect(status).toBe(421);
  expect((await ask({ user: 'ada' })).status).toBe(400);
  expect((await ask({ tenant: tenantA })).status).toBe(400);
  expect((await fetch(`${issuer.url}/authorize`)).status).toBe(404);
});
