import { createHash } from 'node:crypto';
import type { APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import type { PublishedKey } from '#core/access/access.ts';
import { formatKey, newKey } from '#core/access/key.ts';
import { authenticate } from '#functions/access/authenticate.authorizer.ts';
import { onAuthorizer } from '#functions/runtime/authorizer.ts';
import { context, tenantA } from '#test/support/events.ts';
import { MemoryControl } from '#test/support/memory.ts';

const sha256 = (data: string) => createHash('sha256').update(data).digest('hex');
const made = newKey((bytes) => new Uint8Array(bytes).fill(7));
const older = newKey((bytes) => new Uint8Array(bytes).fill(8));
const text = formatKey(made);
const key: PublishedKey = {
  v: 1,
  keyId: made.keyId,
  tenant: tenantA,
  secretHash: sha256(made.secret),
  scopes: ['events:read', 'events:write'],
  project: 'shop',
  eventsPerSecond: 50,
};
const now = new Date('2026-03-01T12:00:00.000Z');
const tokens = { verify: async () => undefined };

async function ask(authorization: string | undefined, published: Partial<PublishedKey> = {}) {
  const control = new MemoryControl();
  await control.putKey({ ...key, ...published });
  return authenticate(
    { control, tokens, sha256 },
    { headers: authorization === undefined ? {} : { authorization }, now },
  );
}

describe('somebody', () => {
  test('is who the key was made for', async () => {
    expect(await ask(`Bearer ${text}`)).toEqual({
      tenant: tenantA,
      kind: 'key',
      keyId: made.keyId,
      scopes: ['events:read', 'events:write'],
      project: 'shop',
      eventsPerSecond: 50,
    });
    expect(await ask(`bearer  ${text}`)).toBeDefined();
  });

  test('has the roles of a service account and no scopes, whatever was published', async () => {
    expect(await ask(`Bearer ${text}`, { serviceAccount: 'service:billing' })).toEqual({
      tenant: tenantA,
      kind: 'service',
      keyId: made.keyId,
      serviceAccount: 'service:billing',
      scopes: [],
      project: 'shop',
      eventsPerSecond: 50,
    });
  });

  test('may use the secret before the rotation until the overlap ends', async () => {
    const rotated = { previousHash: sha256(older.secret), previousUntil: '2026-03-01T12:00:01.000Z' };
    const old = formatKey({ keyId: made.keyId, secret: older.secret });
    expect(await ask(`Bearer ${old}`, rotated)).toBeDefined();
    expect(await ask(`Bearer ${text}`, rotated)).toBeDefined();
    expect(await ask(`Bearer ${old}`, { ...rotated, previousUntil: '2026-03-01T12:00:00.000Z' })).toBeUndefined();
  });
});

describe('nobody', () => {
  for (const [what, authorization, published] of [
    ['without a header', undefined, {}],
    ['with an empty header', '', {}],
    ['with another scheme', `Basic ${text}`, {}],
    ['with the key alone', text, {}],
    ['with two keys', `Bearer ${text} ${text}`, {}],
    ['with a malformed key', 'Bearer tk_x_y', {}],
    ['with an unknown key', `Bearer ${formatKey(older)}`, {}],
    ['with another secret', `Bearer ${formatKey({ ...made, secret: older.secret })}`, {}],
    ['with an expired key', `Bearer ${text}`, { expiresAt: '2026-03-01T12:00:00.000Z' }],
    ['with a revoked key', `Bearer ${text}`, { revokedAt: '2026-03-01T11:00:00.000Z' }],
    ['with a published hash that is none', `Bearer ${text}`, { secretHash: '' }],
  ] as const) {
    test(what, async () => expect(await ask(authorization, published)).toBeUndefined());
  }
});

test('a control bucket that is down is an error, never an answer', async () => {
  const control = new MemoryControl();
  control.down = true;
  const asked = authenticate({ control, tokens, sha256 }, { headers: { authorization: `Bearer ${text}` }, now });
  await expect(asked).rejects.toThrow(/unavailable/);
});

test('API Gateway hears strings for somebody and Unauthorized for nobody', async () => {
  const control = new MemoryControl();
  await control.putKey(key);
  const handler = onAuthorizer(authenticate, {
    control: () => control,
    tokens: () => tokens,
    sha256: () => sha256,
  });
  const event = (authorization: string) =>
    ({
      headers: { Authorization: authorization },
      requestContext: { requestId: 'r' },
      methodArn: 'arn:aws:execute-api:eu-west-1:000000000000:api/v/GET/v1/events',
    }) as unknown as APIGatewayRequestAuthorizerEvent;
  const answer = await handler(event(`Bearer ${text}`), context);
  expect(answer).toMatchObject({
    principalId: made.keyId,
    policyDocument: {
      Statement: [{ Effect: 'Allow', Resource: 'arn:aws:execute-api:eu-west-1:000000000000:api/v/*' }],
    },
    context: { tenant: tenantA, scopes: 'events:read events:write', eventsPerSecond: '50', project: 'shop' },
  });
  await expect(handler(event('Bearer tk_x_y'), context)).rejects.toThrow(/^Unauthorized$/);
});
