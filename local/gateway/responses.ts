/** What API Gateway answers by itself: gateway responses of the template over AWS's own defaults. */
import type { Loaded } from '../template.ts';

/** Response types this gateway gives, with AWS's default status and message. */
const defaults = {
  MISSING_AUTHENTICATION_TOKEN: [403, 'Missing Authentication Token'],
  UNAUTHORIZED: [401, 'Unauthorized'],
  ACCESS_DENIED: [403, 'User is not authorized to access this resource'],
  AUTHORIZER_FAILURE: [500, 'Internal server error'],
  AUTHORIZER_CONFIGURATION_ERROR: [500, 'Internal server error'],
  REQUEST_TOO_LARGE: [413, 'Request Entity Too Large'],
  BAD_REQUEST_BODY: [400, 'Invalid request body'],
  THROTTLED: [429, 'Too Many Requests'],
  INTEGRATION_TIMEOUT: [504, 'Endpoint request timed out'],
  INTEGRATION_FAILURE: [504, 'Internal server error'],
  /** A function that threw or answered nonsense. */
  DEFAULT_5XX: [502, 'Internal server error'],
} as const satisfies Record<string, readonly [number, string]>;

export type ResponseType = keyof typeof defaults;

/** `$context` of a request, flat: `requestId`, `identity.sourceIp`, … */
export type Context = Readonly<Record<string, string>>;

interface Custom {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly templates: Readonly<Record<string, string>>;
}

export interface GatewayResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class GatewayResponses {
  readonly #custom: ReadonlyMap<string, Custom>;

  constructor(loaded: Loaded, apiRef: string) {
    const own = loaded.of('AWS::ApiGateway::GatewayResponse').filter((one) => one.properties.RestApiId === apiRef);
    this.#custom = new Map(own.map(({ properties }) => [String(properties.ResponseType), read(properties)]));
  }

  answer(type: ResponseType, context: Context): GatewayResponse {
    const [defaultStatus, message] = defaults[type];
    const fallback = defaultStatus < 500 ? 'DEFAULT_4XX' : 'DEFAULT_5XX';
    const custom = this.#custom.get(type) ?? this.#custom.get(fallback);
    const full: Context = {
      ...context,
      'error.message': message,
      'error.messageString': JSON.stringify(message),
      'error.responseType': type,
    };
    const templates = custom?.templates ?? {};
    const contentType = 'application/json' in templates ? 'application/json' : Object.keys(templates)[0];
    const headers = Object.entries(custom?.headers ?? {}).map(([name, value]) => [name, headerValue(value, full)]);
    return {
      status: custom?.status ?? defaultStatus,
      headers: {
        'content-type': contentType ?? 'application/json',
        'x-amzn-errortype': errorTypes[type] ?? 'InternalServerErrorException',
        ...Object.fromEntries(headers),
      },
      body: substitute(contentType ? templates[contentType]! : '{"message":$context.error.messageString}', full),
    };
  }
}

const errorTypes: Partial<Record<ResponseType, string>> = {
  MISSING_AUTHENTICATION_TOKEN: 'MissingAuthenticationTokenException',
  UNAUTHORIZED: 'UnauthorizedException',
  ACCESS_DENIED: 'AccessDeniedException',
  REQUEST_TOO_LARGE: 'RequestEntityTooLargeException',
};

function read(properties: Readonly<Record<string, unknown>>): Custom {
  const parameters = Object.entries((properties.ResponseParameters ?? {}) as Record<string, string>);
  const prefix = 'gatewayresponse.header.';
  return {
    status: properties.StatusCode === undefined ? undefined : Number(properties.StatusCode),
    headers: Object.fromEntries(
      parameters
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length).toLowerCase(), value]),
    ),
    templates: (properties.ResponseTemplates ?? {}) as Record<string, string>,
  };
}

/** A header is a quoted constant or names a value of the context. */
function headerValue(value: string, context: Context): string {
  if (value.startsWith("'")) return value.slice(1, -1);
  return value.startsWith('context.') ? (context[value.slice('context.'.length)] ?? '') : '';
}

/** `$context.name` and `${context.name}`, which is all of VTL that gateway responses can use. */
export function substitute(template: string, context: Context): string {
  return template.replace(
    /\$context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)|\$\{context\.([A-Za-z0-9_.]+)\}/g,
    (_, plain: string | undefined, braced: string | undefined) => context[(plain ?? braced)!] ?? '',
  );
}
