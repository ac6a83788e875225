/**
 * Roles that every tenant has from the beginning and nobody changes.
 *
 * Who administers does not read, who reads does not administer, and nobody but those whose task is privacy unmasks.
 * A tenant that wants it otherwise puts a role of its own that inherits from these.
 */
import type { OwnPermission } from './guard.ts';
import { type Grant, ownModule, type Role } from './roles.ts';

const grant = (permission: OwnPermission, bounds: Omit<Grant, 'module' | 'permission'> = {}): Grant => ({
  module: ownModule,
  permission,
  ...bounds,
});

const templates: readonly Role[] = [
  {
    id: 'trailkeep:viewer',
    name: 'Viewer',
    description: 'Sees that things happen: persons as pseudonyms, no contents, no places.',
    inherits: [],
    grants: [
      grant('events:read', {
        fields: { who: 'token', target_identity: 'token', where: 'masked', payload: 'omitted', diff: 'omitted' },
      }),
    ],
  },
  {
    id: 'trailkeep:analyst',
    name: 'Analyst',
    description: 'Reads events in the usual view: contents of events without personal data, the rest masked.',
    inherits: ['trailkeep:viewer'],
    grants: [grant('events:read')],
  },
  {
    id: 'trailkeep:security',
    name: 'Security',
    description: 'Investigates: reads and exports, and may break the glass in an emergency.',
    inherits: ['trailkeep:analyst'],
    grants: [grant('events:export'), grant('breakglass:use')],
  },
  {
    id: 'trailkeep:compliance',
    name: 'Compliance',
    description: 'Audits: reads, proves and exports, says what is kept and how long, reviews every broken glass.',
    inherits: ['trailkeep:analyst'],
    grants: [
      grant('events:export'),
      grant('holds:manage'),
      grant('breakglass:review'),
      grant('proofs:read'),
      grant('exports:create'),
      grant('retention:read'),
      grant('retention:manage'),
      grant('archive:restore'),
      grant('jobs:read'),
      grant('costs:read'),
    ],
  },
  {
    id: 'trailkeep:auditor',
    name: 'Auditor',
    description: 'Checks the trail without trusting us: proofs and exports, persons as pseudonyms.',
    inherits: ['trailkeep:viewer'],
    grants: [
      grant('proofs:read'),
      grant('exports:create'),
      grant('retention:read'),
      grant('jobs:read'),
      grant('costs:read'),
    ],
  },
  {
    id: 'trailkeep:privacy-officer',
    name: 'Privacy officer',
    description: 'Answers data subjects: opens and approves their requests, and unmasks for a stated purpose.',
    inherits: ['trailkeep:analyst'],
    grants: [
      grant('privacy:request'),
      grant('privacy:approve'),
      grant('holds:manage'),
      grant('fields:unmask'),
      grant('retention:read'),
      grant('retention:manage'),
      grant('archive:restore'),
    ],
  },
  {
    id: 'trailkeep:developer',
    name: 'Developer',
    description: 'Sends events, and reads those of machines that concern nobody.',
    inherits: [],
    grants: [
      grant('events:write'),
      grant('events:read', { categories: ['api_calls', 'operations', 'system'], dataClasses: ['none'] }),
    ],
  },
  {
    id: 'trailkeep:support',
    name: 'Support',
    description: 'Helps a customer: sees what happens, asks who may do what, and may break the glass in an emergency.',
    inherits: ['trailkeep:viewer'],
    grants: [grant('access:check'), grant('breakglass:use')],
  },
  {
    id: 'trailkeep:finops',
    name: 'FinOps',
    description: 'Loads usage and costs, sets prices, sees figures, and proposes corrections. Sees no events.',
    inherits: [],
    grants: [
      grant('costs:read'),
      grant('costs:manage'),
      grant('costs:override'),
      grant('jobs:read'),
      grant('jobs:manage'),
    ],
  },
  {
    id: 'trailkeep:finance',
    name: 'Finance',
    description: 'Answers for the figures: sees them, and decides on corrections that others proposed. Sees no events.',
    inherits: [],
    grants: [grant('costs:read'), grant('costs:approve'), grant('jobs:read')],
  },
  {
    id: 'trailkeep:admin',
    name: 'Administrator',
    description: 'Manages keys, policy, roles, assignments and jobs. Sees that things happen, and nobody in it.',
    inherits: ['trailkeep:viewer'],
    grants: [
      grant('keys:manage'),
      grant('policy:manage'),
      grant('access:manage'),
      grant('access:check'),
      grant('retention:read'),
      grant('jobs:read'),
      grant('jobs:manage'),
    ],
  },
];

/** By id, in ascending order. */
export const roleTemplates: ReadonlyMap<string, Role> = new Map(
  [...templates].sort((a, b) => (a.id < b.id ? -1 : 1)).map((role) => [role.id, role]),
);

/** A tenant's own roles and the templates, as one graph. */
export const withTemplates = (own: readonly Role[]): ReadonlyMap<string, Role> =>
  new Map([...own.map((role) => [role.id, role] as const), ...roleTemplates]);
