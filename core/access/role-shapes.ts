/** Roles, permissions and assignments as they come and go over HTTP. */
import * as z from 'zod';
import { categories, dataClasses } from '#core/event/event.ts';
import { nameShape } from './key.ts';
import { networkClasses } from './principal.ts';
import type { Assignment, Grant, Permission, Role } from './roles.ts';
import { fieldGroups, fieldModes } from './view.ts';

/** The limit for events is lower; a role has up to 200 grants. */
export const roleKeysMax = 4096;
export const checksMax = 100;

const plain = /^[^\p{Cc}\p{Cs}]*$/u;
const sentence = z.string().min(1).max(500).regex(plain, 'must not hold control characters');

export const roleIdShape = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ : -');
export const moduleShape = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -');
/** As `invoice.approve` or `events:read`. */
export const permissionShape = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, 'must be 1 to 128 of A-Z a-z 0-9 . _ : -');
/** A person's `sub`, or `service:<name>`. `*` stands for everyone elsewhere and is nobody's name. */
export const userShape = z
  .string()
  .min(1)
  .max(256)
  .regex(plain, 'must not hold control characters')
  .refine((user) => user !== '*', 'must name one user');
export const reasonShape = sentence;
const timeShape = z.iso.datetime({ offset: true });

const whenShape = z.strictObject({
  purposes: z
    .array(z.string().regex(/^[a-z][a-z0-9_-]{1,63}$/, 'must be one word of a-z 0-9 _ -'))
    .min(1)
    .max(20)
    .optional(),
  networks: z.array(z.enum(networkClasses)).min(1).optional(),
  mfa_within_seconds: z.int().min(1).max(31_536_000).optional(),
  hours: z.strictObject({ from: z.int().min(0).max(24), to: z.int().min(0).max(24) }).optional(),
  ticket: z.boolean().optional(),
});

const grantShape = z.strictObject({
  module: moduleShape,
  permission: permissionShape.or(z.literal('*')),
  categories: z.array(z.enum(categories)).min(1).optional(),
  data_classes: z.array(z.enum(dataClasses)).min(1).optional(),
  fields: z.partialRecord(z.enum(fieldGroups), z.enum(fieldModes)).optional(),
  when: whenShape.optional(),
});

/** Body of PUT /v1/roles/{roleId}. */
export const roleBody = z.strictObject({
  name: nameShape,
  description: sentence.optional(),
  inherits: z.array(roleIdShape).max(20).default([]),
  grants: z.array(grantShape).max(200).default([]),
  /** Why; recorded, and no part of the role. */
  reason: reasonShape.optional(),
});

/** Body of PUT /v1/permissions/{module}/{permission}. */
export const permissionBody = z.strictObject({ description: sentence.optional() });

/** Body of POST /v1/assignments. */
export const assignmentBody = z.strictObject({
  user: userShape,
  role: roleIdShape,
  module: moduleShape.optional(),
  reason: reasonShape.optional(),
  expires_at: timeShape.optional(),
});

const check = z.strictObject({
  user: userShape,
  module: moduleShape,
  permission: permissionShape,
  at: timeShape.optional(),
});
/** Body of POST /v1/permissions/check: one check, or up to 100. */
export const checkBody = z.union([z.strictObject({ checks: z.array(check).min(1).max(checksMax) }), check]);
export type Check = z.output<typeof check>;

/** Absent stays absent: stored documents and cached grants have no empty fields. */
const present = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

/** The role that a body stands for. */
export function roleFrom(id: string, { reason: _, ...body }: z.output<typeof roleBody>): Role {
  return present({ id, ...body, inherits: [...new Set(body.inherits)], grants: body.grants.map(grantFrom) }) as Role;
}

function grantFrom({ data_classes, when, ...grant }: z.output<typeof grantShape>): Grant {
  const { mfa_within_seconds, ...conditions } = when ?? {};
  return present({
    ...grant,
    dataClasses: data_classes,
    when: when && present({ ...conditions, mfaWithinSeconds: mfa_within_seconds }),
  }) as Grant;
}

/** A grant as the API shows it. */
export function grantView({ dataClasses: classes, when, ...grant }: Grant) {
  const { mfaWithinSeconds, ...conditions } = when ?? {};
  return {
    ...grant,
    ...(classes === undefined ? {} : { data_classes: classes }),
    ...(when === undefined
      ? {}
      : {
          when: {
            ...conditions,
            ...(mfaWithinSeconds === undefined ? {} : { mfa_within_seconds: mfaWithinSeconds }),
          },
        }),
  };
}

export const roleView = (role: Role, template: boolean) => ({
  id: role.id,
  name: role.name,
  description: role.description ?? null,
  template,
  inherits: role.inherits,
  grants: role.grants.map(grantView),
});

export const permissionView = ({ module, name, description }: Permission) => ({
  module,
  name,
  description: description ?? null,
});

export const assignmentView = (one: Assignment) => ({
  id: one.id,
  user: one.user,
  role: one.role,
  module: one.module ?? null,
  reason: one.reason ?? null,
  granted_by: one.grantedBy,
  created_at: one.createdAt.toISOString(),
  expires_at: one.expiresAt?.toISOString() ?? null,
  revoked_at: one.revokedAt?.toISOString() ?? null,
});
