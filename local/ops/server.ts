/**
 * AppDynamics and ServiceNow on one machine: a small HTTP server with their addresses, logins and answers, filled from an
 * OpsDataset. What we load from it goes the way that production goes. It does what they do on a bad day when told to.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { notFound, type OpsAnswer } from './answer.ts';
import { AppDynamicsAnswers } from './appdynamics.ts';
import type { OpsClient, OpsDataset } from './dataset.ts';
import { ServiceNowAnswers } from './servicenow.ts';

/** What goes wrong, for requests whose path and query fit. */
export interface OpsFault {
  readonly path?: RegExp;
  /** So many requests; one when absent. */
  readonly times?: number;
  readonly status?: number;
  /** Seconds or a date, for 429 and 503. */
  readonly retryAfter?: string;
  /** Sent as the body, with 200 unless there is a status. */
  readonly body?: string;
  readonly delayMs?: number;
  /** The connection breaks after half of the answer. */
  readonly cut?: boolean;
}

export interface OpsServer {
  /** `http://127.0.0.1:<port>`: controllers are below it by their key, ServiceNow is below `/servicenow`. */
  readonly url: string;
  /** Method, path and query of all requests so far. */
  readonly requests: readonly string[];
  fail(fault: OpsFault): void;
  /** All tokens that were given out are refused from now on. */
  expireTokens(): void;
  close(): Promise<void>;
}

export interface OpsOptions {
  readonly dataset: OpsDataset;
  readonly port?: number;
  readonly now?: () => Date;
}

/** Starts it on loopback. */
export async function startOps({ dataset, port = 0, now = () => new Date() }: OpsOptions): Promise<OpsServer> {
  const controllers = new Map(dataset.controllers.map((one) => [one.key, new AppDynamicsAnswers(one, now)]));
  const serviceNow = new ServiceNowAnswers(dataset.serviceNow);
  const clients = new Map<string, OpsClient>(dataset.controllers.map((one) => [one.key, one.client]));
  clients.set('servicenow', dataset.serviceNow.client);
  const requests: string[] = [];
  const tokens = new Map<string, string>();
  let given = 0;
  let waiting: { readonly fault: OpsFault; left: number }[] = [];

  async function answer(request: IncomingMessage, url: URL): Promise<OpsAnswer> {
    const [, place = '', ...rest] = url.pathname.split('/');
    const client = clients.get(place);
    if (!client) return notFound;
    const path = `/${rest.join('/')}`;
    if (request.method === 'POST' && /^\/(controller\/api\/oauth\/access_token|oauth_token\.do)$/.test(path)) {
      const form = new URLSearchParams(await bodyOf(request));
      if (form.get('client_id') !== client.id || form.get('client_secret') !== client.secret) {
        return { status: 401, body: { error: 'invalid_client' } };
      }
      given += 1;
      const token = `local-${place}-${given}`;
      tokens.set(token, place);
      return { body: { access_token: token, expires_in: 300, token_type: 'Bearer' } };
    }
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || tokens.get(token) !== place) {
      return {
        status: 401,
        body: { error: { message: 'User Not Authenticated', detail: 'Required to provide Auth' } },
      };
    }
    if (request.method !== 'GET') return { status: 405, body: {} };
    return place === 'servicenow'
      ? serviceNow.answer(path, url.searchParams)
      : controllers.get(place)!.answer(path, url.searchParams);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    requests.push(`${request.method} ${request.url}`);
    const hit = waiting.find(({ fault }) => fault.path?.test(request.url ?? '') ?? true);
    if (hit) {
      hit.left -= 1;
      if (hit.left === 0) waiting = waiting.filter((one) => one !== hit);
      const { delayMs, status, retryAfter, body, cut } = hit.fault;
      if (delayMs !== undefined) await sleep(delayMs);
      if (cut) {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
        response.write('[{"half": ');
        response.destroy();
        return;
      }
      if (status !== undefined || body !== undefined) {
        response.writeHead(status ?? 200, {
          'content-type': 'application/json',
          ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
        });
        response.end(body ?? '{}');
        return;
      }
    }
    const { status = 200, body } = await answer(request, url);
    response.writeHead(status, { 'content-type': 'application/json;charset=UTF-8' });
    response.end(JSON.stringify(body));
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fail: (fault) => waiting.push({ fault, left: fault.times ?? 1 }),
    expireTokens: () => tokens.clear(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('utf8');
}
