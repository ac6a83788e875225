/** What a filter means: the one definition, used on both tiers. */
import type { Event } from '#core/event/event.ts';
import { isToken } from '#core/event/token.ts';
import { type KeyField, keyOf } from '#core/record/membership.ts';
import type { Filter } from './filter.ts';

/** Whether an event passes a filter. All given fields must hold; a list holds when any of its values does. */
export const matches = (filter: Filter, event: Event): boolean => matcher(filter)(event);

/** The same test, prepared once for many events. */
export function matcher(filter: Filter): (event: Event) => boolean {
  const tests: ((event: Event) => boolean)[] = [];
  const { from, to, text } = filter;
  if (from !== undefined) tests.push((event) => Date.parse(event.occurred_at) >= from);
  if (to !== undefined) tests.push((event) => Date.parse(event.occurred_at) < to);
  const oneOf = (list: readonly string[] | undefined, of: (event: Event) => string | undefined) => {
    if (list === undefined) return;
    const set = new Set(list);
    tests.push((event) => {
      const value = of(event);
      return value !== undefined && set.has(value);
    });
  };
  oneOf(filter.category, (event) => event.category);
  oneOf(filter.crud, (event) => event.crud);
  oneOf(filter.severity, (event) => event.severity);
  oneOf(filter.outcome, (event) => event.outcome.result);
  oneOf(filter.actor, (event) => event.actor.id);
  const emails = filter.actorEmail?.map((email) => (isToken(email) ? email : email.toLowerCase()));
  oneOf(emails, ({ actor: { email } }) => (email === undefined || isToken(email) ? email : email.toLowerCase()));
  oneOf(filter.ip, (event) => event.context?.ip);
  oneOf(filter.dataClass, (event) => event.data_class);
  oneOf(filter.project, (event) => event.project);
  oneOf(filter.environment, (event) => event.environment);
  oneOf(filter.operationId, (event) => event.operation_id);
  oneOf(filter.externalId, (event) => event.external_id);
  if (filter.action) tests.push(actionTest(filter.action));
  const targets = filter.target && new Set(filter.target);
  if (targets) tests.push((event) => (event.targets ?? []).some((target) => targets.has(target.id)));
  const persons = filter.subject && new Set(filter.subject);
  if (persons) tests.push((event) => personsOf(event).some((person) => persons.has(person)));
  const types = filter.targetType && new Set(filter.targetType);
  if (types) tests.push((event) => (event.targets ?? []).some((target) => types.has(target.type)));
  if (text !== undefined) {
    const needle = text.toLowerCase();
    tests.push((event) => holdsText(event, needle));
  }
  return (event) => tests.every((test) => test(event));
}

/** Everyone whom an event names by id. */
const personsOf = ({ actor, on_behalf_of, targets, subject }: Event): string[] => [
  actor.id,
  ...(on_behalf_of ?? []).map(({ id }) => id),
  ...(targets ?? []).map(({ id }) => id),
  ...(subject === undefined ? [] : [subject]),
];

function actionTest(actions: readonly string[]): (event: Event) => boolean {
  const exact = new Set(actions.filter((action) => !action.endsWith('*')));
  const prefixes = actions.filter((action) => action.endsWith('*')).map((action) => action.slice(0, -1));
  return ({ action }) => exact.has(action) || prefixes.some((prefix) => action.startsWith(prefix));
}

/** Looks at values, not at keys. Events are at most 32 deep, so recursion is safe. */
function holdsText(value: unknown, needle: string): boolean {
  if (typeof value === 'string') return value.toLowerCase().includes(needle);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((inner) => holdsText(inner, needle));
}

/**
 * What a block's membership filter can be asked: of each group at least one key must be there,
 * or the block holds nothing for this filter. Prefixes cannot be asked.
 */
export function membershipKeys(filter: Filter): readonly (readonly string[])[] {
  const groups: string[][] = [];
  const add = (field: KeyField, values: readonly string[] | undefined) => {
    if (values) groups.push(values.map((value) => keyOf(field, value)));
  };
  if (!filter.action?.some((action) => action.endsWith('*'))) add('action', filter.action);
  add('actor', filter.actor);
  add('target', filter.target);
  add('ip', filter.ip);
  add('email', filter.actorEmail);
  if (filter.subject) {
    groups.push(
      filter.subject.flatMap((id) => (['actor', 'target', 'person'] as const).map((field) => keyOf(field, id))),
    );
  }
  add('op', filter.operationId);
  add('ext', filter.externalId);
  return groups;
}
