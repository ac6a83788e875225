/** A request as the event that API Gateway sends to a function (payload format 1.0). */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Match } from './routes.ts';

export interface Api {
  readonly id: string;
  readonly stage: string;
  readonly region: string;
  readonly account: string;
  readonly binaryMediaTypes: readonly string[];
}

/** A request that was read whole. */
export interface Received {
  readonly method: string;
  /** Path as sent, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** In the order and the case of the sender. */
  readonly headers: readonly (readonly [string, string])[];
  readonly sourceIp: string;
  readonly requestId: string;
  readonly receivedMs: number;
}

/** Headers of the connection, which API Gateway does not pass on. */
const hopByHop = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
]);

export function receive(request: IncomingMessage, receivedMs: number): Received {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const raw = request.rawHeaders;
  const headers = Array.from({ length: raw.length / 2 }, (_, at) => [raw[at * 2]!, raw[at * 2 + 1]!] as const);
  const address = request.socket.remoteAddress ?? '127.0.0.1';
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
    headers: headers.filter(([name]) => !hopByHop.has(name.toLowerCase())),
    sourceIp: address.replace(/^::ffff:/, ''),
    requestId: randomUUID(),
    receivedMs,
  };
}

export function headerOf(received: Received, name: string): string | undefined {
  return received.headers.findLast(([one]) => one.toLowerCase() === name)?.[1];
}

/** The ARN that policies of authorizers speak about. */
export function methodArn(api: Api, { method, path }: Received): string {
  return `arn:aws:execute-api:${api.region}:${api.account}:${api.id}/${api.stage}/${method}${path}`;
}

/** What a REQUEST authorizer and a function are told alike. */
export function proxyEvent(api: Api, received: Received, { route, params }: Match): Record<string, unknown> {
  const headers = withForwarding(received);
  const query = [...received.query];
  return {
    resource: route.resourcePath,
    path: received.path,
    httpMethod: received.method,
    headers: Object.fromEntries(headers),
    multiValueHeaders: grouped(headers),
    queryStringParameters: query.length > 0 ? Object.fromEntries(query) : null,
    multiValueQueryStringParameters: query.length > 0 ? grouped(query) : null,
    pathParameters: Object.keys(params).length > 0 ? params : null,
    stageVariables: null,
    requestContext: {
      resourceId: route.resourceId,
      resourcePath: route.resourcePath,
      httpMethod: received.method,
      extendedRequestId: received.requestId.slice(0, 13),
      requestTime: commonLogTime(received.receivedMs),
      path: `/${api.stage}${received.path}`,
      accountId: api.account,
      protocol: 'HTTP/1.1',
      stage: api.stage,
      domainPrefix: api.id,
      requestTimeEpoch: received.receivedMs,
      requestId: received.requestId,
      identity: identityOf(received),
      domainName: headerOf(received, 'host') ?? '127.0.0.1',
      deploymentId: 'local',
      apiId: api.id,
    },
  };
}

/** Body of a function's event: text, or base64 when the content type is one of the binary ones. */
export function bodyOf(api: Api, received: Received, bytes: Buffer): { body: string | null; isBase64Encoded: boolean } {
  if (bytes.length === 0) return { body: null, isBase64Encoded: false };
  const binary = isBinary(api, headerOf(received, 'content-type') ?? 'application/json');
  return { body: bytes.toString(binary ? 'base64' : 'utf8'), isBase64Encoded: binary };
}

/** Whether a media type (of a Content-Type, or the first of an Accept header) is one of the binary ones. */
export function isBinary(api: Api, header: string): boolean {
  const type = header.split(/[,;]/)[0]!.trim().toLowerCase();
  return api.binaryMediaTypes.some((one) => {
    const wanted = one.toLowerCase();
    if (wanted === '*/*' || wanted === type) return true;
    return wanted.endsWith('/*') && type.startsWith(wanted.slice(0, -1));
  });
}

function withForwarding(received: Received): (readonly [string, string])[] {
  const host = headerOf(received, 'host') ?? '';
  return [
    ...received.headers,
    [
      'X-Amzn-Trace-Id',
      `Root=1-${Math.floor(received.receivedMs / 1000).toString(16)}-${received.requestId.replaceAll('-', '').slice(0, 24)}`,
    ],
    ['X-Forwarded-For', received.sourceIp],
    ['X-Forwarded-Port', host.split(':')[1] ?? '80'],
    ['X-Forwarded-Proto', 'http'],
  ];
}

function grouped(pairs: readonly (readonly [string, string])[]): Record<string, string[]> {
  const groups: Record<string, string[]> = {};
  for (const [name, value] of pairs) {
    groups[name] ??= [];
    groups[name].push(value);
  }
  return groups;
}

function identityOf(received: Received): Record<string, string | null> {
  return {
    cognitoIdentityPoolId: null,
    accountId: null,
    cognitoIdentityId: null,
    caller: null,
    sourceIp: received.sourceIp,
    principalOrgId: null,
    accessKey: null,
    cognitoAuthenticationType: null,
    cognitoAuthenticationProvider: null,
    userArn: null,
    userAgent: headerOf(received, 'user-agent') ?? null,
    user: null,
  };
}

/** `21/Nov/2026:05:20:59 +0000` */
function commonLogTime(ms: number): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(ms).toUTCString())!;
  return `${day}/${month}/${year}:${time} +0000`;
}
