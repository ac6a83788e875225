import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AccessLogField,
  AccessLogFormat,
  EndpointType,
  Integration,
  IntegrationType,
  LogGroupLogDestination,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import type { Verb } from './function.ts';

export interface RestApiProps {
  readonly settings: Settings;
  readonly name: string;
  readonly ratePerSecond: number;
  readonly burst: number;
}

/** A regional REST API with one stage, `live`, throttled, with access logs; bodies of any type arrive as they were sent. */
export function makeRestApi(scope: Construct, { settings, name, ratePerSecond, burst }: RestApiProps): RestApi {
  const logGroup = new LogGroup(scope, 'AccessLogs', {
    retention: settings.observe.logRetentionDays as RetentionDays,
    removalPolicy: settings.removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
  return new RestApi(scope, 'Api', {
    restApiName: name,
    endpointTypes: [EndpointType.REGIONAL],
    binaryMediaTypes: ['*/*'],
    cloudWatchRole: false,
    deployOptions: {
      stageName: 'live',
      tracingEnabled: true,
      throttlingRateLimit: ratePerSecond,
      throttlingBurstLimit: burst,
      // Access logs only: execution logs would hold bodies, which hold people.
      accessLogDestination: new LogGroupLogDestination(logGroup),
      accessLogFormat: AccessLogFormat.custom(
        JSON.stringify({
          requestId: AccessLogField.contextRequestId(),
          at: AccessLogField.contextRequestTimeEpoch(),
          method: AccessLogField.contextHttpMethod(),
          route: AccessLogField.contextResourcePath(),
          status: AccessLogField.contextStatus(),
          ms: AccessLogField.contextResponseLatency(),
          bytes: AccessLogField.contextResponseLength(),
          ip: AccessLogField.contextIdentitySourceIp(),
          tenant: AccessLogField.contextAuthorizer('tenant'),
          keyId: AccessLogField.contextAuthorizer('keyId'),
          error: AccessLogField.contextErrorResponseType(),
        }),
      ),
    },
  });
}

/** Hands whole requests to a verb, by the ARN of its alias. */
export const handsTo = (scope: Construct, verb: Verb): Integration =>
  new Integration({
    type: IntegrationType.AWS_PROXY,
    integrationHttpMethod: 'POST',
    uri: Stack.of(scope).formatArn({
      service: 'apigateway',
      account: 'lambda',
      resource: 'path',
      resourceName: `2015-03-31/functions/${verb.live.functionArn}/invocations`,
    }),
    options: { timeout: Duration.seconds(29) },
  });
