/**
 * Policy: what a tenant decides about its events: catalogue, tiers, and the JSON Schemas of its actions.
 *
 * One versioned document in Postgres, published whole to S3. `If-Match` with the ETag that was read makes a
 * change safe against another at once; without it the last one wins. If publishing fails the answer is 503,
 * and sending the same again publishes it. The record of a change is durable before the change is.
 */

import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import type { Guard } from '#core/access/guard.ts';
import {
  policyBody,
  policyKeysMax,
  schemaBytesMax,
  schemasBytesMax,
  schemasMax,
  settingsOf,
} from '#core/access/policy.ts';
import type { PolicyRegistry, TenantRegistry, TenantSettings } from '#core/access/ports.ts';
import type { JsonObject } from '#core/event/event.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { checkSchema } from '#core/event/registry.ts';
import { tagFault } from '#core/privacy/tags.ts';
import type { Publisher, Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openPolicies, openPublisher, openRecorder, openTenants } from '#functions/runtime/open.ts';
import { publishTenant } from '#functions/runtime/publish-tenant.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { recordChange } from './record-change.ts';

export interface PolicyPorts {
  readonly guard: Guard;
  readonly tenants: TenantRegistry;
  readonly policies: PolicyRegistry;
  readonly publisher: Publisher;
  readonly recorder: Recorder;
}

interface Versioned {
  readonly version: number;
  readonly settings: TenantSettings;
}

/** Without If-Match, a change that meets another is made again on what it finds. */
const triesMax = 5;

export async function policy(ports: PolicyPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = await ports.guard.require(request, 'policy:manage', circumstancesOf(request));
  if (caller.project !== undefined || caller.environment !== undefined) {
    throw new Problem('forbidden', 'The policy belongs to the whole tenant; this key belongs to one project.');
  }
  const { action } = request.params;
  const place = action !== undefined ? 'schema' : request.path.endsWith('/schemas') ? 'schemas' : 'policy';
  switch (`${request.method} ${place}`) {
    case 'GET policy':
      return policyAnswer(await ports.policies.get(caller.tenant));
    case 'PUT policy':
      return putPolicy(ports, request, caller);
    case 'GET schemas':
      return listSchemas(await ports.policies.get(caller.tenant));
    case 'GET schema':
      return showSchema(await ports.policies.get(caller.tenant), action!);
    case 'PUT schema':
      return putSchema(ports, request, caller, action!);
    case 'DELETE schema':
      return deleteSchema(ports, request, caller, action!);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function putPolicy(ports: PolicyPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const body = jsonBody(request, policyBody, { keysMax: policyKeysMax });
  return policyAnswer(await change(ports, request, caller, (settings) => settingsOf(body, settings.schemas)));
}

async function putSchema(ports: PolicyPorts, request: HttpRequest, caller: Caller, action: string) {
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(action) || action.length > 128) {
    throw new Problem('schema_invalid', 'A schema belongs to one action, as user.login, of at most 128 characters.');
  }
  const schema = jsonBody(request, z.record(z.string(), z.json()), { keysMax: policyKeysMax }) as JsonObject;
  if (Buffer.byteLength(JSON.stringify(schema)) > schemaBytesMax) {
    throw new Problem('schema_invalid', `A schema may have ${schemaBytesMax} bytes.`);
  }
  const fault = checkSchema(schema) ?? tagFault(schema);
  if (fault) throw problemOf(fault);
  let created = false;
  const { settings } = await change(ports, request, caller, (before) => {
    const old = before.schemas.find((one) => one.action === action);
    created = old === undefined;
    // The same schema again keeps its version, so a retry changes nothing.
    if (old && JSON.stringify(old.schema) === JSON.stringify(schema)) return before;
    const next = { action, version: (old?.version ?? 0) + 1, schema };
    const schemas = [...before.schemas.filter((one) => one.action !== action), next];
    schemas.sort((a, b) => (a.action < b.action ? -1 : 1));
    if (schemas.length > schemasMax) throw new Problem('schema_invalid', `A tenant may have ${schemasMax} schemas.`);
    if (Buffer.byteLength(JSON.stringify(schemas)) > schemasBytesMax) {
      throw new Problem('schema_invalid', `All schemas of a tenant may have ${schemasBytesMax} bytes together.`);
    }
    return { ...before, schemas };
  });
  return { status: created ? 201 : 200, body: settings.schemas.find((one) => one.action === action)! };
}

async function deleteSchema(ports: PolicyPorts, request: HttpRequest, caller: Caller, action: string) {
  const { settings } = await ports.policies.get(caller.tenant);
  if (!settings.schemas.some((one) => one.action === action)) {
    // It may be gone from here and still be published, when the first try could not publish.
    await publishTenant(ports, caller.tenant);
    throw noSchema();
  }
  await change(ports, request, caller, (before) => ({
    ...before,
    schemas: before.schemas.filter((one) => one.action !== action),
  }));
  return { status: 204 };
}

const noSchema = () => new Problem('not_found', 'There is no schema for this action.');

/** Reads, changes, puts and publishes. A change that changes nothing is published again and keeps the version. */
async function change(
  ports: PolicyPorts,
  request: HttpRequest,
  caller: Caller,
  edit: (settings: TenantSettings) => TenantSettings,
): Promise<Versioned> {
  const ifMatch = request.headers['if-match'];
  for (let attempt = 1; ; attempt++) {
    const before = await ports.policies.get(caller.tenant);
    if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== etag(before.version)) {
      throw new Problem('conflict', 'The policy is not the one you read. Read it again and repeat your change.');
    }
    const settings = edit(before.settings);
    try {
      const same = before.version > 0 && JSON.stringify(settings) === JSON.stringify(before.settings);
      if (!same) await recordEdit(ports, request, caller, before.settings, settings);
      const version = same ? before.version : await ports.policies.put(caller.tenant, settings, before.version);
      await publishTenant(ports, caller.tenant);
      return { version, settings };
    } catch (error) {
      const conflict = error instanceof Problem && error.fault.code === 'conflict';
      if (!conflict || ifMatch !== undefined || attempt === triesMax) throw error;
    }
  }
}

/** Schemas one by one, and the rest as one policy. */
async function recordEdit(
  ports: PolicyPorts,
  request: HttpRequest,
  caller: Caller,
  { schemas: oldSchemas, ...before }: TenantSettings,
  { schemas: newSchemas, ...after }: TenantSettings,
): Promise<void> {
  const schemaOf = (schemas: TenantSettings['schemas'], action: string) => schemas.find((one) => one.action === action);
  for (const action of new Set([...oldSchemas, ...newSchemas].map((one) => one.action))) {
    const [old, fresh] = [schemaOf(oldSchemas, action), schemaOf(newSchemas, action)];
    if (old?.version === fresh?.version) continue;
    const name = fresh ? 'schema.put' : 'schema.delete';
    const targets = [{ type: 'schema', id: action }];
    await recordChange(ports, request, caller, { action: name, targets, before: old, after: fresh });
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  const targets = [{ type: 'policy', id: 'policy' }];
  await recordChange(ports, request, caller, { action: 'policy.put', targets, before, after });
}

const etag = (version: number): string => `"${version}"`;

const policyAnswer = ({ version, settings }: Versioned): HttpResponse => ({
  status: 200,
  headers: { etag: etag(version) },
  body: {
    version,
    catalogue: settings.catalogue,
    tiers: settings.tiers,
    schema_mode: settings.schemaMode,
    ...(settings.purposes === undefined ? {} : { purposes: settings.purposes }),
    ...(settings.processing === undefined ? {} : { processing: settings.processing }),
    ...(settings.mergeDelaySeconds === undefined ? {} : { merge_delay_seconds: settings.mergeDelaySeconds }),
    schemas: settings.schemas.map(({ action, version: of }) => ({ action, version: of })),
  },
});

const listSchemas = ({ version, settings }: Versioned): HttpResponse => ({
  status: 200,
  headers: { etag: etag(version) },
  body: { schemas: settings.schemas.map(({ action, version: of }) => ({ action, version: of })) },
});

function showSchema({ version, settings }: Versioned, action: string): HttpResponse {
  const found = settings.schemas.find((one) => one.action === action);
  if (!found) throw noSchema();
  return { status: 200, headers: { etag: etag(version) }, body: found };
}

export const handler = onHttp(policy, {
  guard: openGuard,
  tenants: openTenants,
  policies: openPolicies,
  publisher: openPublisher,
  recorder: openRecorder,
});
