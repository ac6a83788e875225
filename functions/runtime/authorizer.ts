/**
 * How a verb meets API Gateway's REQUEST authorizer.
 *
 * API Gateway caches the answer by the Authorization header for 60 s, so the policy covers the whole API:
 * what a key may do on a route is its scope, which each verb checks.
 */
import middy from '@middy/core';
import type { APIGatewayAuthorizerResult, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import type { Caller } from '#core/access/access.ts';
import { logger } from './observe.ts';
import { type Openers, openOnce } from './ports.ts';

export type AuthorizerVerb<Ports> = (
  ports: Ports,
  request: { readonly headers: Readonly<Record<string, string>>; readonly methodArn: string; readonly now: Date },
) => Promise<Caller | undefined>;

/** Turns a verb into a Lambda authorizer. No caller means `Unauthorized`, which API Gateway answers with 401. */
export function onAuthorizer<Ports>(verb: AuthorizerVerb<Ports>, openers: Openers<Ports>) {
  const open = openOnce(openers);
  return middy<APIGatewayRequestAuthorizerEvent, APIGatewayAuthorizerResult>().handler(
    async (event: APIGatewayRequestAuthorizerEvent): Promise<APIGatewayAuthorizerResult> => {
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(event.headers ?? {})) {
        if (value !== undefined) headers[name.toLowerCase()] = value;
      }
      const caller = await verb(await open(), { headers, methodArn: event.methodArn, now: new Date() });
      if (!caller) {
        const { requestId } = event.requestContext;
        logger.info('refused', { code: 'unauthenticated', route: `${event.httpMethod} ${event.resource}`, requestId });
        // The exact word is API Gateway's protocol for 401; any other error becomes a 500.
        throw new Error('Unauthorized');
      }
      return {
        principalId: caller.keyId,
        policyDocument: {
          Version: '2012-10-17',
          Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: wholeApi(event.methodArn) }],
        },
        context: contextOf(caller),
      };
    },
  );
}

/** The caller as API Gateway carries it, in strings; functions/runtime/http.ts reads it. */
export const contextOf = (caller: Caller): Record<string, string> => ({
  tenant: caller.tenant,
  kind: caller.kind,
  keyId: caller.keyId,
  scopes: caller.scopes.join(' '),
  eventsPerSecond: String(caller.eventsPerSecond),
  ...(caller.person === undefined ? {} : { person: JSON.stringify(caller.person) }),
  ...(caller.serviceAccount === undefined ? {} : { serviceAccount: caller.serviceAccount }),
  ...(caller.project === undefined ? {} : { project: caller.project }),
  ...(caller.environment === undefined ? {} : { environment: caller.environment }),
});

/** `arn:…:<api>/<stage>/GET/v1/events` → `arn:…:<api>/<stage>/*` */
function wholeApi(methodArn: string): string {
  const [api, stage] = methodArn.split('/');
  return `${api}/${stage}/*`;
}
