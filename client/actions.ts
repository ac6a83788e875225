/**
 * Events that every product has, so that they look the same everywhere: each function makes one, to be given to
 * `record` or `send`. Everything else that an event may hold can be passed along and wins.
 */
import type { DataClass, EventInput, JsonObject, Party, Target } from '#core/event/event.ts';
import { diff } from './changes.ts';

/** Who did it, and whatever else the event should hold. */
export type By = Omit<EventInput, 'action'>;

type LogInFacts = By & { readonly method?: string };

/** Somebody logged in. `method`: password, saml, passkey, … */
export const logIn = ({ method, ...event }: LogInFacts): EventInput => ({
  outcome: { result: 'success' },
  ...event,
  action: 'user.login',
  ...withMetadata(event.metadata, { method }),
});

/** Somebody tried to log in and could not. The actor is who they said they were. */
export const logInFailed = ({ method, reason, ...event }: LogInFacts & { readonly reason?: string }): EventInput => ({
  outcome: { result: 'failure', ...(reason === undefined ? {} : { reason }) },
  severity: 'low',
  ...event,
  action: 'user.login',
  ...withMetadata(event.metadata, { method }),
});

/** Somebody logged out, or was: `reason` as `expired` or `forced`. */
export const logOut = ({ reason, ...event }: By & { readonly reason?: string }): EventInput => ({
  outcome: { result: 'success' },
  ...event,
  action: 'user.logout',
  ...withMetadata(event.metadata, { reason }),
});

/** Somebody may now do more, or less. `whose` is who is allowed; `on` is what the permissions are about. */
export function permissionChange({
  whose,
  on,
  granted = [],
  revoked = [],
  ...event
}: By & {
  readonly whose: Target;
  readonly on?: Target;
  readonly granted?: readonly string[];
  readonly revoked?: readonly string[];
}): EventInput {
  const verb = granted.length === 0 ? 'revoke' : revoked.length === 0 ? 'grant' : 'change';
  return {
    outcome: { result: 'success' },
    targets: on === undefined ? [whose] : [whose, on],
    ...event,
    action: `permission.${verb}`,
    ...withMetadata(event.metadata, {
      granted: granted.length === 0 ? undefined : granted,
      revoked: revoked.length === 0 ? undefined : revoked,
    }),
  };
}

/**
 * A thing was made (no `before`), changed, or removed (no `after`); the event says which parts changed.
 *
 * The action is `<type of the target>.create|update|delete`. `hide` names JSON pointers whose values stay out.
 */
export function dataChange({
  target,
  before,
  after,
  hide,
  ...event
}: By & {
  readonly target: Target;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly hide?: readonly string[];
}): EventInput {
  const isNew = before === undefined || before === null;
  const isGone = after === undefined || after === null;
  const verb = isNew && !isGone ? 'create' : isGone && !isNew ? 'delete' : 'update';
  const { changes, omitted } = diff(isNew ? undefined : before, isGone ? undefined : after, hide);
  return {
    outcome: { result: 'success' },
    crud: verb === 'create' ? 'c' : verb === 'delete' ? 'd' : 'u',
    targets: [target],
    ...event,
    action: `${wordOf(target.type)}.${verb}`,
    ...(changes.length === 0 ? {} : { changes }),
    ...withMetadata(event.metadata, { changes_omitted: omitted === 0 ? undefined : omitted }),
  };
}

/** Data left the product: how many records, in which form, where to. */
export const dataExport = ({
  what,
  records,
  format,
  to,
  dataClass,
  ...event
}: By & {
  readonly what: Target;
  readonly records?: number;
  readonly format?: string;
  readonly to?: string;
  readonly dataClass?: DataClass;
}): EventInput => ({
  outcome: { result: 'success' },
  targets: [what],
  ...(dataClass === undefined ? {} : { data_class: dataClass }),
  ...event,
  action: 'data.export',
  ...withMetadata(event.metadata, { records, format, to }),
});

/**
 * Somebody used powers over others, as support and operators do: `admin.<what>`. Critical, and with `for` the person
 * on whose behalf it was done.
 */
export const adminAction = ({
  what,
  for: onBehalfOf,
  ...event
}: By & { readonly what: string; readonly for?: Party }): EventInput => ({
  outcome: { result: 'success' },
  category: 'critical',
  severity: 'medium',
  ...(onBehalfOf === undefined ? {} : { on_behalf_of: [onBehalfOf] }),
  ...event,
  action: `admin.${what.split('.').map(wordOf).join('.')}`,
});

/** A word of an action. */
const wordOf = (text: string): string => text.trim().replace(/[^A-Za-z0-9_-]+/g, '_') || 'thing';

/** The caller's metadata and ours, without what is not known; nothing when both are empty. */
function withMetadata(
  given: JsonObject | undefined,
  ours: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): { readonly metadata?: JsonObject } {
  const known = Object.entries(ours).filter(
    (entry): entry is [string, string | number | readonly string[]] => entry[1] !== undefined,
  );
  if (given === undefined && known.length === 0) return {};
  return { metadata: { ...Object.fromEntries(known), ...given } };
}
