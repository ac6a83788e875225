/**
 * Keys: a tenant makes, lists, rotates and revokes its own.
 *
 * A key gives no more than it holds: no further scope, no higher rate, no wider project. A key of a service account
 * has roles, which whoever may assign roles could give as well. Rotating hands out a secret, so it too needs all that
 * the key holds. A revocation is published before it is answered; if publishing
 * fails the answer is 503 and asking again publishes again.
 */
import type { Caller, Scope } from '#core/access/access.ts';
import type { Guard } from '#core/access/guard.ts';
import { createKeyBody, formatKey, isKeyId, newSecret, rotateKeyBody } from '#core/access/key.ts';
import type { ApiKey, ProjectRegistry } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import {
  openGuard,
  openIds,
  openKeys,
  openProjects,
  openPublisher,
  openRecorder,
  openSha256,
} from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { listQuery, nextOf } from './list-page.ts';
import { keyChange, keyView, type MakeKeyPorts, makeKey } from './make-key.ts';
import { publishKey } from './publish.ts';
import { recordChange } from './record-change.ts';

export interface KeysPorts extends MakeKeyPorts {
  readonly guard: Guard;
  readonly projects: ProjectRegistry;
  readonly recorder: Recorder;
}

export async function keys(ports: KeysPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = await ports.guard.require(request, 'keys:manage', circumstancesOf(request));
  const route = `${request.method} ${request.params.keyId === undefined ? '' : 'one'}${request.path.endsWith('/rotate') ? '/rotate' : ''}`;
  if (route === 'POST ') return create(ports, request, caller);
  if (route === 'GET ') return list(ports, request, caller);
  const key = await keyOf(ports, request, caller);
  switch (route) {
    case 'GET one':
      return { status: 200, body: keyView(key) };
    case 'DELETE one':
      return revoke(ports, request, caller, key);
    case 'POST one/rotate':
      return rotate(ports, request, caller, key);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

/** A key of one project manages the keys of that project; others are not there for it. */
const isVisible = (caller: Caller, key: ApiKey): boolean =>
  (caller.project === undefined || caller.project === key.project) &&
  (caller.environment === undefined || caller.environment === key.environment);

async function keyOf(ports: KeysPorts, { params }: HttpRequest, caller: Caller): Promise<ApiKey> {
  const keyId = params.keyId ?? '';
  const key = isKeyId(keyId) ? await ports.keys.get(caller.tenant, keyId) : undefined;
  if (!key || !isVisible(caller, key)) throw new Problem('not_found', 'There is no key with this id.');
  return key;
}

async function create(ports: KeysPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const body = jsonBody(request, createKeyBody);
  const project = body.project ?? caller.project;
  const environment = body.environment ?? caller.environment;
  const eventsPerSecond = body.events_per_second ?? caller.eventsPerSecond;
  const scopes = body.scopes ?? [];
  const serviceAccount = body.service_account;
  await requireHeld(ports.guard, caller, { scopes, serviceAccount, eventsPerSecond, project, environment });
  if (environment !== undefined && project === undefined) {
    throw new Problem('request_invalid', 'An environment belongs to a project: name the project too.', {
      pointer: '/project',
    });
  }
  if (project !== undefined) await requireProject(ports.projects, caller.tenant, project, environment);
  const { key, text } = await makeKey(
    ports,
    {
      tenant: caller.tenant,
      name: body.name,
      scopes,
      serviceAccount,
      eventsPerSecond,
      project,
      environment,
      expiresAt: body.expires_at,
    },
    request.now,
    (made) => recordChange(ports, request, caller, keyChange('key.create', undefined, made)),
  );
  return { status: 201, body: { ...keyView(key), key: text } };
}

/** Nobody gives what they do not hold. */
async function requireHeld(
  guard: Guard,
  caller: Caller,
  grant: Pick<ApiKey, 'scopes' | 'eventsPerSecond'> & {
    readonly serviceAccount?: string | undefined;
    readonly project?: string | undefined;
    readonly environment?: string | undefined;
  },
): Promise<void> {
  const held: readonly Scope[] = await guard.delegable(caller);
  const given: readonly Scope[] = grant.serviceAccount === undefined ? grant.scopes : ['access:manage'];
  const lacking = given.find((scope) => !held.includes(scope));
  if (lacking) {
    const whose = caller.kind === 'key' ? 'This key does not hold the scope' : 'You do not hold, without condition,';
    throw new Problem('forbidden', `${whose} ${lacking} and cannot give it.`);
  }
  if (grant.eventsPerSecond > caller.eventsPerSecond) {
    throw new Problem('forbidden', `This key may give at most its own ${caller.eventsPerSecond} events a second.`);
  }
  if (caller.project !== undefined && grant.project !== caller.project) {
    throw new Problem('forbidden', 'This key belongs to one project and can give keys of that project only.');
  }
  if (caller.environment !== undefined && grant.environment !== caller.environment) {
    throw new Problem('forbidden', 'This key belongs to one environment and can give keys of that environment only.');
  }
}

async function requireProject(projects: ProjectRegistry, tenant: string, project: string, environment?: string) {
  if (!(await projects.get(tenant, project))) {
    throw new Problem('request_invalid', 'There is no such project; make it first.', { pointer: '/project' });
  }
  if (environment === undefined) return;
  // A project has a handful of environments: the first page nearly always holds them all.
  for (let after: string | undefined; ; ) {
    const page = (await projects.listEnvironments(tenant, project, after, 1000)) ?? [];
    if (page.some(({ id }) => id === environment)) return;
    after = page.at(-1)?.id;
    if (page.length < 1000) break;
  }
  throw new Problem('request_invalid', 'The project has no such environment; make it first.', {
    pointer: '/environment',
  });
}

async function list(ports: KeysPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { after, limit } = listQuery(request.query);
  const page = await ports.keys.list(caller.tenant, after, limit);
  const visible = page.filter((key) => isVisible(caller, key));
  return { status: 200, body: { keys: visible.map(keyView), next: nextOf(page, limit, ({ keyId }) => keyId) } };
}

/** A revocation waits for nothing, not for its record either; without one the answer is 503, and asking again records it. */
async function revoke(ports: KeysPorts, request: HttpRequest, caller: Caller, key: ApiKey): Promise<HttpResponse> {
  await ports.keys.revoke(key.tenant, key.keyId, request.now);
  await publishKey(ports, key.tenant, key.keyId);
  await recordChange(ports, request, caller, keyChange('key.revoke', key, { ...key, revokedAt: request.now }));
  return { status: 204 };
}

async function rotate(ports: KeysPorts, request: HttpRequest, caller: Caller, key: ApiKey): Promise<HttpResponse> {
  const body = request.body && request.body.length > 0 ? jsonBody(request, rotateKeyBody) : rotateKeyBody.parse({});
  await requireHeld(ports.guard, caller, key);
  if (key.revokedAt) throw new Problem('conflict', 'This key is revoked. Make a new one.');
  if (key.expiresAt && key.expiresAt <= request.now) {
    throw new Problem('conflict', 'This key has expired. Make a new one.');
  }
  const secret = newSecret(ports.ids.random);
  const previousUntil = new Date(request.now.getTime() + body.overlap_seconds * 1000);
  const rotated = await ports.keys.rotate(key.tenant, key.keyId, { secretHash: ports.sha256(secret), previousUntil });
  if (!rotated) throw new Problem('conflict', 'This key was revoked meanwhile. Make a new one.');
  await recordChange(ports, request, caller, keyChange('key.rotate', key, rotated));
  await publishKey(ports, key.tenant, key.keyId);
  return { status: 200, body: { ...keyView(rotated), key: formatKey({ keyId: key.keyId, secret }) } };
}

export const handler = onHttp(keys, {
  guard: openGuard,
  keys: openKeys,
  projects: openProjects,
  publisher: openPublisher,
  ids: openIds,
  sha256: openSha256,
  recorder: openRecorder,
});
