/**
 * How a verb meets API Gateway: a REST proxy event in, a proxy result out.
 *
 * Whatever goes wrong becomes application/problem+json (RFC 9457) with our stable code. What we did not
 * expect becomes `internal` with the request id and nothing else: no message, no stack.
 */
import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type * as z from 'zod';
import { type Caller, type Scope, scopes } from '#core/access/access.ts';
import { type Person, principalKinds } from '#core/access/principal.ts';
import { type JsonLimits, parseJson } from '#core/event/json.ts';
import { escapeToken } from '#core/event/pointer.ts';
import { Problem, problemKinds, problemOf } from '#core/event/problem.ts';
import { Unavailable } from '#core/record/ports.ts';
import { logger } from './observe.ts';
import { type Openers, openOnce } from './ports.ts';
import type { HttpRequest, HttpResponse, HttpVerb } from './request.ts';

/** Pages of our errors live under this address; it is an identifier, not a promise of a server. */
const problemBase = 'https://trailkeep.dev/errors/';

/** Turns a verb over ports into a Lambda handler; the ports are opened by the first call. */
export function onHttp<Ports>(verb: HttpVerb<Ports>, openers: Openers<Ports>) {
  const open = openOnce(openers);
  return middy<APIGatewayProxyEvent, APIGatewayProxyResult>()
    .use({
      onError: (invocation) => {
        const requestId = invocation.event.requestContext.requestId;
        const problem = asProblem(invocation.error, requestId);
        traceRefusal(invocation.event, problem);
        invocation.response = resultOf(problemResponse(problem, requestId), requestId);
      },
    })
    .handler(async (event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> => {
      const request = requestOf(event);
      return resultOf(await verb(await open(), request), request.requestId);
    });
}

/** The caller, when its key has the scope. Throws `unauthenticated` or `forbidden`. */
export function requireScope(request: HttpRequest, scope: Scope): Caller {
  if (!request.caller) throw new Problem('unauthenticated', 'Send your API key as "Authorization: Bearer tk_…".');
  if (!request.caller.scopes.includes(scope)) {
    throw new Problem('forbidden', `This needs a key with the scope ${scope}.`);
  }
  return request.caller;
}

/** The JSON body in the shape of a schema. Throws `body_missing`, a `json_…` code or `request_invalid` with a pointer. */
export function jsonBody<S extends z.ZodType>(request: HttpRequest, schema: S, limits?: JsonLimits): z.output<S> {
  const parsed = parseJson(textBody(request), limits);
  if (!parsed.ok) throw problemOf(parsed.fault);
  const shaped = schema.safeParse(parsed.value);
  if (shaped.success) return shaped.data;
  const issue = shaped.error.issues[0]!;
  const pointer = issue.path.map((part) => `/${escapeToken(String(part))}`).join('');
  throw new Problem('request_invalid', `${pointer || 'The body'}: ${issue.message}.`, { pointer });
}

/** The body as text; throws `body_missing` or `utf8_invalid`. */
export function textBody(request: HttpRequest): string {
  if (!request.body || request.body.length === 0) throw new Problem('body_missing', 'This request needs a JSON body.');
  return decodeUtf8(request.body);
}

/** Strict UTF-8: a byte that is not text is refused, never replaced. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Problem('utf8_invalid', 'The body is not valid UTF-8.');
  }
}

function requestOf(event: APIGatewayProxyEvent): HttpRequest {
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(event.multiValueHeaders ?? {})) {
    if (values) headers[name.toLowerCase()] = values.join(', ');
  }
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {})) {
    for (const value of values ?? []) query.append(name, value);
  }
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(event.pathParameters ?? {})) {
    // API Gateway leaves path parameters percent-encoded; a malformed one names nothing.
    if (value !== undefined) params[name] = decodePath(value);
  }
  return {
    method: event.httpMethod,
    path: event.path,
    params,
    query,
    headers,
    body: event.body === null ? undefined : Buffer.from(event.body, event.isBase64Encoded ? 'base64' : 'utf8'),
    caller: callerOf(event.requestContext.authorizer),
    requestId: event.requestContext.requestId,
    sourceIp: event.requestContext.identity.sourceIp,
    now: new Date(),
  };
}

function decodePath(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The authorizer's context holds strings only; contextOf in authorizer.ts is the other half. */
function callerOf(context: APIGatewayProxyEvent['requestContext']['authorizer']): Caller | undefined {
  if (!context?.tenant || !context.keyId) return undefined;
  // An answer that API Gateway kept over a deployment may be of the time when there were keys only.
  const kind = principalKinds.find((one) => one === (context.kind ?? 'key'));
  const held = new Set(String(context.scopes ?? '').split(' '));
  return (
    kind && {
      tenant: String(context.tenant),
      kind,
      keyId: String(context.keyId),
      scopes: kind === 'key' ? scopes.filter((scope) => held.has(scope)) : [],
      eventsPerSecond: Number(context.eventsPerSecond),
      ...(kind === 'person' ? { person: JSON.parse(String(context.person)) as Person } : {}),
      ...(kind === 'service' ? { serviceAccount: String(context.serviceAccount) } : {}),
      ...(context.project ? { project: String(context.project) } : {}),
      ...(context.environment ? { environment: String(context.environment) } : {}),
    }
  );
}

/** What a stranger gets for an answer: one of these is a slip, many of them are somebody who tries doors. */
const doorsTried: ReadonlySet<string> = new Set(['unauthenticated', 'forbidden', 'not_found', 'cursor_invalid']);

/** Who was refused, where and by which code; never what was asked for, which can be a person's name. */
function traceRefusal({ requestContext, httpMethod, resource }: APIGatewayProxyEvent, { fault }: Problem): void {
  if (!doorsTried.has(fault.code)) return;
  const { tenant, kind, keyId: id } = requestContext.authorizer ?? {};
  // A person's id may be a name or an address, and traces outlive an erasure.
  const keyId = kind === 'person' ? 'a person' : id;
  const { requestId } = requestContext;
  logger.info('refused', { code: fault.code, route: `${httpMethod} ${resource}`, tenant, keyId, requestId });
}

function problemResponse(problem: Problem, requestId: string): HttpResponse {
  const { code, detail, pointer } = problem.fault;
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(problem.retryAfterSeconds === undefined ? {} : { 'retry-after': String(problem.retryAfterSeconds) }),
    },
    body: JSON.stringify({
      type: problemBase + code,
      title: problemKinds[code].title,
      status: problem.status,
      code,
      detail,
      instance: requestId,
      ...(pointer === undefined ? {} : { pointer }),
      ...problem.extensions,
    }),
  };
}

function asProblem(error: unknown, requestId: string): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Unavailable) {
    logger.warn('a place is unavailable', { place: error.place, requestId, cause: String(error.cause) });
    return new Problem('unavailable', 'A part of Trailkeep is unavailable. Nothing was promised; try again.', {
      retryAfterSeconds: 1,
    });
  }
  logger.error('unexpected', { requestId, error: error instanceof Error ? error : String(error) });
  return new Problem('internal', `Something went wrong on our side. Tell us the request id ${requestId}.`);
}

function resultOf(response: HttpResponse, requestId: string): APIGatewayProxyResult {
  const { body } = response;
  const json = typeof body === 'object' && !(body instanceof Uint8Array);
  return {
    statusCode: response.status,
    headers: {
      ...(json ? { 'content-type': 'application/json' } : {}),
      'cache-control': 'no-store',
      ...response.headers,
      'x-request-id': requestId,
    },
    isBase64Encoded: body instanceof Uint8Array,
    body: textOf(body),
  };
}

function textOf(body: HttpResponse['body']): string {
  if (body === undefined || typeof body === 'string') return body ?? '';
  return body instanceof Uint8Array ? Buffer.from(body).toString('base64') : JSON.stringify(body);
}
