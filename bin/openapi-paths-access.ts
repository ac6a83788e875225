/** What the API does for roles and permissions; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { checkReasons } from '#core/access/resolve-roles.ts';
import { assignmentBody, checkBody, permissionBody, roleBody } from '#core/access/role-shapes.ts';
import {
  body,
  json,
  list,
  maybe,
  type Operation,
  object,
  ok,
  paging,
  pathParameter,
  queryParameter,
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const grant = { $ref: '#/components/schemas/Grant' };
export const grantSchema = (
  (schemaOf(roleBody).properties as Record<string, { items: Record<string, unknown> }>).grants as {
    items: Record<string, unknown>;
  }
).items;

const role = object({
  id: text,
  name: text,
  description: maybe(text),
  template: { type: 'boolean', description: 'Comes with Trailkeep; nobody changes it.' },
  inherits: { type: 'array', items: text, description: 'Roles whose grants this one has too.' },
  grants: { type: 'array', items: grant },
});
const permission = object({ module: text, name: text, description: maybe(text) });
const assignment = object({
  id: text,
  user: { type: 'string', description: "A person's subject, or `service:<name>`." },
  role: text,
  module: { ...maybe(text), description: 'Only the grants of this module count; null: all.' },
  reason: maybe(text),
  granted_by: text,
  created_at: time,
  expires_at: maybe(time),
  revoked_at: maybe(time),
});
const answer = object(
  {
    allowed: { type: 'boolean' },
    reason: {
      enum: checkReasons,
      description:
        '`ended`: an assignment ran out. `conditional`: given only in circumstances of a request to Trailkeep. `unavailable`: nobody could tell, so no.',
    },
    role: { type: 'string', description: 'The role whose line decided.' },
    until: { ...time, description: 'When a yes ends by itself.' },
  },
  ['role', 'until'],
);
const roleId = pathParameter('roleId', 'Letters, digits, `.`, `_`, `:`, `-`; `trailkeep:…` are the templates.');
const permissionName = [
  pathParameter('module', 'An application of yours.'),
  pathParameter('permission', 'As `invoice.approve`.'),
];
const assignmentId = pathParameter('assignmentId', 'UUIDv7');
const why = queryParameter('reason', text, 'Recorded.');

export const accessPaths: Record<string, Record<string, Operation>> = {
  '/v1/roles': {
    get: {
      summary: 'List roles',
      description: 'Your own and the templates, by id.',
      scope: 'access:manage',
      parameters: paging,
      answers: ok('Roles.', list('roles', role)),
      problems: ['request_invalid'],
    },
  },
  '/v1/roles/{roleId}': {
    get: {
      summary: 'One role',
      scope: 'access:manage',
      parameters: [roleId],
      answers: ok('The role.', role),
      problems: ['not_found'],
    },
    put: {
      summary: 'Make or replace a role',
      description: 'It counts within two seconds. Nobody changes a role they hold.',
      scope: 'access:manage',
      parameters: [roleId],
      body: body(schemaOf(roleBody)),
      answers: { ...ok('It is replaced.', role), 201: { description: 'It is made.', content: json(role) } },
      problems: ['role_invalid', 'request_invalid', 'body_missing', 'json_invalid'],
    },
    delete: {
      summary: 'Delete a role',
      scope: 'access:manage',
      parameters: [roleId, why],
      answers: { 204: { description: 'It is gone.' } },
      problems: ['not_found', 'conflict', 'role_invalid', 'request_invalid'],
    },
  },
  '/v1/permissions': {
    get: {
      summary: 'List permissions that your applications know',
      description: "Trailkeep's own are those of the module `trailkeep`.",
      scope: 'access:manage',
      parameters: [...paging, queryParameter('module', text, 'Of this module only.')],
      answers: ok('Permissions.', list('permissions', permission)),
      problems: ['request_invalid'],
    },
  },
  '/v1/permissions/{module}/{permission}': {
    put: {
      summary: 'Describe a permission',
      description: 'For people who make roles. A check does not need it.',
      scope: 'access:manage',
      parameters: permissionName,
      body: body(schemaOf(permissionBody)),
      answers: {
        ...ok('It is described anew.', permission),
        201: { description: 'It is described.', content: json(permission) },
      },
      problems: ['request_invalid', 'body_missing', 'json_invalid'],
    },
    delete: {
      summary: 'Forget a permission',
      description: 'Roles that name it keep giving it.',
      scope: 'access:manage',
      parameters: [...permissionName, why],
      answers: { 204: { description: 'It is forgotten.' } },
      problems: ['not_found', 'request_invalid'],
    },
  },
  '/v1/permissions/check': {
    post: {
      summary: 'May this user do that?',
      description:
        'One check, or up to 100 in `checks`, answered in order as `results`. A role that was taken away says no within two seconds.',
      scope: 'access:check',
      body: body(schemaOf(checkBody)),
      answers: ok('What was asked.', {
        oneOf: [answer, object({ results: { type: 'array', items: answer } })],
      }),
      problems: ['request_invalid', 'body_missing', 'json_invalid'],
    },
  },
  '/v1/permissions/effective': {
    get: {
      summary: 'All that a user may do in a module',
      scope: 'access:check',
      parameters: [
        { ...queryParameter('user', text, "A person's subject, or `service:<name>`."), required: true },
        { ...queryParameter('module', text, 'An application of yours, or `trailkeep`.'), required: true },
      ],
      answers: ok(
        'Grants with the roles they come from, and when they end.',
        object({
          user: text,
          module: text,
          grants: { type: 'array', items: { allOf: [grant, object({ role: text, until: maybe(time) })] } },
        }),
      ),
      problems: ['request_invalid'],
    },
  },
  '/v1/assignments': {
    get: {
      summary: 'List assignments, oldest first',
      scope: 'access:manage',
      parameters: [
        ...paging,
        queryParameter('user', text, 'Of this user only.'),
        queryParameter('role', text, 'Of this role only.'),
        queryParameter('ended', { type: 'boolean' }, 'Those that have ended, too.'),
      ],
      answers: ok('Assignments.', list('assignments', assignment)),
      problems: ['request_invalid'],
    },
    post: {
      summary: 'Give a user a role',
      description: 'Nobody assigns to themselves. A live one of the same user, role, module and end is found again.',
      scope: 'access:manage',
      body: body(schemaOf(assignmentBody)),
      answers: {
        ...ok('The user has it already.', assignment),
        201: { description: 'It counts within two seconds.', content: json(assignment) },
      },
      problems: ['request_invalid', 'conflict', 'body_missing', 'json_invalid'],
    },
  },
  '/v1/assignments/{assignmentId}': {
    get: {
      summary: 'One assignment',
      scope: 'access:manage',
      parameters: [assignmentId],
      answers: ok('The assignment.', assignment),
      problems: ['not_found'],
    },
    delete: {
      summary: 'End an assignment',
      description: 'For good, everywhere within two seconds. Ending it again is no error.',
      scope: 'access:manage',
      parameters: [assignmentId, why],
      answers: { 204: { description: 'It has ended.' } },
      problems: ['not_found', 'request_invalid'],
    },
  },
};
