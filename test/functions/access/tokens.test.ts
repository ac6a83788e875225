/** Whom a token speaks for, with a verifier that believes every signature: all that is left is whether the issuer may say so. */
import { createHash } from 'node:crypto';
import type { APIGatewayProxyEvent, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import type { Claims } from '#core/access/claims.ts';
import type { PublishedIssuer } from '#core/access/issuer.ts';
import { authenticate } from '#functions/access/authenticate.authorizer.ts';
import { onAuthorizer } from '#functions/runtime/authorizer.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { context, proxyEvent, tenantA, tenantB } from '#test/support/events.ts';
import { MemoryControl } from '#test/support/memory.ts';

const now = new Date('2026-03-01T12:00:00.000Z');
const seconds = now.getTime() / 1000;
const iss = 'https://login.example/acme';
const own: PublishedIssuer = {
  v: 1,
  issuer: iss,
  tenants: [{ tenant: tenantA, audience: ['trailkeep', 'console'], subjectPrefix: '', alwaysMfa: false }],
};
const shared: PublishedIssuer = {
  ...own,
  tenantClaim: 'custom:tenant',
  tenants: [...own.tenants, { tenant: tenantB, audience: ['b-only'], subjectPrefix: 'pool:', alwaysMfa: true }],
};
const ada = { iss, sub: 'ada', aud: 'trailkeep', iat: seconds, exp: seconds + 300 };

const tokenOf = (claims: object) =>
  ['{"alg":"ES256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

function portsOf(issuer: PublishedIssuer | undefined) {
  const control = new MemoryControl();
  if (issuer) control.issuers.set(issuer.issuer, issuer);
  const asked: string[] = [];
  const tokens = {
    verify: async (token: string, from: string): Promise<Claims> => {
      asked.push(from);
      return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    },
  };
  const sha256 = (data: string) => createHash('sha256').update(data).digest('hex');
  return { ports: { control, tokens, sha256 }, asked };
}

const who = (issuer: PublishedIssuer | undefined, claims: object): Promise<Caller | undefined> =>
  authenticate(portsOf(issuer).ports, { headers: { authorization: `Bearer ${tokenOf(claims)}` }, now });

describe('a person', () => {
  test('is who the issuer says, with no scopes', async () => {
    const more = { name: 'Ada L.', email: 'ada@example.org', amr: ['pwd', 'otp'], auth_time: seconds - 60 };
    expect(await who(own, { ...ada, ...more })).toEqual({
      tenant: tenantA,
      kind: 'person',
      keyId: 'person:ada',
      scopes: [],
      person: { id: 'ada', name: 'Ada L.', email: 'ada@example.org', mfaAt: (seconds - 60) * 1000 },
      eventsPerSecond: 1000,
    });
  });

  test('proved a second factor only if the token says which and when', async () => {
    const mfaAt = async (more: object) => (await who(own, { ...ada, ...more }))?.person?.mfaAt;
    expect(await mfaAt({ amr: ['pwd'], auth_time: seconds })).toBeUndefined();
    expect(await mfaAt({ amr: ['mfa'] })).toBeUndefined();
    expect(await mfaAt({ amr: 'mfa', auth_time: seconds })).toBeUndefined();
    expect(await mfaAt({ amr: ['mfa'], auth_time: '1' })).toBeUndefined();
    expect(await mfaAt({ amr: ['hwk'], auth_time: seconds + 86_400 })).toBe(seconds * 1000);
  });

  test('proved one at each log-in where the issuer always asks for one, but not who acts for another', async () => {
    const b = { ...ada, aud: 'b-only', 'custom:tenant': tenantB, auth_time: seconds - 30 };
    expect((await who(shared, b))?.person?.mfaAt).toBe((seconds - 30) * 1000);
    expect((await who(shared, { ...b, auth_time: undefined }))?.person?.mfaAt).toBeUndefined();
    expect((await who(shared, { ...b, act: { sub: 'sam', auth_time: seconds } }))?.person?.mfaAt).toBeUndefined();
  });

  test('of a shared issuer belongs to the tenant that the claim names, under its prefix', async () => {
    expect(await who(shared, { ...ada, 'custom:tenant': tenantA })).toMatchObject({ tenant: tenantA });
    const b = await who(shared, { ...ada, aud: ['other', 'b-only'], 'custom:tenant': tenantB });
    expect(b).toMatchObject({ tenant: tenantB, keyId: 'person:pool:ada', person: { id: 'pool:ada' } });
  });

  test('who acts for somebody is the one who acts (RFC 8693), and nothing of the other rubs off', async () => {
    const token = {
      ...{ ...ada, name: 'Ada L.', amr: ['mfa'], auth_time: seconds },
      act: { sub: 'sam', name: 'Sam S.', act: { sub: 'eve' } },
    };
    const caller = await who(own, token);
    expect(caller?.keyId).toBe('person:sam');
    expect(caller?.person).toEqual({ id: 'sam', name: 'Sam S.', onBehalfOf: { type: 'user', id: 'ada' } });
    const proved = await who(own, { ...token, act: { sub: 'sam', amr: ['mfa'], auth_time: seconds - 5 } });
    expect(proved?.person?.mfaAt).toBe((seconds - 5) * 1000);
  });
});

describe('nobody', () => {
  const tokens: [string, PublishedIssuer | undefined, object][] = [
    ['of an issuer that is not registered', undefined, ada],
    ['of an issuer whose last tenant left', { ...own, tenants: [] }, ada],
    ['meant for somebody else', own, { ...ada, aud: 'crm' }],
    ['meant for nobody', own, { ...ada, aud: undefined }],
    ['meant for another tenant of the pool', shared, { ...ada, aud: 'b-only', 'custom:tenant': tenantA }],
    ['of a shared issuer without a tenant', shared, ada],
    ['of a tenant that the issuer may not serve', shared, { ...ada, 'custom:tenant': tenantA.replace('0a', '0c') }],
    ['of a tenant in capitals', shared, { ...ada, 'custom:tenant': tenantA.toUpperCase() }],
    ['of two tenants', shared, { ...ada, 'custom:tenant': [tenantA, tenantB] }],
    ['whose claim is inherited', { ...shared, tenantClaim: 'constructor' }, ada],
    ['that names no subject', own, { ...ada, sub: undefined }],
    ['that names an empty subject', own, { ...ada, sub: '' }],
    ['that calls a person a service account', own, { ...ada, sub: 'service:billing' }],
    ['that calls a person everybody', own, { ...ada, sub: '*' }],
    ['with a line break in the subject', own, { ...ada, sub: 'ada\nadmin' }],
    ['with a subject that is a number', own, { ...ada, sub: 7 }],
    ['acted for by nobody', own, { ...ada, act: {} }],
    ['acted for by a text', own, { ...ada, act: 'sam' }],
    ['acted for by a service account', own, { ...ada, act: { sub: 'service:billing' } }],
    ['with act null', own, { ...ada, act: null }],
  ];
  for (const [what, issuer, claims] of tokens) {
    test(what, async () => expect(await who(issuer, claims)).toBeUndefined());
  }

  test('and no issuer is called that is not registered or serves nobody', async () => {
    for (const issuer of [undefined, { ...own, tenants: [] }]) {
      const { ports, asked } = portsOf(issuer);
      await authenticate(ports, { headers: { authorization: `Bearer ${tokenOf(ada)}` }, now });
      expect(asked).toEqual([]);
    }
  });

  test('with a text that is no token', async () => {
    const { ports, asked } = portsOf(own);
    for (const text of ['a.b.c', '..', 'x', `${tokenOf(ada)}.x.y`, tokenOf({ iss: 7 }), tokenOf([1]), tokenOf({})]) {
      expect(await authenticate(ports, { headers: { authorization: `Bearer ${text}` }, now })).toBeUndefined();
    }
    expect(asked).toEqual([]);
  });
});

test('a caller of each kind arrives at the verb as the authorizer saw it, over strings', async () => {
  const { ports } = portsOf(own);
  const authorizer = onAuthorizer(authenticate, {
    control: () => ports.control,
    tokens: () => ports.tokens,
    sha256: () => ports.sha256,
  });
  const token = tokenOf({ ...ada, name: 'Åda "L", {x}', act: { sub: 'sam', name: '日本' } });
  const answer = await authorizer(
    {
      headers: { authorization: `Bearer ${token}` },
      requestContext: { requestId: 'r' },
      methodArn: 'arn:aws:execute-api:eu-west-1:000000000000:api/v/GET/v1/whoami',
    } as unknown as APIGatewayRequestAuthorizerEvent,
    context,
  );
  const strings = answer.context as Record<string, string>;
  expect(Object.values(strings).every((value) => typeof value === 'string')).toBe(true);
  let seen: Caller | undefined;
  const verb = onHttp(async (_ports: object, { caller }) => {
    seen = caller;
    return { status: 204 };
  }, {});
  await verb(proxyEvent({ authorizer: strings }) as APIGatewayProxyEvent, context);
  expect(seen).toEqual({
    tenant: tenantA,
    kind: 'person',
    keyId: 'person:sam',
    scopes: [],
    person: { id: 'sam', name: '日本', onBehalfOf: { type: 'user', id: 'ada' } },
    eventsPerSecond: 1000,
  });
  for (const kind of ['root', '', 'PERSON']) {
    await verb(proxyEvent({ authorizer: { ...strings, kind } }), context);
    expect(seen).toBeUndefined();
  }
});
