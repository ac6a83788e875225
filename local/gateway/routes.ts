/** The routes of a REST API, read from its Resource and Method resources. */
import { type Loaded, type RunningResource, TemplateError } from '../template.ts';

export interface Authorizer {
  readonly id: string;
  readonly functionArn: string;
  /** Names of the headers that make up the cache key; a request without one of them is refused. */
  readonly identityHeaders: readonly string[];
  readonly ttlSeconds: number;
}

export interface Route {
  readonly method: string;
  /** `/v1/events/{eventId}` */
  readonly resourcePath: string;
  readonly resourceId: string;
  readonly functionArn: string;
  readonly authorizer: Authorizer | undefined;
  readonly timeoutMs: number;
}

export interface Match {
  readonly route: Route;
  /** As sent: still percent-encoded, as API Gateway leaves them. */
  readonly params: Readonly<Record<string, string>>;
}

interface Node {
  readonly fixed: Map<string, Node>;
  param?: { readonly name: string; readonly node: Node };
  greedy?: { readonly name: string; readonly node: Node };
  readonly methods: Map<string, Route>;
}

const node = (): Node => ({ fixed: new Map(), methods: new Map() });

export class Routes {
  readonly all: readonly Route[];
  readonly #root = node();

  constructor(routes: readonly Route[]) {
    this.all = routes;
    for (const route of routes) this.#add(route);
  }

  /** The most specific route of a path: a fixed part wins over a parameter, a parameter over `{proxy+}`. */
  match(method: string, path: string): Match | undefined {
    const parts = path === '/' ? [] : path.slice(1).split('/');
    const found = walk(this.#root, parts, {});
    const route = found?.node.methods.get(method) ?? found?.node.methods.get('ANY');
    return found && route ? { route, params: found.params } : undefined;
  }

  #add(route: Route): void {
    let at = this.#root;
    for (const part of route.resourcePath.split('/').filter(Boolean)) {
      const [, name, plus] = /^\{([^}+]+)(\+?)\}$/.exec(part) ?? [];
      if (name === undefined) {
        const next = at.fixed.get(part) ?? node();
        at.fixed.set(part, next);
        at = next;
      } else {
        const kind = plus ? 'greedy' : 'param';
        const next = at[kind] ?? { name, node: node() };
        at[kind] = next;
        at = next.node;
      }
    }
    at.methods.set(route.method, route);
  }
}

type Found = { readonly node: Node; readonly params: Record<string, string> };

function walk(at: Node, parts: readonly string[], params: Record<string, string>): Found | undefined {
  const [part, ...rest] = parts;
  if (part === undefined) return at.methods.size > 0 ? { node: at, params } : undefined;
  const fixed = at.fixed.get(part);
  const byName = fixed && walk(fixed, rest, params);
  if (byName) return byName;
  // A trailing or doubled slash makes an empty part, which names nothing.
  if (part === '') return undefined;
  const byParam = at.param && walk(at.param.node, rest, { ...params, [at.param.name]: part });
  if (byParam) return byParam;
  return at.greedy && { node: at.greedy.node, params: { ...params, [at.greedy.name]: parts.join('/') } };
}

/** Reads the routes of one REST API. Throws TemplateError on what this gateway does not do. */
export function readRoutes(loaded: Loaded, apiRef: string): Routes {
  const resources = new Map(loaded.of('AWS::ApiGateway::Resource').map((one) => [one.attributes.ref, one]));
  const pathOf = (ref: string): string => {
    const resource = resources.get(ref);
    if (!resource) return '';
    return `${pathOf(String(resource.properties.ParentId))}/${String(resource.properties.PathPart)}`;
  };
  const authorizers = new Map(
    loaded.of('AWS::ApiGateway::Authorizer').map((one) => [one.attributes.ref, readAuthorizer(one)]),
  );
  const methods = loaded.of('AWS::ApiGateway::Method').filter((one) => one.properties.RestApiId === apiRef);
  return new Routes(methods.map((one) => readMethod(one, pathOf, authorizers)));
}

function readMethod(
  one: RunningResource,
  pathOf: (ref: string) => string,
  authorizers: ReadonlyMap<string, Authorizer>,
): Route {
  const { properties } = one;
  const integration = (properties.Integration ?? {}) as {
    readonly Type?: string;
    readonly Uri?: string;
    readonly TimeoutInMillis?: number;
  };
  const refuse = (what: string) => new TemplateError(`${one.id}: the local gateway does not do ${what}`);
  if (integration.Type !== 'AWS_PROXY') throw refuse(`integration type ${integration.Type}`);
  if (properties.RequestValidatorId) throw refuse('request validators');
  if (properties.ApiKeyRequired === true) throw refuse('API keys of usage plans');
  const kind = properties.AuthorizationType ?? 'NONE';
  if (kind !== 'NONE' && kind !== 'CUSTOM') throw refuse(`authorization type ${String(kind)}`);
  const authorizer = kind === 'CUSTOM' ? authorizers.get(String(properties.AuthorizerId)) : undefined;
  if (kind === 'CUSTOM' && !authorizer) throw refuse(`an authorizer that is not in the template`);
  const resourceId = String(properties.ResourceId);
  return {
    method: String(properties.HttpMethod),
    resourcePath: pathOf(resourceId) || '/',
    resourceId,
    functionArn: functionOf(String(integration.Uri), one.id),
    authorizer,
    timeoutMs: Number(integration.TimeoutInMillis ?? 29_000),
  };
}

function readAuthorizer(one: RunningResource): Authorizer {
  const { properties } = one;
  if (properties.Type !== 'REQUEST')
    throw new TemplateError(`${one.id}: the local gateway does REQUEST authorizers only`);
  const sources = String(properties.IdentitySource ?? '')
    .split(',')
    .map((source) => source.trim())
    .filter(Boolean);
  const headers = sources.map((source) => {
    const [, name] = /^method\.request\.header\.(.+)$/.exec(source) ?? [];
    if (name === undefined) throw new TemplateError(`${one.id}: identity source ${source} is not supported here`);
    return name.toLowerCase();
  });
  return {
    id: one.id,
    functionArn: functionOf(String(properties.AuthorizerUri), one.id),
    identityHeaders: headers,
    ttlSeconds: Number(properties.AuthorizerResultTtlInSeconds ?? 300),
  };
}

/** `arn:aws:apigateway:…:lambda:path/2015-03-31/functions/<arn>/invocations` → `<arn>` */
function functionOf(uri: string, id: string): string {
  const [, arn] = /\/functions\/(.+)\/invocations$/.exec(uri) ?? [];
  if (arn === undefined) throw new TemplateError(`${id}: ${uri} is not the address of a function`);
  return arn;
}
