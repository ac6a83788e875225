/**
 * From what a principal holds to what it may do: one question to the policy engine for each grant that could answer,
 * and for views one for each (category, data class, field group), never one for an event.
 */
import type { Category, DataClass } from '#core/event/event.ts';
import type { Caller } from './access.ts';
import { allows, type CedarValue, type EntityUid, type PolicyEngine } from './engine.ts';
import type { Matter, OwnPermission, Sight } from './guard.ts';
import { ownPermissions } from './guard.ts';
import { networkClassOf } from './network.ts';
import type { Circumstances } from './principal.ts';
import { type HeldGrant, ownModule } from './roles.ts';
import { type FieldGroup, type FieldMode, fieldGroups, fieldModes, type View } from './view.ts';

/** How assignments, requests and break-glasses name a caller: a person's `sub`, `service:<name>`, or a key's id. */
export const principalName = (caller: Caller): string => caller.person?.id ?? caller.serviceAccount ?? caller.keyId;

/** The grants of an API key: its scopes, without conditions. */
export const grantsOfKey = (caller: Caller): readonly HeldGrant[] =>
  caller.scopes.map((scope) => ({ module: ownModule, permission: scope, role: 'scope' }));

/** Our permissions that grants give without condition, bound or end. */
export const unbounded = (grants: readonly HeldGrant[]): readonly OwnPermission[] => {
  const free = grants.filter(
    ({ module, categories, dataClasses, fields, when, until }) =>
      module === ownModule && [categories, dataClasses, fields, when, until].every((bound) => bound === undefined),
  );
  return ownPermissions.filter((name) => free.some(({ permission }) => permission === name || permission === '*'));
};

/** Who asks, with what in hand, when and from where. */
export interface Asking {
  readonly caller: Caller;
  readonly grants: readonly HeldGrant[];
  readonly at: Circumstances;
  /** Id of the caller's break-glass, while it lasts. */
  readonly breakGlass?: string;
}

export type Decision =
  | { readonly allowed: true }
  /** `reasons` are ids of policies, which are sentences; none when nothing permits it. */
  | { readonly allowed: false; readonly reasons: readonly string[] };

/** Whether the caller may use a permission, on a matter where separation of duties looks at one. */
export function decide(engine: PolicyEngine, asking: Asking, permission: OwnPermission, matter?: Matter): Decision {
  const { tenant } = asking.caller;
  const resource = matter
    ? { type: matterTypes[matter.kind], attrs: { tenant, user: matter.user } }
    : { type: 'Trail', attrs: { tenant } };
  const reasons = new Set<string>();
  for (const grant of candidates(asking, permission)) {
    const answer = ask(engine, asking, grant, permission, resource);
    if (allows(answer)) return { allowed: true };
    for (const reason of answer.reasons) reasons.add(reason);
  }
  return { allowed: false, reasons: [...reasons] };
}

/** What the caller sees of events. Decisions are made when they come up, and kept for as long as the sight is. */
export function sightOf(engine: PolicyEngine, asking: Asking): Sight {
  const kept = new Map<string, { readonly view: View | undefined; readonly unmasks: boolean }>();
  const look = (category: Category, dataClass: DataClass) => {
    const name = `${category} ${dataClass}`;
    let seen = kept.get(name);
    if (!seen) {
      seen = viewOf(engine, asking, category, dataClass);
      kept.set(name, seen);
    }
    return seen;
  };
  return {
    view: (category, dataClass) => look(category, dataClass).view,
    unmasks: (category, dataClass) => look(category, dataClass).unmasks,
    ...(asking.breakGlass === undefined ? {} : { breakGlass: asking.breakGlass }),
  };
}

function viewOf(engine: PolicyEngine, asking: Asking, category: Category, dataClass: DataClass) {
  const attrs = { tenant: asking.caller.tenant, category, data_class: dataClass };
  const readers = candidates(asking, 'events:read').filter((grant) =>
    allows(ask(engine, asking, grant, 'see', { type: 'Events', attrs })),
  );
  if (readers.length === 0) return { view: undefined, unmasks: false };

  const may = (grant: HeldGrant, action: 'show' | 'unmask', group: FieldGroup) =>
    allows(ask(engine, asking, grant, action, { type: 'Fields', attrs: { ...attrs, group } }));
  const lifters = [
    ...candidates(asking, 'fields:unmask'),
    ...(asking.breakGlass === undefined ? [] : readers.map(({ fields: _, ...whole }): HeldGrant => whole)),
  ];
  let unmasks = false;
  const modeOf = (group: FieldGroup): FieldMode => {
    let mode: FieldMode = 'omitted';
    for (const grant of readers) {
      const most = group === 'what' ? 'clear' : (grant.fields?.[group] ?? 'clear');
      mode = clearer(mode, most !== 'clear' ? most : may(grant, 'show', group) ? 'clear' : 'masked');
      if (mode === 'clear') return mode;
    }
    const lifted = lifters.some(
      (grant) => (grant.fields?.[group] ?? 'clear') === 'clear' && may(grant, 'unmask', group),
    );
    unmasks ||= lifted;
    return lifted ? 'clear' : mode;
  };
  const view = Object.fromEntries(fieldGroups.map((group) => [group, modeOf(group)])) as View;
  return { view, unmasks };
}

const clearer = (a: FieldMode, b: FieldMode): FieldMode => (fieldModes.indexOf(a) < fieldModes.indexOf(b) ? b : a);

/** The grants of our module that name a permission and have not ended. */
const candidates = ({ grants, at }: Asking, permission: OwnPermission): readonly HeldGrant[] =>
  grants.filter(
    (grant) =>
      grant.module === ownModule &&
      (grant.permission === permission || grant.permission === '*') &&
      (grant.until === undefined || at.now.getTime() < grant.until),
  );

const matterTypes = {
  assignment: 'Assignment',
  request: 'Request',
  break_glass: 'BreakGlass',
  override: 'Override',
} as const;
const principalTypes = { key: 'Key', person: 'Person', service: 'Service' } as const;
const uid = (type: string, id: string): EntityUid => ({ type: `Trailkeep::${type}`, id });
const permissionUids = new Map<string, readonly EntityUid[]>([
  ...ownPermissions.map((name) => [name, [uid('Permission', name)]] as const),
  ['*', ownPermissions.map((name) => uid('Permission', name))],
]);

function ask(
  engine: PolicyEngine,
  { caller, at, breakGlass }: Asking,
  grant: HeldGrant,
  action: string,
  resource: { readonly type: string; readonly attrs: Readonly<Record<string, CedarValue>> },
) {
  const user = principalName(caller);
  const principal = uid(principalTypes[caller.kind], `${caller.tenant}/${user}`);
  const thing = uid(resource.type, 'asked');
  return engine.decide({
    principal,
    action: uid('Action', action),
    resource: thing,
    context: {
      grant: conditionsOf(grant),
      network: networkClassOf(at.sourceIp),
      hour: at.now.getUTCHours(),
      break_glass: breakGlass !== undefined,
      ...(at.purpose === undefined ? {} : { purpose: at.purpose }),
      ...(at.ticket === undefined ? {} : { ticket: at.ticket }),
      // Only where it is asked for: it changes with every second, and answers are remembered.
      ...(caller.person?.mfaAt === undefined || grant.when?.mfaWithinSeconds === undefined
        ? {}
        : { mfa_age_seconds: ageSeconds(caller.person.mfaAt, at.now) }),
    },
    entities: [
      { uid: principal, attrs: { tenant: caller.tenant, user }, parents: permissionUids.get(grant.permission) ?? [] },
      { uid: thing, attrs: resource.attrs, parents: [] },
    ],
  });
}

/** A second factor from the future is as old as none could be: clocks differ by seconds, not by hours. */
const ageSeconds = (then: number, now: Date): number => Math.floor(Math.abs(now.getTime() - then) / 1000);

function conditionsOf({ categories, dataClasses, when }: HeldGrant): Record<string, CedarValue> {
  return {
    ...(categories === undefined ? {} : { categories }),
    ...(dataClasses === undefined ? {} : { data_classes: dataClasses }),
    ...(when?.purposes === undefined ? {} : { purposes: when.purposes }),
    ...(when?.networks === undefined ? {} : { networks: when.networks }),
    ...(when?.mfaWithinSeconds === undefined ? {} : { mfa_within_seconds: when.mfaWithinSeconds }),
    ...(when?.hours === undefined ? {} : { hours_from: when.hours.from, hours_to: when.hours.to }),
    ...(when?.ticket === undefined ? {} : { ticket: when.ticket }),
  };
}
