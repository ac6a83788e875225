/**
 * Which values of an event are personal, to which part of it they belong and whose they are.
 *
 * The defaults take what names or describes a person: ids, names and addresses of people, IP address, user agent,
 * location, session, free text, before and after, and all metadata. Words that a program chose stay clear: action,
 * category, outcome, times, service, types, request and trace ids, ids of machines and of things.
 */
import { type Event, type Json, ownProducer, type Party } from '#core/event/event.ts';
import { escapeToken, valueAt } from '#core/event/pointer.ts';
import type { FieldGroup } from '../access/view.ts';
import { purgeAction } from '../proof/purge.ts';
import { isObject, sealsAt, type Tags } from './tags.ts';

/** How a value can still be found: as the id of its subject, as one of its addresses, or as a value many share. */
export type Findable = 'subject' | 'email' | 'ip';

export interface PersonalField {
  /** RFC 6901 */
  readonly at: string;
  readonly value: Json;
  readonly group: FieldGroup;
  /** Id of the person whose value it is; undefined: of nobody we know. */
  readonly owner: string | undefined;
  readonly find?: Findable;
}

/** Actors of these types are no people. Any other actor is taken for one: better a machine sealed than a person clear. */
const machineTypes = new Set([
  'service',
  'system',
  'machine',
  'application',
  'app',
  'api_key',
  'agent',
  'bot',
  'job',
  'integration',
  'role',
  'aws_service',
  'host',
  'process',
]);
/** Targets of these types are people. Any other target is taken for a thing. */
const personTypes = new Set([
  'user',
  'person',
  'customer',
  'patient',
  'employee',
  'member',
  'contact',
  'admin',
  'guest',
  'visitor',
  'student',
  'candidate',
  'data_subject',
]);

export const isPersonActor = (type: string): boolean => !machineTypes.has(type);
export const isPersonTarget = (type: string): boolean => personTypes.has(type);

/** An event of our own that tells of purged leaves; nobody else can send events of our producer. */
const isPurge = ({ action, producer }: Event): boolean => action === purgeAction && producer.key === ownProducer;

/** The personal fields of an event, in a fixed order. */
export function personalFields(event: Event, tags: Tags | undefined): PersonalField[] {
  const fields: PersonalField[] = [];
  const { actor, on_behalf_of, targets, context, outcome, changes, metadata, subject } = event;
  // A tag may say of a machine's id that it is a person's.
  const isPerson = isPersonActor(actor.type) || sealsAt(tags, '/actor/id');
  const actingPerson = isPerson ? actor.id : on_behalf_of?.find((one) => isPersonActor(one.type))?.id;
  const concerned = subject ?? targets?.find((one) => isPersonTarget(one.type))?.id ?? actingPerson;
  const add = (
    at: string,
    value: Json | undefined,
    group: FieldGroup,
    owner: string | undefined,
    find?: Findable,
  ): void => {
    if (value === undefined || tags?.classes.get(at) === 'none') return;
    fields.push(find === undefined ? { at, value, group, owner } : { at, value, group, owner, find });
  };
  /** A free value; `clear` says that a tag above it lets it stay. Events are at most 32 deep, so recursion is safe. */
  const addFree = (
    at: string,
    value: Json | undefined,
    group: FieldGroup,
    owner: string | undefined,
    clear = false,
  ) => {
    if (value === undefined) return;
    const own = tags?.classes.get(at);
    const stays = own === undefined ? clear : own === 'none';
    // Names of keys stay clear only where the tenant spoke of them.
    if (tags && isObject(value) && Object.keys(value).some((name) => tags.spoken.has(`${at}/${escapeToken(name)}`))) {
      for (const [name, inner] of Object.entries(value)) {
        addFree(`${at}/${escapeToken(name)}`, inner, group, owner, stays);
      }
      return;
    }
    // What should be an object with personal properties and is none is not what the tag lets stay.
    const strange = tags?.above.has(at) === true && value !== null && !isObject(value);
    if (!stays || strange) fields.push({ at, value, group, owner });
  };
  const addParty = (at: string, party: Party, isPerson: boolean) => {
    const person = isPerson ? party.id : undefined;
    if (person !== undefined) add(`${at}/id`, party.id, 'who', person, 'subject');
    if (person !== undefined || sealsAt(tags, `${at}/name`)) add(`${at}/name`, party.name, 'who', person);
    add(`${at}/email`, party.email, 'who', person, person === undefined ? undefined : 'email');
    addFree(`${at}/metadata`, party.metadata, 'who', person);
  };

  addParty('/actor', actor, isPerson);
  for (const [index, party] of on_behalf_of?.entries() ?? [])
    addParty(`/on_behalf_of/${index}`, party, isPersonActor(party.type));
  if (context) {
    add('/context/ip', context.ip, 'where', actingPerson, 'ip');
    add('/context/user_agent', context.user_agent, 'where', actingPerson);
    add('/context/location', context.location, 'where', actingPerson);
    add('/context/session_id', context.session_id, 'where', actingPerson);
  }
  targets?.forEach((target, index) => {
    const person = isPersonTarget(target.type) ? target.id : undefined;
    if (person !== undefined) {
      add(`/targets/${index}/id`, target.id, 'target_identity', person, 'subject');
      add(`/targets/${index}/name`, target.name, 'target_identity', person);
    }
    addFree(`/targets/${index}/metadata`, target.metadata, 'target_identity', person ?? concerned);
  });
  add('/subject', subject, 'target_identity', subject, 'subject');
  add('/outcome/reason', outcome.reason, 'payload', concerned);
  if (isPurge(event)) {
    // Whoever checks the log without our keys must see which leaves a purge names, and by what policy.
    for (const [name, value] of Object.entries(metadata ?? {})) {
      if (name !== 'policy' && name !== 'leaves')
        addFree(`/metadata/${escapeToken(name)}`, value, 'payload', concerned);
    }
  } else addFree('/metadata', metadata, 'payload', concerned);
  changes?.forEach((change, index) => {
    add(`/changes/${index}/before`, change.before, 'diff', concerned);
    add(`/changes/${index}/after`, change.after, 'diff', concerned);
  });
  for (const at of tags?.also ?? []) {
    const where = at.startsWith('/context/');
    add(at, valueAt(event as unknown as Json, at), where ? 'where' : 'payload', where ? actingPerson : concerned);
  }
  return fields;
}

/** The event with the subject that its schema points at, unless it names one itself: so it is found by that person. */
export function withSubject(event: Event, tags: Tags | undefined): Event {
  const subject = event.subject === undefined ? named(event, tags?.subject) : undefined;
  return subject === undefined ? event : { ...event, subject };
}

/** The text at a pointer into the event. */
function named(event: Event, pointer: string | undefined): string | undefined {
  if (pointer === undefined) return undefined;
  const value = valueAt(event as unknown as Json, pointer);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
