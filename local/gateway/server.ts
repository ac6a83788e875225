/**
 * API Gateway: the REST API of the template on a port of 127.0.0.1, at the root path.
 *
 * Not done, and refused at the start when the template asks for it: integrations other than Lambda proxy,
 * request validators, usage-plan keys, other authorizers than REQUEST.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeRefused } from '../invocation.ts';
import type { Lambda } from '../lambda.ts';
import { type Loaded, type RunningResource, TemplateError } from '../template.ts';
import { splitApis } from '../witness.ts';
import { Authorizers } from './authorize.ts';
import { type Api, bodyOf, headerOf, isBinary, methodArn, proxyEvent, type Received, receive } from './event.ts';
import { type Context, GatewayResponses, type ResponseType } from './responses.ts';
import { type Match, type Routes, readRoutes } from './routes.ts';

/** API Gateway's limit of a request body. */
const bodyBytesMax = 10 * 1024 * 1024;

export interface GatewayOptions {
  readonly loaded: Loaded;
  readonly lambda: Pick<Lambda, 'invoke' | 'invokeText'>;
  /** The REST API to serve; the platform's own when absent. */
  readonly rest?: RunningResource | undefined;
  readonly region: string;
  readonly account: string;
  /** The first port to try; a taken one is stepped over. 0 takes any. */
  readonly port: number;
  readonly now?: () => number;
}

export interface Gateway {
  /** `http://127.0.0.1:4600` */
  readonly url: string;
  readonly routes: Routes;
  /** Requests being answered. */
  readonly inFlight: number;
  stop(): Promise<void>;
}

/** What a function answers to a request. */
interface ProxyResult {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string | number | boolean>>;
  readonly multiValueHeaders?: Readonly<Record<string, readonly (string | number | boolean)[]>>;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

/** Starts the gateway; undefined when the template has no REST API. */
export async function startGateway(options: GatewayOptions): Promise<Gateway | undefined> {
  const { loaded, lambda, region, account } = options;
  const [rest, another] = options.rest ? [options.rest] : splitApis(loaded).others;
  if (!rest) return undefined;
  if (another) throw new TemplateError(`${another.id}: the local gateway serves one REST API`);
  if (rest.properties.Body) throw new TemplateError(`${rest.id}: the local gateway does not read OpenAPI bodies`);
  const api: Api = {
    id: rest.attributes.ref,
    stage:
      loaded.of('AWS::ApiGateway::Stage').find((one) => one.properties.RestApiId === rest.attributes.ref)?.attributes
        .ref ?? 'prod',
    region,
    account,
    binaryMediaTypes: (rest.properties.BinaryMediaTypes ?? []) as string[],
  };
  const front = new Front(
    api,
    readRoutes(loaded, api.id),
    new GatewayResponses(loaded, api.id),
    lambda,
    options.now ?? Date.now,
  );
  let inFlight = 0;
  const server = createServer((request, response) => {
    inFlight++;
    response.once('close', () => inFlight--);
    void front.serve(request, response);
  });
  // Clients of a local server keep connections open for long; a reset between two requests would look like a fault.
  server.keepAliveTimeout = 60_000;
  const port = await listen(server, options.port);
  return {
    url: `http://127.0.0.1:${port}`,
    routes: front.routes,
    get inFlight() {
      return inFlight;
    },
    stop: () => close(server),
  };
}

class Front {
  readonly routes: Routes;
  readonly #api: Api;
  readonly #responses: GatewayResponses;
  readonly #lambda: GatewayOptions['lambda'];
  readonly #authorizers: Authorizers;
  readonly #now: () => number;

  constructor(
    api: Api,
    routes: Routes,
    responses: GatewayResponses,
    lambda: GatewayOptions['lambda'],
    now: () => number,
  ) {
    this.#api = api;
    this.routes = routes;
    this.#responses = responses;
    this.#lambda = lambda;
    this.#now = now;
    this.#authorizers = new Authorizers((arn, event) => lambda.invoke(arn, event), now);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = receive(request, this.#now());
    try {
      await this.#answer(received, request, response);
    } catch {
      // Only a connection that broke ends here; there is nobody left to answer.
      if (!response.headersSent) this.#refuse('DEFAULT_5XX', received, response);
    }
  }

  async #answer(received: Received, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (!body) return this.#refuse('REQUEST_TOO_LARGE', received, response);
    const match = this.routes.match(received.method, received.path);
    if (!match) return this.#refuse('MISSING_AUTHENTICATION_TOKEN', received, response);
    const { route } = match;
    const event = proxyEvent(this.#api, received, match);
    let authorizer: Readonly<Record<string, string>> | undefined;
    if (route.authorizer) {
      const decision = await this.#authorizers.decide(
        route.authorizer,
        (name) => headerOf(received, name),
        methodArn(this.#api, received),
        () => event,
      );
      if (!decision.allowed) return this.#refuse(decision.because, received, response, match);
      authorizer = decision.context;
    }
    const requestContext = { ...(event.requestContext as object), ...(authorizer ? { authorizer } : {}) };
    const full = { ...event, requestContext, ...bodyOf(this.#api, received, body) };
    const result = await this.#integrate(match, JSON.stringify(full));
    if (typeof result === 'string') return this.#refuse(result, received, response, match);
    this.#send(result, received, response);
  }

  /** The function's answer, or the type of the gateway response when it has none that can be sent. */
  async #integrate({ route }: Match, event: string): Promise<ProxyResult | ResponseType> {
    const timer = new AbortController();
    try {
      const answer = await Promise.race([
        this.#lambda.invokeText(route.functionArn, event),
        sleep(route.timeoutMs, undefined, { signal: timer.signal }),
      ]);
      if (answer === undefined) return 'INTEGRATION_TIMEOUT';
      const result = JSON.parse(answer) as ProxyResult | null;
      return isProxyResult(result) ? result : 'DEFAULT_5XX';
    } catch (error) {
      return error instanceof InvokeRefused && error.status === 413 ? 'REQUEST_TOO_LARGE' : 'DEFAULT_5XX';
    } finally {
      timer.abort();
    }
  }

  #send(result: ProxyResult, received: Received, response: ServerResponse): void {
    const headers = new Map<string, string[]>();
    for (const [name, value] of Object.entries(result.headers ?? {})) headers.set(remapped(name), [String(value)]);
    for (const [name, values] of Object.entries(result.multiValueHeaders ?? {})) {
      headers.set(remapped(name), values.map(String));
    }
    if (!headers.has('content-type')) headers.set('content-type', ['application/json']);
    headers.set('x-amzn-requestid', [received.requestId]);
    if (!headers.has('x-request-id')) headers.set('x-request-id', [received.requestId]);
    const text = result.body ?? '';
    const decode = result.isBase64Encoded === true && isBinary(this.#api, headerOf(received, 'accept') ?? '*/*');
    const bytes = Buffer.from(text, decode ? 'base64' : 'utf8');
    const lines = [...headers].map(([name, values]) => [name, values.length === 1 ? values[0]! : values] as const);
    response.writeHead(result.statusCode, { ...Object.fromEntries(lines), 'content-length': bytes.length });
    response.end(received.method === 'HEAD' ? undefined : bytes);
  }

  #refuse(type: ResponseType, received: Received, response: ServerResponse, match?: Match): void {
    const answer = this.#responses.answer(type, this.#contextOf(received, match));
    response.writeHead(answer.status, {
      'x-request-id': received.requestId,
      'x-amzn-requestid': received.requestId,
      ...answer.headers,
      'content-length': Buffer.byteLength(answer.body),
    });
    response.end(received.method === 'HEAD' ? undefined : answer.body);
  }

  #contextOf(received: Received, match: Match | undefined): Context {
    return {
      requestId: received.requestId,
      extendedRequestId: received.requestId,
      apiId: this.#api.id,
      stage: this.#api.stage,
      httpMethod: received.method,
      path: `/${this.#api.stage}${received.path}`,
      resourcePath: match?.route.resourcePath ?? '',
      protocol: 'HTTP/1.1',
      requestTimeEpoch: String(received.receivedMs),
      domainName: headerOf(received, 'host') ?? '',
      'identity.sourceIp': received.sourceIp,
      'identity.userAgent': headerOf(received, 'user-agent') ?? '',
    };
  }
}

/** Whole body, or undefined when it is larger than API Gateway takes; the rest is read and dropped. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  return bytes <= bodyBytesMax ? Buffer.concat(chunks) : undefined;
}

function isProxyResult(result: ProxyResult | null): result is ProxyResult {
  return (
    typeof result === 'object' &&
    result !== null &&
    Number.isInteger(result.statusCode) &&
    result.statusCode >= 200 &&
    result.statusCode <= 599 &&
    ['string', 'undefined'].includes(typeof (result.body ?? undefined))
  );
}

/** Headers that API Gateway sets itself; a function's own come out under another name. */
const remappedNames = new Set([
  'connection',
  'content-length',
  'date',
  'host',
  'server',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
]);

function remapped(name: string): string {
  const lower = name.toLowerCase();
  return remappedNames.has(lower) ? `x-amzn-remapped-${lower}` : lower;
}

/** Listens on the first free port from the wanted one on. */
async function listen(server: Server, wanted: number): Promise<number> {
  for (let port = wanted; ; port++) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
          server.off('error', reject);
          resolve();
        });
      });
      return (server.address() as AddressInfo).port;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || wanted === 0 || port >= wanted + 100) throw error;
    }
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const forced = setTimeout(() => server.closeAllConnections(), 3_000).unref();
  await closed;
  clearTimeout(forced);
}
