/**
 * An OpenID Connect issuer for this machine: it vouches for whoever asks. It stands where a company's own login would,
 * so that tokens, roles and support sessions can be tried; it listens on loopback only.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { readState, writeState } from './cloud/state-file.ts';

/** What tokens of this issuer are meant for. */
export const localAudience = 'trailkeep';
/** The claim that names the tenant: one issuer serves all tenants of this machine. */
export const localTenantClaim = 'tenant';

const tokenSeconds = 3600;
const bodyBytesMax = 8_192;

export interface LocalIssuer {
  /** `http://127.0.0.1:4601`: `iss` of its tokens. */
  readonly url: string;
  stop(): Promise<void>;
}

interface State {
  readonly port: number;
  /** The private key, which keeps tokens good over a restart. */
  readonly key: JWK;
}

/** Starts the issuer on the port it had before, because `iss` holds it; else on `port`, else on any. */
export async function startIssuer(options: {
  readonly folder: string;
  readonly port: number;
  readonly now?: () => number;
}): Promise<LocalIssuer> {
  const file = join(options.folder, 'issuer.json');
  const before = readState<State | undefined>(file, undefined);
  const key = before?.key ?? (await newKey());
  const now = options.now ?? Date.now;
  const server = createServer((request, response) => {
    answer(request, response, { url, key, now: now() }).catch((error: unknown) => {
      reply(response, 500, { error: 'server_error', error_description: String(error) });
    });
  });
  const port = await listen(server, [before?.port ?? options.port, 0]);
  const url = `http://127.0.0.1:${port}`;
  writeState(file, { port, key } satisfies State);
  return {
    url,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), alg: 'ES256', use: 'sig' };
}

async function listen(server: ReturnType<typeof createServer>, [port, ...others]: readonly number[]): Promise<number> {
  try {
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', failed);
        done();
      });
    });
    return (server.address() as AddressInfo).port;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || others.length === 0) throw error;
    return listen(server, others);
  }
}

interface Issuing {
  readonly url: string;
  readonly key: JWK;
  readonly now: number;
}

async function answer(request: IncomingMessage, response: ServerResponse, issuing: Issuing): Promise<void> {
  const { url, key } = issuing;
  // A page elsewhere that had its own name lead here (DNS rebinding) shall not get a token.
  if (request.headers.host !== new URL(url).host) return reply(response, 421, { error: 'invalid_request' });
  switch (`${request.method} ${request.url}`) {
    case 'GET /.well-known/openid-configuration':
      return reply(response, 200, {
        issuer: url,
        jwks_uri: `${url}/jwks`,
        token_endpoint: `${url}/token`,
        grant_types_supported: ['client_credentials'],
        response_types_supported: ['none'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      });
    case 'GET /jwks': {
      const { d: _secret, ...open } = key;
      return reply(response, 200, { keys: [open] });
    }
    case 'POST /token':
      return reply(response, ...(await token(await formOf(request), issuing)));
    default:
      return reply(response, 404, { error: 'invalid_request' });
  }
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > bodyBytesMax) throw new RangeError('the form is too long');
  }
  return new URLSearchParams(body);
}

/** `user` is whom the token speaks for; with `act` that one acts for `user`. `mfa` says that a second factor was proved now. */
async function token(form: URLSearchParams, { url, key, now }: Issuing): Promise<[number, object]> {
  const [user, tenant, act] = [form.get('user'), form.get('tenant'), form.get('act')];
  if (!user || !tenant) {
    return [400, { error: 'invalid_request', error_description: 'Say user=… and tenant=… (the id of a tenant).' }];
  }
  const iat = Math.floor(now / 1000);
  const proved = /^(1|true|yes)$/.test(form.get('mfa') ?? '') ? { amr: ['pwd', 'otp'], auth_time: iat } : {};
  const who = { ...textOf(form, 'name'), ...textOf(form, 'email'), ...proved };
  const claims = act ? { act: { sub: act, ...who } } : who;
  const signed = await new SignJWT({ ...claims, [localTenantClaim]: tenant })
    .setProtectedHeader({ alg: 'ES256', kid: key.kid!, typ: 'at+jwt' })
    .setIssuer(url)
    .setSubject(user)
    .setAudience(localAudience)
    .setIssuedAt(iat)
    .setExpirationTime(iat + tokenSeconds)
    .sign(await importJWK(key, 'ES256'));
  return [200, { access_token: signed, token_type: 'Bearer', expires_in: tokenSeconds }];
}

const textOf = (form: URLSearchParams, name: string): Record<string, string> => {
  const value = form.get(name);
  return value ? { [name]: value } : {};
};

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
