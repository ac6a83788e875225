/** Decisions, as verbs ask for them. functions/runtime/guard.ts answers, over the permission cache and the policy engine. */
import type { Category, DataClass } from '#core/event/event.ts';
import type { Caller } from './access.ts';
import type { Circumstances } from './principal.ts';
import type { View } from './view.ts';

/** Trailkeep's own permissions, in the module `trailkeep`; keys hold them as scopes. */
export const ownPermissions = [
  'events:write',
  'events:read',
  'events:export',
  'fields:unmask',
  'keys:manage',
  'policy:manage',
  'access:manage',
  'access:check',
  'privacy:request',
  'privacy:approve',
  'holds:manage',
  'breakglass:use',
  'breakglass:review',
  'proofs:read',
  'exports:create',
  'retention:read',
  'retention:manage',
  'archive:restore',
  'jobs:read',
  'jobs:manage',
  'costs:read',
  'costs:manage',
  'costs:override',
  'costs:approve',
] as const;
export type OwnPermission = (typeof ownPermissions)[number];

/** What a reader may see, decided once for each (category, data class) that comes up. */
export interface Sight {
  /** Undefined: events of this kind are not for this caller, and look as if they were not there. */
  view(category: Category, dataClass: DataClass): View | undefined;
  /** Whether a view shows more than the caller's usual one, so that `field.unmask` must be recorded. */
  unmasks(category: Category, dataClass: DataClass): boolean;
  /** Id of the break-glass in effect: the record of every page names it. */
  readonly breakGlass?: string;
}

/** What a permission is used on, where separation of duties looks at it: something that is about `user`, or was begun by it. */
export interface Matter {
  readonly kind: 'assignment' | 'request' | 'break_glass' | 'override';
  /** As `principalName` of core/access/decide.ts gives it. */
  readonly user: string;
}

export interface Guard {
  /**
   * The caller, when it may. Throws `unauthenticated`, `forbidden`, or `unavailable` when nobody can tell: never a yes in doubt.
   * With a matter, separation of duties holds too: nobody assigns to themselves, approves or reviews what is their own.
   */
  require(
    request: { readonly caller: Caller | undefined },
    permission: OwnPermission,
    at: Circumstances,
    matter?: Matter,
  ): Promise<Caller>;
  /** What the caller may hand on for good, to a key: what it holds without condition, bound or end. */
  delegable(caller: Caller): Promise<readonly OwnPermission[]>;
  /** What this caller sees of events, for this purpose. Needs `events:read` already. */
  sight(caller: Caller, at: Circumstances): Promise<Sight>;
}
