/**
 * The REST API: one for all routes, because an API and its routes must live in one stack. It stands in `read`,
 * which comes after `record`, and calls functions by the ARN of their alias, so that arrows point one way.
 *
 * Every path starts at the root of a host name; the stage `live` shows in the address only while there is no
 * custom domain or distribution in front (whose origin path is then `/live`).
 *
 * Bodies are binary (any type): a gzipped body of any content type arrives whole, where API Gateway would
 * otherwise read it as text and break it. Base64 makes Lambda's 6 MB limit 4.4 MB on the wire; more is
 * answered 413, and a gzipped body of that size holds far more than one batch may.
 */
import { Duration } from 'aws-cdk-lib';
import {
  AuthorizationType,
  IdentitySource,
  type IResource,
  RequestAuthorizer,
  ResponseType,
  type RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { CfnPermission, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import type { Verb } from './function.ts';
import { handsTo, makeRestApi } from './rest-api.ts';

export interface FrontDoorProps {
  readonly settings: Settings;
  readonly authenticate: Verb;
}

interface GatewayAnswer {
  readonly type: ResponseType;
  /** Left out where the response type covers several. */
  readonly status?: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

/** What API Gateway answers by itself: our own problems (a test compares code, title and status with core/event/problem.ts). */
export const gatewayAnswers: readonly GatewayAnswer[] = [
  {
    type: ResponseType.UNAUTHORIZED,
    status: 401,
    code: 'unauthenticated',
    title: 'The API key is missing or not valid',
    detail: 'Send your API key in the header: Authorization: Bearer tk_...',
  },
  {
    type: ResponseType.ACCESS_DENIED,
    status: 403,
    code: 'forbidden',
    title: 'The API key may not do this',
    detail: 'This key may not call this API.',
  },
  // A path that is not there: API Gateway says 403 for it, which tells a stranger nothing and a friend the wrong thing.
  {
    type: ResponseType.MISSING_AUTHENTICATION_TOKEN,
    status: 404,
    code: 'not_found',
    title: 'There is nothing here',
    detail: 'There is no such path, or it does not take this method.',
  },
  {
    type: ResponseType.REQUEST_TOO_LARGE,
    status: 413,
    code: 'body_too_large',
    title: 'The request body is too large',
    detail: 'Send smaller batches, or gzip.',
  },
  {
    type: ResponseType.THROTTLED,
    status: 429,
    code: 'rate_limited',
    title: 'Too many events for this key',
    detail: 'Too many requests at once. Nothing was taken; wait a second.',
  },
  ...[ResponseType.AUTHORIZER_FAILURE, ResponseType.INTEGRATION_FAILURE].map((type) => ({
    type,
    status: 503,
    code: 'unavailable',
    title: 'A part of Trailkeep is unavailable, try again',
    detail: 'A part of Trailkeep is unavailable. Nothing was promised; try again.',
  })),
  {
    type: ResponseType.INTEGRATION_TIMEOUT,
    status: 504,
    code: 'timeout',
    title: 'It took too long',
    detail: 'The answer took longer than 29 seconds.',
  },
  {
    type: ResponseType.DEFAULT_4XX,
    code: 'request_invalid',
    title: 'The request does not have the right shape',
    detail: 'API Gateway refused the request.',
  },
  {
    type: ResponseType.DEFAULT_5XX,
    code: 'internal',
    title: 'Something went wrong on our side',
    detail: 'Something went wrong on our side. Tell us the instance.',
  },
];

const problem = ({ status, code, title, detail }: GatewayAnswer) =>
  `{"type":"https://trailkeep.dev/errors/${code}","title":"${title}"${status ? `,"status":${status}` : ''},` +
  `"code":"${code}","detail":"${detail}","instance":"$context.requestId"}`;

export class FrontDoor extends Construct {
  readonly api: RestApi;
  readonly #authorizer: RequestAuthorizer;
  readonly #permitted = new Set<string>();

  constructor(scope: Construct, id: string, { settings, authenticate }: FrontDoorProps) {
    super(scope, id);
    const { ratePerSecond, burst } = settings.api;
    this.api = makeRestApi(this, { settings, name: `trailkeep-${settings.stage}`, ratePerSecond, burst });
    this.#authorizer = new RequestAuthorizer(this, 'Authorizer', {
      handler: authenticate.live as IFunction,
      identitySources: [IdentitySource.header('Authorization')],
      resultsCacheTtl: Duration.seconds(60),
    });
    for (const answer of gatewayAnswers) this.#answer(answer);
  }

  #answer(answer: GatewayAnswer): void {
    const { type, status, code } = answer;
    const again = code === 'unavailable' || code === 'rate_limited';
    this.api.addGatewayResponse(`Answer${type.responseType}`, {
      type,
      ...(status === undefined ? {} : { statusCode: String(status) }),
      responseHeaders: {
        'content-type': "'application/problem+json'",
        'x-request-id': 'context.requestId',
        ...(again ? { 'retry-after': "'1'" } : {}),
      },
      templates: { 'application/json': problem(answer) },
    });
  }

  /** Routes a path's methods to a verb, behind the authorizer. */
  route(path: string, methods: readonly string[], verb: Verb): void {
    this.#add(path, methods, verb, { authorizationType: AuthorizationType.CUSTOM, authorizer: this.#authorizer });
  }

  /** Routes a path that everyone may see. */
  routePublic(path: string, verb: Verb): void {
    this.#add(path, ['GET'], verb, { authorizationType: AuthorizationType.NONE });
  }

  #add(path: string, methods: readonly string[], verb: Verb, how: object): void {
    const integration = handsTo(this, verb);
    const resource: IResource = this.api.root.resourceForPath(path);
    for (const method of methods) resource.addMethod(method, integration, how);
    this.#permit(verb);
  }

  /** One permission for a function, not one a route: a function's resource policy holds 20 KB. */
  #permit(verb: Verb): void {
    if (this.#permitted.has(verb.bundle)) return;
    this.#permitted.add(verb.bundle);
    new CfnPermission(this, `May-${verb.bundle}`, {
      action: 'lambda:InvokeFunction',
      principal: 'apigateway.amazonaws.com',
      functionName: verb.live.functionArn,
      sourceArn: this.api.arnForExecuteApi('*', '/*', 'live'),
    });
  }
}
