/** What keys with `keys:manage`, `policy:manage` or `admin` may do. Lists are pages: `next` is the `after` of the next one. */
import type { JsonObject } from '#core/event/event.ts';
import type {
  ActionSchema,
  DeadLetter,
  DeadLetterQueue,
  Intake,
  Issuer,
  IssuerBody,
  KeyBody,
  KeyView,
  KeyWithSecret,
  ListOptions,
  Policy,
  PolicyBody,
  Project,
  Residence,
  SchemaName,
  Tenant,
  TenantKeyBody,
  Whoami,
} from './answers.ts';
import { breakGlass } from './break-glass.ts';
import { costViews } from './cost-views.ts';
import { costs, lineage, overrides } from './costs.ts';
import { forecasts } from './forecasts.ts';
import { jobs } from './jobs.ts';
import { holds, privacy } from './privacy.ts';
import { proof, type RecoveryView } from './proof.ts';
import { query } from './read-events.ts';
import type { RebuiltView, ReplayBody, ReplayView } from './rebuild.ts';
import { restores } from './restores.ts';
import { retention } from './retention.ts';
import { access } from './roles.ts';
import { prices, sources } from './sources.ts';
import type { Call, Transport } from './transport.ts';

type Next = { readonly next: string | null };

/** The calls beside events, by what they are about. */
export function manage(transport: Transport) {
  const get = <T>(path: string) => transport<T>({ method: 'GET', path });
  const list = <T>(path: string, { after, limit }: ListOptions = {}) => get<T>(path + query({ after, limit }));
  const send = <T>(method: Call['method'], path: string, body: object = {}, headers: Record<string, string> = {}) =>
    transport<T>({ method, path, body: JSON.stringify(body), headers });
  const remove = (path: string) => transport<void>({ method: 'DELETE', path });
  const part = encodeURIComponent;
  return {
    /** What the API takes this key for. */
    whoami: () => get<Whoami>('/v1/whoami'),
    /** Whether the front door answers. It touches nothing behind it. */
    health: () => get<{ readonly status: string; readonly version: string }>('/v1/health'),
    /** The tenant's own keys. */
    keys: {
      list: (options?: ListOptions) => list<{ readonly keys: readonly KeyView[] } & Next>('/v1/keys', options),
      get: (keyId: string) => get<KeyView>(`/v1/keys/${part(keyId)}`),
      create: (body: KeyBody) => send<KeyWithSecret>('POST', '/v1/keys', body),
      /** A new secret; the old one works for `overlap_seconds` more (3600). */
      rotate: (keyId: string, body: { readonly overlap_seconds?: number } = {}) =>
        send<KeyWithSecret>('POST', `/v1/keys/${part(keyId)}/rotate`, body),
      revoke: (keyId: string) => remove(`/v1/keys/${part(keyId)}`),
    },
    projects: {
      list: (options?: ListOptions) => list<{ readonly projects: readonly Project[] } & Next>('/v1/projects', options),
      get: (projectId: string) => get<Project>(`/v1/projects/${part(projectId)}`),
      create: (body: { readonly id: string; readonly name?: string }) => send<Project>('POST', '/v1/projects', body),
      environments: (projectId: string, options?: ListOptions) =>
        list<{ readonly environments: readonly Project[] } & Next>(
          `/v1/projects/${part(projectId)}/environments`,
          options,
        ),
      createEnvironment: (projectId: string, body: { readonly id: string; readonly name?: string }) =>
        send<Project>('POST', `/v1/projects/${part(projectId)}/environments`, body),
    },
    /** Emergencies: seeing events whole, on the record. */
    breakGlass: breakGlass(transport),
    ...access(transport),
    /** What data subjects ask for (GDPR Art. 15 to 20). */
    privacy: privacy(transport),
    /** What is summed beforehand. */
    costViews: costViews(transport),
    /** Legal holds: what must not be destroyed. */
    holds: holds(transport),
    /** How long events are kept. */
    retention: retention(transport),
    /** What went to Deep Archive can be read again for some days. */
    restores: restores(transport),
    /** What the tenant has done by the clock. */
    jobs: jobs(transport),
    sources: sources(transport),
    prices: prices(transport),
    /** Figures, and statements of what is charged. */
    costs: costs(transport),
    /** What usage and costs come to. */
    forecasts: forecasts(transport),
    /** What is otherwise than it was loaded. */
    overrides: overrides(transport),
    /** Where figures come from, and what is made from what. */
    lineage: lineage(transport),
    ...proof(transport),
    /** What the tenant decides about its events. */
    policy: {
      get: () => get<Policy>('/v1/policy'),
      /** The whole policy. With `ifVersion` it rejects with `conflict` when somebody else changed it meanwhile. */
      put: (body: PolicyBody, ifVersion?: number) =>
        send<Policy>('PUT', '/v1/policy', body, ifVersion === undefined ? {} : { 'if-match': `"${ifVersion}"` }),
    },
    /** The JSON Schemas that the tenant registered for its actions. */
    schemas: {
      list: () => get<{ readonly schemas: readonly SchemaName[] }>('/v1/schemas'),
      get: (action: string) => get<ActionSchema>(`/v1/schemas/${part(action)}`),
      put: (action: string, schema: JsonObject) => send<ActionSchema>('PUT', `/v1/schemas/${part(action)}`, schema),
      remove: (action: string) => remove(`/v1/schemas/${part(action)}`),
    },
    /** The platform's tenants (admin). */
    tenants: {
      list: (options?: ListOptions) => list<{ readonly tenants: readonly Tenant[] } & Next>('/v1/tenants', options),
      get: (tenantId: string) => get<Tenant>(`/v1/tenants/${part(tenantId)}`),
      create: (body: { readonly name: string }) => send<Tenant>('POST', '/v1/tenants', body),
      rename: (tenantId: string, body: { readonly name: string }) =>
        send<Tenant>('PATCH', `/v1/tenants/${part(tenantId)}`, body),
      listKeys: (tenantId: string, options?: ListOptions) =>
        list<{ readonly keys: readonly KeyView[] } & Next>(`/v1/tenants/${part(tenantId)}/keys`, options),
      createKey: (tenantId: string, body: TenantKeyBody) =>
        send<KeyWithSecret & { readonly tenant: string }>('POST', `/v1/tenants/${part(tenantId)}/keys`, body),
      /** On which cluster the tenant lives, and its newest move. */
      residence: (tenantId: string) => get<Residence>(`/v1/tenants/${part(tenantId)}/move`),
      /** Asks for the tenant to live on another cluster; it is done by itself, and asking again does nothing. */
      move: (tenantId: string, body: { readonly to: number }) =>
        send<Residence>('POST', `/v1/tenants/${part(tenantId)}/move`, body),
      /** Asks for what a finished move left behind to be deleted. */
      finishMove: (tenantId: string) => send<Residence>('POST', `/v1/tenants/${part(tenantId)}/move/finish`),
      /** The tenant's queue for producers inside AWS; made when there is none. */
      openIntake: (tenantId: string) => send<Intake>('POST', `/v1/tenants/${part(tenantId)}/intake`),
      /** Brings the tenant's frozen log back: ask again until it is `recovered` or `active`. `freeze`: freeze it first. */
      recoverLog: (tenantId: string, body: { readonly freeze?: boolean } = {}) =>
        send<RecoveryView>('POST', `/v1/tenants/${part(tenantId)}/log/recover`, body),
      /** Makes the catalogue of the tenant's archive files again from S3. Asked again, it does what is left. */
      rebuildArchive: (tenantId: string) => send<RebuiltView>('POST', `/v1/tenants/${part(tenantId)}/archive/rebuild`),
      /** Puts critical events back into Postgres, a step a call: ask again with `after` until it is null. */
      replay: (tenantId: string, body: ReplayBody = {}) =>
        send<ReplayView>('POST', `/v1/tenants/${part(tenantId)}/replay`, body),
      intake: (tenantId: string) => get<Intake>(`/v1/tenants/${part(tenantId)}/intake`),
      /** The OIDC issuers that vouch for the tenant's people. */
      listIssuers: (tenantId: string, options?: ListOptions) =>
        list<{ readonly issuers: readonly Issuer[] } & Next>(`/v1/tenants/${part(tenantId)}/issuers`, options),
      getIssuer: (tenantId: string, issuerId: string) =>
        get<Issuer>(`/v1/tenants/${part(tenantId)}/issuers/${part(issuerId)}`),
      createIssuer: (tenantId: string, body: IssuerBody) =>
        send<Issuer>('POST', `/v1/tenants/${part(tenantId)}/issuers`, body),
      removeIssuer: (tenantId: string, issuerId: string) =>
        remove(`/v1/tenants/${part(tenantId)}/issuers/${part(issuerId)}`),
    },
    /** What could not be stored (admin). Looking consumes nothing. */
    deadLetters: {
      list: () => get<{ readonly queues: readonly DeadLetterQueue[] }>('/v1/dead-letters'),
      show: (queue: string) => get<{ readonly messages: readonly DeadLetter[] }>(`/v1/dead-letters/${part(queue)}`),
      redrive: (queue: string, body: { readonly limit?: number } = {}) =>
        send<{ readonly moved: number }>('POST', `/v1/dead-letters/${part(queue)}/redrive`, body),
    },
  };
}
