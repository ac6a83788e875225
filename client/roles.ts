/** Roles, permissions, assignments; and checks, for applications that ask us who may do what. */

import type { NetworkClass } from '#core/access/principal.ts';
import type { CheckReason } from '#core/access/resolve-roles.ts';
import type { FieldGroup, FieldMode } from '#core/access/view.ts';
import type { Category, DataClass } from '#core/event/event.ts';
import type { ListOptions } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

/** One line of a role; `*` stands for every permission of the module. */
export interface GrantView {
  readonly module: string;
  readonly permission: string;
  /** The rest is for the module `trailkeep` only. */
  readonly categories?: readonly Category[];
  readonly data_classes?: readonly DataClass[];
  readonly fields?: Partial<Record<FieldGroup, FieldMode>>;
  readonly when?: {
    readonly purposes?: readonly string[];
    readonly networks?: readonly NetworkClass[];
    readonly mfa_within_seconds?: number;
    readonly hours?: { readonly from: number; readonly to: number };
    readonly ticket?: boolean;
  };
}

export interface RoleBody {
  readonly name: string;
  readonly description?: string;
  readonly inherits?: readonly string[];
  readonly grants?: readonly GrantView[];
  /** Recorded. */
  readonly reason?: string;
}

export interface RoleView {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly template: boolean;
  readonly inherits: readonly string[];
  readonly grants: readonly GrantView[];
}

export interface PermissionView {
  readonly module: string;
  readonly name: string;
  readonly description: string | null;
}

export interface AssignmentBody {
  /** A person's subject, or `service:<name>`. */
  readonly user: string;
  readonly role: string;
  readonly module?: string;
  readonly reason?: string;
  readonly expires_at?: string;
}

export interface AssignmentView {
  readonly id: string;
  readonly user: string;
  readonly role: string;
  readonly module: string | null;
  readonly reason: string | null;
  readonly granted_by: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
}

export interface CheckBody {
  readonly user: string;
  readonly module: string;
  readonly permission: string;
  /** Now, or a time ahead. */
  readonly at?: string;
}

export interface CheckView {
  readonly allowed: boolean;
  readonly reason: CheckReason;
  readonly role?: string;
  /** When a yes ends by itself. */
  readonly until?: string;
}

export interface EffectiveView {
  readonly user: string;
  readonly module: string;
  readonly grants: readonly (GrantView & { readonly role: string; readonly until: string | null })[];
}

type Next = { readonly next: string | null };
type Why = { readonly reason?: string };

export function access(transport: Transport) {
  const get = <T>(path: string, parameters: Parameters<typeof query>[0] = {}) =>
    transport<T>({ method: 'GET', path: `/v1${path}${query(parameters)}` });
  const send = <T>(method: 'POST' | 'PUT', path: string, body: object) =>
    transport<T>({ method, path: `/v1${path}`, body: JSON.stringify(body) });
  const remove = (path: string, { reason }: Why) =>
    transport<void>({ method: 'DELETE', path: `/v1${path}${query({ reason })}` });
  const part = encodeURIComponent;
  return {
    /** What permissions are bundled into; templates begin with `trailkeep:`. */
    roles: {
      list: ({ after, limit }: ListOptions = {}) =>
        get<{ readonly roles: readonly RoleView[] } & Next>('/roles', { after, limit }),
      get: (roleId: string) => get<RoleView>(`/roles/${part(roleId)}`),
      put: (roleId: string, body: RoleBody) => send<RoleView>('PUT', `/roles/${part(roleId)}`, body),
      remove: (roleId: string, why: Why = {}) => remove(`/roles/${part(roleId)}`, why),
    },
    /** Who has which role, until when. */
    assignments: {
      list: ({
        after,
        limit,
        user,
        role,
        ended,
      }: ListOptions & { readonly user?: string; readonly role?: string; readonly ended?: boolean } = {}) =>
        get<{ readonly assignments: readonly AssignmentView[] } & Next>('/assignments', {
          after,
          limit,
          user,
          role,
          ended: ended === undefined ? undefined : String(ended),
        }),
      get: (assignmentId: string) => get<AssignmentView>(`/assignments/${part(assignmentId)}`),
      create: (body: AssignmentBody) => send<AssignmentView>('POST', '/assignments', body),
      end: (assignmentId: string, why: Why = {}) => remove(`/assignments/${part(assignmentId)}`, why),
    },
    permissions: {
      /** What your applications' permissions mean, for people who make roles. */
      list: ({ after, limit, module }: ListOptions & { readonly module?: string } = {}) =>
        get<{ readonly permissions: readonly PermissionView[] } & Next>('/permissions', { after, limit, module }),
      put: (module: string, permission: string, body: { readonly description?: string } = {}) =>
        send<PermissionView>('PUT', `/permissions/${part(module)}/${part(permission)}`, body),
      remove: (module: string, permission: string, why: Why = {}) =>
        remove(`/permissions/${part(module)}/${part(permission)}`, why),
      /** May this user do that? A no when nobody can tell. */
      check: (body: CheckBody) => send<CheckView>('POST', '/permissions/check', body),
      /** Up to 100 at once, answered in order. */
      checkAll: (checks: readonly CheckBody[]) =>
        send<{ readonly results: readonly CheckView[] }>('POST', '/permissions/check', { checks }),
      /** All that a user may do in a module. */
      effective: (user: string, module: string) => get<EffectiveView>('/permissions/effective', { user, module }),
    },
  };
}
