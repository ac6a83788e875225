/** What the API does, operation by operation, in the schemas that validate; bin/openapi.ts makes the document of it. */
import { createKeyBody, createTenantKeyBody, rotateKeyBody } from '#core/access/key.ts';
import { policyBody } from '#core/access/policy.ts';
import { principalKinds } from '#core/access/principal.ts';
import { moveBody } from '#functions/access/moves.ts';
import { projectBody } from '#functions/access/projects.http.ts';
import { tenantBody } from '#functions/access/tenants.http.ts';
import { redriveBody } from '#functions/record/dead-letters.http.ts';
import {
  array,
  body,
  json,
  list,
  maybe,
  type Operation,
  object,
  ok,
  paging,
  pathParameter,
  ref,
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

export const key = object({
  key_id: text,
  name: text,
  scopes: array(text),
  service_account: { ...maybe(text), description: '`service:<name>`: the key has its roles and no scopes.' },
  project: maybe(text),
  environment: maybe(text),
  events_per_second: { type: 'integer' },
  created_at: time,
  expires_at: maybe(time),
  revoked_at: maybe(time),
  previous_secret_until: maybe(time),
  last_used_at: maybe(time),
});
const newKey = { allOf: [ref('Key'), object({ key: { type: 'string', description: 'The key itself. Shown once.' } })] };
const named = object({ id: text, name: text, created_at: time });
const residence = object({
  shard: { type: 'integer', description: 'The number of its cluster; 0 is the main one.' },
  move: maybe(
    object({
      from: { type: 'integer' },
      to: { type: 'integer' },
      step: { enum: ['copying', 'paused', 'verified', 'switched', 'moved', 'finishing', 'finished'] },
      asked_by: text,
      asked_at: time,
      stepped_at: time,
      rows: maybe(array(object({ table: text, rows: { type: 'integer' } }))),
      problem: { ...maybe(text), description: 'What stopped the last run; the next one goes on.' },
    }),
  ),
});
const policy = object(
  {
    version: { type: 'integer' },
    catalogue: array({ type: 'object' }),
    tiers: { type: 'object' },
    schema_mode: { enum: ['refuse', 'flag'] },
    purposes: array(text),
    processing: { type: 'object' },
    merge_delay_seconds: object({ critical: { type: 'integer' }, bulk: { type: 'integer' } }, ['critical', 'bulk']),
    schemas: array(object({ action: text, version: { type: 'integer' } })),
  },
  ['purposes', 'processing', 'merge_delay_seconds'],
);
const registered = object({ action: text, version: { type: 'integer' }, schema: { type: 'object' } });

const subject = object({ type: text, id: text });

export const paths: Record<string, Record<string, Operation>> = {
  '/v1/whoami': {
    get: {
      summary: 'Who you are to the API',
      scope: null,
      answers: ok(
        'The caller.',
        object({
          tenant: text,
          kind: { enum: principalKinds },
          key_id: text,
          scopes: array(text),
          person: maybe(
            object({
              id: text,
              name: maybe(text),
              email: maybe(text),
              mfa_at: maybe(time),
              on_behalf_of: maybe(subject),
            }),
          ),
          service_account: maybe(text),
          project: maybe(text),
          environment: maybe(text),
          events_per_second: { type: 'integer' },
        }),
      ),
    },
  },
  '/v1/keys': {
    get: {
      summary: 'List keys',
      scope: 'keys:manage',
      parameters: paging,
      answers: ok('Keys.', list('keys', ref('Key'))),
    },
    post: {
      summary: 'Make a key',
      description: 'A key gives no more than it holds.',
      scope: 'keys:manage',
      body: body(schemaOf(createKeyBody)),
      answers: { 201: { description: 'The key, shown once.', content: json(newKey) } },
      problems: ['request_invalid'],
    },
  },
  '/v1/keys/{keyId}': {
    get: {
      summary: 'One key',
      scope: 'keys:manage',
      parameters: [pathParameter('keyId', 'Key id')],
      answers: ok('The key.', ref('Key')),
      problems: ['not_found'],
    },
    delete: {
      summary: 'Revoke a key',
      scope: 'keys:manage',
      parameters: [pathParameter('keyId', 'Key id')],
      answers: { 204: { description: 'Revoked.' } },
      problems: ['not_found'],
    },
  },
  '/v1/keys/{keyId}/rotate': {
    post: {
      summary: 'Give a key a new secret',
      scope: 'keys:manage',
      parameters: [pathParameter('keyId', 'Key id')],
      body: body(schemaOf(rotateKeyBody), false),
      answers: ok('The key with its new secret.', newKey),
      problems: ['not_found'],
    },
  },
  '/v1/projects': {
    get: {
      summary: 'List projects',
      scope: 'keys:manage',
      parameters: paging,
      answers: ok('Projects.', list('projects', named)),
    },
    post: {
      summary: 'Make a project',
      scope: 'keys:manage',
      body: body(schemaOf(projectBody)),
      answers: { 201: { description: 'The project.', content: json(named) } },
      problems: ['request_invalid', 'conflict'],
    },
  },
  '/v1/projects/{projectId}': {
    get: {
      summary: 'One project',
      scope: 'keys:manage',
      parameters: [pathParameter('projectId', 'Project id')],
      answers: ok('The project.', named),
      problems: ['not_found'],
    },
  },
  '/v1/projects/{projectId}/environments': {
    get: {
      summary: 'List environments',
      scope: 'keys:manage',
      parameters: [pathParameter('projectId', 'Project id'), ...paging],
      answers: ok('Environments.', list('environments', named)),
      problems: ['not_found'],
    },
    post: {
      summary: 'Make an environment',
      scope: 'keys:manage',
      parameters: [pathParameter('projectId', 'Project id')],
      body: body(schemaOf(projectBody)),
      answers: { 201: { description: 'The environment.', content: json(named) } },
      problems: ['not_found', 'conflict'],
    },
  },
  '/v1/policy': {
    get: {
      summary: 'The policy: catalogue, tiers, schema mode',
      scope: 'policy:manage',
      answers: ok('The policy; its ETag is for If-Match.', policy),
    },
    put: {
      summary: 'Set the policy',
      scope: 'policy:manage',
      body: body(schemaOf(policyBody)),
      answers: ok('The policy.', policy),
      problems: ['request_invalid', 'conflict'],
    },
  },
  '/v1/schemas': {
    get: {
      summary: 'List registered schemas',
      scope: 'policy:manage',
      answers: ok('Schemas.', object({ schemas: array(object({ action: text, version: { type: 'integer' } })) })),
    },
  },
  '/v1/schemas/{action}': {
    get: {
      summary: 'The schema of an action',
      scope: 'policy:manage',
      parameters: [pathParameter('action', 'Action')],
      answers: ok('The schema.', registered),
      problems: ['not_found'],
    },
    put: {
      summary: 'Register a JSON Schema for an action',
      scope: 'policy:manage',
      parameters: [pathParameter('action', 'Action')],
      body: body({ type: 'object', description: 'JSON Schema, draft 2020-12' }),
      answers: {
        ...ok('The next version.', registered),
        201: { description: 'The first version.', content: json(registered) },
      },
      problems: ['schema_invalid', 'conflict'],
    },
    delete: {
      summary: 'Forget the schema of an action',
      scope: 'policy:manage',
      parameters: [pathParameter('action', 'Action')],
      answers: { 204: { description: 'Forgotten.' } },
      problems: ['not_found'],
    },
  },
  '/v1/tenants': {
    get: {
      summary: 'List tenants',
      scope: 'admin',
      parameters: paging,
      answers: ok('Tenants.', list('tenants', named)),
    },
    post: {
      summary: 'Make a tenant',
      scope: 'admin',
      body: body(schemaOf(tenantBody)),
      answers: { 201: { description: 'The tenant.', content: json(named) } },
      problems: ['request_invalid'],
    },
  },
  '/v1/tenants/{tenantId}': {
    get: {
      summary: 'One tenant',
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      answers: ok('The tenant.', named),
      problems: ['not_found'],
    },
    patch: {
      summary: 'Rename a tenant',
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      body: body(schemaOf(tenantBody)),
      answers: ok('The tenant.', named),
      problems: ['not_found', 'request_invalid'],
    },
  },
  '/v1/tenants/{tenantId}/keys': {
    get: {
      summary: "List a tenant's keys",
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id'), ...paging],
      answers: ok('Keys.', list('keys', ref('Key'))),
      problems: ['not_found'],
    },
    post: {
      summary: "Make a tenant's key",
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      body: body(schemaOf(createTenantKeyBody)),
      answers: { 201: { description: 'The key, shown once.', content: json(newKey) } },
      problems: ['not_found', 'request_invalid'],
    },
  },
  '/v1/tenants/{tenantId}/move': {
    get: {
      summary: 'Where a tenant lives',
      description: 'The number of its cluster, and its newest move.',
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      answers: ok('The place, and the move.', residence),
      problems: ['not_found'],
    },
    post: {
      summary: 'Move a tenant to another cluster',
      description:
        'It is done by itself within minutes or hours, while events are accepted and read. Asking again does nothing.',
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      body: body(schemaOf(moveBody)),
      answers: {
        ...ok('The tenant lives there.', residence),
        202: { description: 'It is on its way.', content: json(residence) },
      },
      problems: ['not_found', 'request_invalid', 'conflict'],
    },
  },
  '/v1/tenants/{tenantId}/move/finish': {
    post: {
      summary: 'Delete what a move left behind',
      description: 'The rows on the cluster where the tenant lived before. Asking again does nothing.',
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      answers: {
        ...ok('They are gone.', residence),
        202: { description: 'They go.', content: json(residence) },
      },
      problems: ['not_found', 'conflict'],
    },
  },
  '/v1/tenants/{tenantId}/intake': {
    get: {
      summary: "A tenant's intake queue",
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      answers: ok('The queue.', object({ queue_url: text, queue_arn: text })),
      problems: ['not_found'],
    },
    post: {
      summary: 'Open an intake queue',
      description: 'Producers inside AWS send to it. Asking again answers the same queue.',
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      answers: { 201: { description: 'The queue.', content: json(object({ queue_url: text, queue_arn: text })) } },
      problems: ['not_found'],
    },
  },
  '/v1/dead-letters': {
    get: {
      summary: 'Dead-letter queues',
      scope: 'admin',
      answers: ok(
        'Queues.',
        object({
          queues: array(object({ queue: text, visible: { type: 'integer' }, in_flight: { type: 'integer' } })),
        }),
      ),
    },
  },
  '/v1/dead-letters/{queue}': {
    get: {
      summary: 'Look at dead letters',
      scope: 'admin',
      parameters: [pathParameter('queue', 'Queue name')],
      description: 'Shows the shape of each message: keys of our own and types, and no value that a producer sent.',
      answers: ok(
        'Messages, which stay where they are.',
        object({
          messages: array(
            object(
              {
                message_id: text,
                sent_at: time,
                received_count: { type: 'integer' },
                code: text,
                reason: text,
                source: text,
                bytes: { type: 'integer' },
                shape: {},
              },
              ['code', 'reason', 'source', 'shape'],
            ),
          ),
        }),
      ),
      problems: ['not_found'],
    },
  },
  '/v1/dead-letters/{queue}/redrive': {
    post: {
      summary: 'Send dead letters back',
      scope: 'admin',
      parameters: [pathParameter('queue', 'Queue name')],
      body: body(schemaOf(redriveBody), false),
      answers: ok('How many were moved.', object({ moved: { type: 'integer' } })),
      problems: ['not_found'],
    },
  },
  '/v1/health': {
    get: {
      summary: 'The front door answers',
      answers: ok('It does.', object({ status: { const: 'ok' }, version: text })),
    },
  },
};
