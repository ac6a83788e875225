/** An issuer on loopback that a test can turn, break and count, and a way to sign whatever an attacker might. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const now = new Date('2026-03-01T12:00:00.000Z');
export const seconds = now.getTime() / 1000;

const base64 = (value: string | Uint8Array) => Buffer.from(value).toString('base64url');

export interface Pair {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function pairOf(kid: string): Pair {
  return { kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
}

export const jwkOf = ({ kid, publicKey }: Pair) => ({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' });

/** A token from texts: nothing is checked, so that every malformation can be made. */
export function signText(pair: Pair, header: string, payload: string | Uint8Array): string {
  const text = `${base64(header)}.${base64(payload)}`;
  return `${text}.${base64(sign('sha256', Buffer.from(text), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }))}`;
}

export const signToken = (pair: Pair, claims: object, header: object = {}) =>
  signText(pair, JSON.stringify({ alg: 'ES256', kid: pair.kid, typ: 'JWT', ...header }), JSON.stringify(claims));

/** Signed with a secret instead: `alg` HS256. */
export function signWithSecret(secret: string | Uint8Array, claims: object, header: object): string {
  const text = `${base64(JSON.stringify({ alg: 'HS256', typ: 'JWT', ...header }))}.${base64(JSON.stringify(claims))}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export async function startIssuer() {
  let keys: object[] = [];
  /** Answers instead of the documents; the test breaks the issuer with it. */
  let instead: ((response: ServerResponse) => void) | undefined;
  let configuration: object = {};
  const calls: string[] = [];
  const server = createServer((request, response) => {
    calls.push(request.url ?? '');
    if (instead) {
      instead(response);
      return;
    }
    const isKeys = request.url === '/jwks';
    const body = isKeys ? { keys } : { issuer: url, jwks_uri: `${url}/jwks`, ...configuration };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    calls,
    publish: (...pairs: Pair[]) => {
      keys = pairs.map(jwkOf);
    },
    publishRaw: (...raw: object[]) => {
      keys = raw;
    },
    configure: (more: object) => {
      configuration = more;
    },
    break: (how: ((response: ServerResponse) => void) | undefined) => {
      instead = how;
    },
    stop: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
export type TestIssuer = Awaited<ReturnType<typeof startIssuer>>;
