import { createSign, generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TokenVerifier } from '#core/access/ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { createTokenVerifier } from '#stores/oidc/verifier.ts';
import {
  jwkOf,
  now,
  pairOf,
  seconds,
  signText,
  signToken,
  signWithSecret,
  startIssuer,
  type TestIssuer,
} from './issuer-server.ts';

const plaintextHosts = ['127.0.0.1'];
const first = pairOf('first');
const second = pairOf('second');
let issuer: TestIssuer;
let verifier: TokenVerifier;
beforeEach(async () => {
  issuer = await startIssuer();
  issuer.publish(first);
  verifier = createTokenVerifier({ plaintextHosts, timeoutMs: 300 });
});
afterEach(() => issuer.stop());

const claims = (more: object = {}) => ({
  iss: issuer.url,
  sub: 'ada',
  aud: 'trailkeep',
  iat: seconds,
  exp: seconds + 300,
  ...more,
});
const verify = (token: string, at = now) => verifier.verify(token, issuer.url, at);
const later = (ms: number) => new Date(now.getTime() + ms);

describe('a good token', () => {
  test('says what it says', async () => {
    expect(await verify(signToken(first, claims()))).toEqual(claims());
    expect(await verify(signToken(first, claims(), { typ: 'at+JWT' }))).toEqual(claims());
    expect(await verify(signToken(first, claims(), { typ: undefined }))).toEqual(claims());
  });

  test('costs two calls for the first and none for the next, even when many come at once', async () => {
    const token = signToken(first, claims());
    await Promise.all(Array.from({ length: 50 }, () => verify(token)));
    await verify(token);
    expect(issuer.calls).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  test('may be 60 s off by the clock, and not a second more', async () => {
    const times: [object, boolean][] = [
      [{ exp: seconds - 59 }, true],
      [{ exp: seconds - 60 }, false],
      [{ iat: seconds + 60 }, true],
      [{ iat: seconds + 61 }, false],
      [{ nbf: seconds + 60 }, true],
      [{ nbf: seconds + 61 }, false],
      [{ exp: undefined }, false],
      [{ iat: undefined }, false],
      [{ exp: String(seconds + 300) }, false],
      [{ nbf: null }, false],
    ];
    for (const [more, good] of times) {
      expect([more, (await verify(signToken(first, claims(more)))) !== undefined]).toEqual([more, good]);
    }
  });
});

describe('an attack fails', () => {
  const attacks: [string, () => string][] = [
    ['alg none', () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload()}.`],
    ['alg none with a signature', () => signToken(first, claims(), { alg: 'none' })],
    ['alg nOnE', () => signToken(first, claims(), { alg: 'nOnE' })],
    ['HS256 with the public key as PEM', () => signWithSecret(pem(), claims(), { kid: 'first' })],
    [
      'HS256 with the public key as JWK',
      () => signWithSecret(JSON.stringify(jwkOf(first)), claims(), { kid: 'first' }),
    ],
    ['a key of the attacker under our kid', () => signToken({ ...pairOf('x'), kid: 'first' }, claims())],
    ['a key of the attacker in the header (jwk)', () => embedded({ jwk: jwkOf(second) })],
    ['an address of keys in the header (jku)', () => embedded({ jku: `${issuer.url}/evil`, kid: 'second' })],
    ['a certificate in the header (x5u)', () => embedded({ x5u: `${issuer.url}/evil`, kid: 'second' })],
    ['a certificate chain in the header (x5c)', () => embedded({ x5c: ['MIIB'], kid: 'second' })],
    ['a kid that is a path', () => signToken(first, claims(), { kid: '../../dev/null' })],
    ['another issuer in the token', () => signToken(first, claims({ iss: 'https://other.example' }))],
    ['another issuer by a slash', () => signToken(first, claims({ iss: `${issuer.url}/` }))],
    ['a critical extension', () => signToken(first, claims(), { crit: ['exp'], exp: 1 })],
    ['an unencoded payload (RFC 7797)', () => signToken(first, claims(), { crit: ['b64'], b64: false })],
    ['a logout token', () => signToken(first, claims(), { typ: 'logout+jwt' })],
    ['a security event', () => signToken(first, claims(), { typ: 'secevent+jwt' })],
    [
      'a claim that comes twice',
      () => signText(first, header(), JSON.stringify(claims()).replace('}', ',"sub":"eve"}')),
    ],
    [
      'a header that comes twice',
      () => signText(first, header().replace('}', ',"alg":"none"}'), JSON.stringify(claims())),
    ],
    ['a payload that is no object', () => signText(first, header(), '["sub"]')],
    ['a payload that is no JSON', () => signText(first, header(), 'sub=ada')],
    ['a payload that is no UTF-8', () => signText(first, header(), Buffer.from('7b22737562223a22ff227d', 'hex'))],
    ['nine kilobytes', () => signToken(first, claims({ pad: 'x'.repeat(9000) }))],
    ['an encrypted token', () => `${signToken(first, claims())}.x.y`],
    ['a signature with other unused bits', () => otherBits(signToken(first, claims()))],
    ['ES256 by the key of ES384', () => signToken({ ...first, kid: 'wide' }, claims(), { alg: 'ES384' })],
  ];
  const payload = () => Buffer.from(JSON.stringify(claims())).toString('base64url');
  const header = () => JSON.stringify({ alg: 'ES256', kid: 'first', typ: 'JWT' });
  const pem = () => first.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const embedded = (more: object) => signToken(second, claims(), more);
  /** 64 bytes end in four bits that decoders ignore. */
  const otherBits = (token: string) => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return token.slice(0, -1) + letters[letters.indexOf(token.at(-1)!) ^ 1];
  };

  for (const [what, make] of attacks) {
    test(what, async () => {
      expect(await verify(make())).toBeUndefined();
      expect(issuer.calls.filter((call) => call.includes('evil'))).toEqual([]);
    });
  }

  test('with an RSA key below 2048 bits, even a published one', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    issuer.publishRaw({ ...publicKey.export({ format: 'jwk' }), kid: 'small', alg: 'RS256' });
    const text = [{ alg: 'RS256', kid: 'small' }, claims()]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const token = `${text}.${createSign('sha256').update(text).sign(privateKey).toString('base64url')}`;
    expect(await verify(token)).toBeUndefined();
  });

  test('with a key that the issuer publishes for something else', async () => {
    issuer.publishRaw({ ...jwkOf(first), use: 'enc' });
    expect(await verify(signToken(first, claims()))).toBeUndefined();
  });
});

describe('keys turn', () => {
  test('a new kid is fetched at once, a made-up one at most every 30 s', async () => {
    expect(await verify(signToken(first, claims()))).toBeDefined();
    issuer.publish(second);
    expect(await verify(signToken(second, claims()))).toBeUndefined();
    expect(await verify(signToken(second, claims()), later(30_000))).toBeDefined();
    expect(issuer.calls).toHaveLength(4);
    for (let i = 0; i < 100; i++) await verify(signToken(pairOf(`made up ${i}`), claims()), later(31_000));
    expect(issuer.calls).toHaveLength(4);
  });

  test('a key that was taken back is out of use after ten minutes', async () => {
    const token = signToken(first, claims({ exp: seconds + 9000 }));
    expect(await verify(token)).toBeDefined();
    issuer.publish(second);
    expect(await verify(token, later(599_999))).toBeDefined();
    expect(await verify(token, later(600_000))).toBeUndefined();
  });

  test('an issuer that is down is believed for an hour, and then nobody can tell', async () => {
    const token = signToken(first, claims({ exp: seconds + 9000 }));
    expect(await verify(token)).toBeDefined();
    issuer.break((response) => response.writeHead(500).end());
    expect(await verify(token, later(3_599_999))).toBeDefined();
    await expect(verify(token, later(3_600_000))).rejects.toThrow(Unavailable);
    issuer.break(undefined);
    await expect(verify(token, later(3_600_001))).rejects.toThrow(Unavailable);
    expect(await verify(token, later(3_660_000))).toBeDefined();
  });
});

describe('an issuer that misbehaves is no issuer', () => {
  const answers: [string, (issuer: TestIssuer) => void][] = [
    ['redirects', (one) => one.break((response) => response.writeHead(302, { location: `${one.url}/jwks` }).end())],
    ['never answers', (one) => one.break(() => {})],
    ['never ends', (one) => one.break((response) => response.writeHead(200).write('{'))],
    [
      'answers too much',
      (one) => one.break((response) => response.writeHead(200).end(`{"a":"${'x'.repeat(70_000)}"}`)),
    ],
    ['answers no JSON', (one) => one.break((response) => response.writeHead(200).end('<html>'))],
    ['answers a list', (one) => one.break((response) => response.writeHead(200).end('[]'))],
    ['hangs up', (one) => one.break((response) => response.destroy())],
    ['names another issuer', (one) => one.configure({ issuer: 'https://other.example' })],
    ['names no keys', (one) => one.configure({ jwks_uri: undefined })],
    ['keeps its keys in a file', (one) => one.configure({ jwks_uri: 'file:///etc/passwd' })],
    ['keeps its keys at the metadata service', (one) => one.configure({ jwks_uri: 'http://169.254.169.254/latest' })],
    ['keeps its keys in our network', (one) => one.configure({ jwks_uri: 'https://10.0.0.1/jwks' })],
    ['keeps its keys behind a name of our network', (one) => one.configure({ jwks_uri: 'https://localhost:1/jwks' })],
    ['publishes keys that are none', (one) => one.publishRaw('x' as never)],
  ];
  for (const [what, arrange] of answers) {
    test(what, async () => {
      arrange(issuer);
      await expect(verify(signToken(first, claims()))).rejects.toThrow(Unavailable);
    });
  }

  test('and loopback is only called when an operator named it', async () => {
    const strict = createTokenVerifier({ plaintextHosts: [] });
    await expect(strict.verify(signToken(first, claims()), issuer.url, now)).rejects.toThrow(Unavailable);
    expect(issuer.calls).toEqual([]);
  });
});
