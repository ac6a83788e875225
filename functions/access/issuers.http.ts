/**
 * Issuers: the platform says which OIDC issuers vouch for people of a tenant.
 *
 * The platform and not the tenant, because we fetch from these addresses. Postgres first, then S3, where the
 * authorizer reads. A removal is published first: nobody is let in by a row that is gone, and while there is a row,
 * asking again removes it. A registration that could not be published answers 503: remove it and make it again.
 */
import { createIssuerBody, type Issuer, tenantsOfIssuerMax } from '#core/access/issuer.ts';
import type { IssuerRegistry, Tenant, TenantRegistry } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import type { Publisher } from '#core/record/ports.ts';
import { jsonBody, onHttp, requireScope } from '#functions/runtime/http.ts';
import { openIds, openIssuers, openPlaintextHosts, openPublisher, openTenants } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { listQuery, nextOf } from './list-page.ts';
import { publishIssuer } from './publish.ts';

export interface IssuersPorts {
  readonly tenants: Pick<TenantRegistry, 'get'>;
  readonly issuers: IssuerRegistry;
  readonly publisher: Publisher;
  readonly plaintextHosts: readonly string[];
  readonly ids: { readonly uuidv7: (now: Date) => string };
}

export async function issuers(ports: IssuersPorts, request: HttpRequest): Promise<HttpResponse> {
  requireScope(request, 'admin');
  const tenant = await tenantOf(ports, request);
  const { issuerId } = request.params;
  switch (`${request.method} ${issuerId === undefined ? '' : 'one'}`) {
    case 'POST ':
      return create(ports, request, tenant);
    case 'GET ':
      return list(ports, request, tenant);
    case 'GET one':
      return { status: 200, body: issuerView(found(await ports.issuers.get(tenant.id, idOf(request)))) };
    case 'DELETE one':
      return remove(ports, request, tenant);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function tenantOf({ tenants }: IssuersPorts, { params }: HttpRequest): Promise<Tenant> {
  const id = (params.tenantId ?? '').toLowerCase();
  const tenant = isUuid(id) ? await tenants.get(id) : undefined;
  if (!tenant) throw new Problem('not_found', 'There is no tenant with this id.');
  return tenant;
}

const idOf = ({ params }: HttpRequest): string => (params.issuerId ?? '').toLowerCase();

function found(issuer: Issuer | undefined): Issuer {
  if (!issuer) throw new Problem('not_found', 'There is no issuer with this id.');
  return issuer;
}

async function create(ports: IssuersPorts, request: HttpRequest, tenant: Tenant): Promise<HttpResponse> {
  const body = jsonBody(request, createIssuerBody);
  const { protocol, hostname } = new URL(body.issuer);
  if (protocol !== 'https:' && !ports.plaintextHosts.includes(hostname)) {
    throw new Problem('request_invalid', '/issuer: must be an https address.', { pointer: '/issuer' });
  }
  if ((await ports.issuers.allOf(body.issuer)).length >= tenantsOfIssuerMax) {
    throw new Problem('conflict', `An issuer serves at most ${tenantsOfIssuerMax} tenants.`);
  }
  const issuer: Issuer = {
    id: ports.ids.uuidv7(request.now),
    tenant: tenant.id,
    issuer: body.issuer,
    name: body.name,
    audience: body.audience,
    ...(body.tenant_claim === undefined ? {} : { tenantClaim: body.tenant_claim }),
    subjectPrefix: body.subject_prefix ?? '',
    alwaysMfa: body.always_mfa ?? false,
    createdAt: request.now,
  };
  await ports.issuers.create(issuer);
  await publishIssuer(ports, issuer.issuer);
  return { status: 201, body: issuerView(issuer) };
}

async function list(ports: IssuersPorts, request: HttpRequest, { id }: Tenant): Promise<HttpResponse> {
  const { after, limit } = listQuery(request.query);
  if (after !== undefined && !isUuid(after)) {
    throw new Problem('request_invalid', 'after must be the id of an issuer.', { pointer: '/after' });
  }
  const page = await ports.issuers.list(id, after, limit);
  return { status: 200, body: { issuers: page.map(issuerView), next: nextOf(page, limit, (one) => one.id) } };
}

/** Published without the issuer before its row goes: a publication that fails leaves the row, and asking again works. */
async function remove(ports: IssuersPorts, request: HttpRequest, { id }: Tenant): Promise<HttpResponse> {
  const issuer = found(await ports.issuers.get(id, idOf(request)));
  await publishIssuer(ports, issuer.issuer, issuer.id);
  await ports.issuers.remove(id, issuer.id);
  await publishIssuer(ports, issuer.issuer);
  return { status: 204 };
}

const issuerView = (issuer: Issuer) => ({
  id: issuer.id,
  issuer: issuer.issuer,
  name: issuer.name,
  audience: issuer.audience,
  tenant_claim: issuer.tenantClaim ?? null,
  subject_prefix: issuer.subjectPrefix === '' ? null : issuer.subjectPrefix,
  always_mfa: issuer.alwaysMfa,
  created_at: issuer.createdAt.toISOString(),
});

export const handler = onHttp(issuers, {
  tenants: openTenants,
  issuers: openIssuers,
  publisher: openPublisher,
  plaintextHosts: openPlaintextHosts,
  ids: openIds,
});
