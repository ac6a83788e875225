/** Lambda events as AWS sends them, with only what a test cares about to fill in. */
import type { APIGatewayProxyEvent, Context, SQSEvent } from 'aws-lambda';
import type { Caller } from '#core/access/access.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';

export const tenantA = '01890000-0000-7000-8000-00000000000a';
export const tenantB = '01890000-0000-7000-8000-00000000000b';

export const callerA: Caller = {
  tenant: tenantA,
  kind: 'key',
  keyId: 'aaaaaaaaaaaaaaaaaaaa',
  scopes: ['events:write', 'events:read', 'keys:manage', 'policy:manage'],
  eventsPerSecond: 10_000,
};

export const context = {
  awsRequestId: 'test',
  functionName: 'test',
  getRemainingTimeInMillis: () => 29_000,
} as Context;

/** A verb's request. */
export function httpRequest(overrides: Partial<HttpRequest> & { json?: unknown } = {}): HttpRequest {
  const { json, ...rest } = overrides;
  return {
    method: 'POST',
    path: '/v1/events',
    params: {},
    query: new URLSearchParams(),
    headers: { 'content-type': 'application/json' },
    body: json === undefined ? undefined : Buffer.from(JSON.stringify(json)),
    caller: callerA,
    requestId: 'request-1',
    sourceIp: '203.0.113.7',
    now: new Date('2026-03-01T12:00:00.000Z'),
    ...rest,
  };
}

/** A REST API proxy event. */
export function proxyEvent(
  overrides: Partial<APIGatewayProxyEvent> & { authorizer?: Record<string, string> } = {},
): APIGatewayProxyEvent {
  const { authorizer, ...rest } = overrides;
  return {
    resource: '/v1/events',
    path: '/v1/events',
    httpMethod: 'POST',
    headers: {},
    multiValueHeaders: {},
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: null,
    stageVariables: null,
    body: null,
    isBase64Encoded: false,
    requestContext: {
      requestId: 'request-1',
      authorizer,
      identity: { sourceIp: '203.0.113.7' },
    } as unknown as APIGatewayProxyEvent['requestContext'],
    ...rest,
  };
}

/** An SQS batch; bodies become messages m0, m1, … */
export function sqsEvent(
  bodies: readonly string[],
  overrides: { queue?: string; receiveCount?: number } = {},
): SQSEvent {
  return {
    Records: bodies.map((body, index) => ({
      messageId: `m${index}`,
      receiptHandle: `r${index}`,
      body,
      attributes: {
        ApproximateReceiveCount: String(overrides.receiveCount ?? 1),
        SentTimestamp: String(Date.parse('2026-03-01T12:00:00.000Z')),
        SenderId: 'test',
        ApproximateFirstReceiveTimestamp: '0',
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: `arn:aws:sqs:eu-west-1:000000000000:${overrides.queue ?? 'critical'}`,
      awsRegion: 'eu-west-1',
    })),
  };
}
