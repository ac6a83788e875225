/**
 * Tenants: the platform's own key makes them, names them and gives them keys.
 *
 * Postgres first, then S3: a tenant works once its policy is published, and asking again publishes again.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import { createTenantKeyBody, eventsPerSecondDefault, firstKeyScopes, nameShape } from '#core/access/key.ts';
import type { PolicyRegistry, Tenant, TenantRegistry } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import type { Recorder } from '#core/record/ports.ts';
import { jsonBody, onHttp, requireScope } from '#functions/runtime/http.ts';
import {
  openIds,
  openKeys,
  openLastShard,
  openMoves,
  openPolicies,
  openPublisher,
  openRecorder,
  openSha256,
  openTenants,
} from '#functions/runtime/open.ts';
import { publishTenant } from '#functions/runtime/publish-tenant.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { listQuery, nextOf } from './list-page.ts';
import { keyChange, keyView, type MakeKeyPorts, makeKey } from './make-key.ts';
import { askMove, finishMove, type MovesPorts, showMove } from './moves.ts';
import { recordChange } from './record-change.ts';

export interface TenantsPorts extends MakeKeyPorts, MovesPorts {
  readonly tenants: TenantRegistry;
  readonly policies: PolicyRegistry;
  readonly recorder: Recorder;
  readonly ids: MakeKeyPorts['ids'] & { readonly uuidv7: (now: Date) => string };
}

export const tenantBody = z.strictObject({ name: nameShape });

export async function tenants(ports: TenantsPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireScope(request, 'admin');
  const [behind = ''] = /\/(?:keys|move|move\/finish)$/.exec(request.path) ?? [];
  const route = `${request.method} ${request.params.tenantId === undefined ? '' : 'one'}${behind}`;
  if (route === 'POST ') return create(ports, request);
  if (route === 'GET ') return list(ports, request);
  const tenant = await tenantOf(ports, request);
  switch (route) {
    case 'GET one':
      return { status: 200, body: tenantView(tenant) };
    case 'PATCH one':
      return rename(ports, request, tenant);
    case 'POST one/keys':
      return createKey(ports, request, caller, tenant);
    case 'GET one/keys':
      return listKeys(ports, request, tenant);
    case 'GET one/move':
      return showMove(ports, tenant.id);
    case 'POST one/move':
      return askMove(ports, request, caller, tenant.id);
    case 'POST one/move/finish':
      return finishMove(ports, request, caller, tenant.id);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function tenantOf({ tenants: registry }: TenantsPorts, { params }: HttpRequest): Promise<Tenant> {
  const id = (params.tenantId ?? '').toLowerCase();
  const tenant = isUuid(id) ? await registry.get(id) : undefined;
  if (!tenant) throw new Problem('not_found', 'There is no tenant with this id.');
  return tenant;
}

async function create(ports: TenantsPorts, request: HttpRequest): Promise<HttpResponse> {
  const { name } = jsonBody(request, tenantBody);
  const tenant: Tenant = { id: ports.ids.uuidv7(request.now), name, createdAt: request.now };
  await ports.tenants.create(tenant);
  await publishTenant(ports, tenant.id);
  return { status: 201, body: tenantView(tenant) };
}

async function list(ports: TenantsPorts, request: HttpRequest): Promise<HttpResponse> {
  const { after, limit } = listQuery(request.query);
  if (after !== undefined && !isUuid(after)) {
    throw new Problem('request_invalid', 'after must be the id of a tenant.', { pointer: '/after' });
  }
  const page = await ports.tenants.list(after, limit);
  return { status: 200, body: { tenants: page.map(tenantView), next: nextOf(page, limit, ({ id }) => id) } };
}

async function rename(ports: TenantsPorts, request: HttpRequest, { id }: Tenant): Promise<HttpResponse> {
  const tenant = await ports.tenants.rename(id, jsonBody(request, tenantBody).name);
  if (!tenant) throw new Problem('not_found', 'There is no tenant with this id.');
  await publishTenant(ports, id);
  return { status: 200, body: tenantView(tenant) };
}

async function createKey(
  ports: TenantsPorts,
  request: HttpRequest,
  caller: Caller,
  { id }: Tenant,
): Promise<HttpResponse> {
  const body = jsonBody(request, createTenantKeyBody);
  const scopes = body.scopes ?? (body.service_account === undefined ? firstKeyScopes : []);
  if (scopes.includes('admin')) throw new Problem('forbidden', 'The scope admin is the platform’s own.');
  const { key, text } = await makeKey(
    ports,
    {
      tenant: id,
      name: body.name,
      scopes,
      serviceAccount: body.service_account,
      eventsPerSecond: body.events_per_second ?? eventsPerSecondDefault,
      expiresAt: body.expires_at,
    },
    request.now,
    (made) => recordChange(ports, request, caller, keyChange('key.create', undefined, made), id),
  );
  return { status: 201, body: { ...keyView(key), tenant: id, key: text } };
}

async function listKeys(ports: TenantsPorts, request: HttpRequest, { id }: Tenant): Promise<HttpResponse> {
  const { after, limit } = listQuery(request.query);
  const page = await ports.keys.list(id, after, limit);
  return { status: 200, body: { keys: page.map(keyView), next: nextOf(page, limit, ({ keyId }) => keyId) } };
}

const tenantView = ({ id, name, createdAt }: Tenant) => ({ id, name, created_at: createdAt.toISOString() });

export const handler = onHttp(tenants, {
  tenants: openTenants,
  policies: openPolicies,
  keys: openKeys,
  publisher: openPublisher,
  ids: openIds,
  sha256: openSha256,
  recorder: openRecorder,
  moves: openMoves,
  lastShard: openLastShard,
});
