/**
 * Sealing: personal values leave the event for envelopes, and what can still be searched for leaves a token behind.
 */

import { canonical } from '#core/event/canonical.ts';
import type { Event, Json, JsonObject } from '#core/event/event.ts';
import { partsOf, placeOf } from '#core/event/pointer.ts';
import type { EventLine } from '#core/record/envelope.ts';
import type { FieldGroup } from '../access/view.ts';
import type { PersonalField } from './fields.ts';
import type { Cipher, DataKey, TenantKeys } from './ports.ts';
import type { SealedGroup } from './sealed.ts';

/** Keys for one event. */
export interface SealKeys {
  readonly tenant: TenantKeys;
  /** The key of a person, by id. */
  readonly of: (subject: string) => DataKey;
}

/** What an envelope is bound to: it opens in this event, at these places, under this key, and nowhere else. */
export const envelopeContext = (tenant: string, eventId: string, sealed: Omit<SealedGroup, 'box'>): string =>
  `${tenant}|${eventId}|${sealed.key}|${sealed.group}|${sealed.at.join(' ')}`;

/**
 * The stored form of an event and its canonical line. The order of envelopes is that of the fields: the same event
 * gives the same form, but for the random ivs and the salt (core/proof/commitment.ts). `free` says that free objects
 * may be left, whose keys need sorting.
 */
export function sealEvent(
  event: Event,
  fields: readonly PersonalField[],
  keys: SealKeys,
  cipher: Cipher,
  free: boolean,
  salt: string,
): EventLine {
  const groups: { group: FieldGroup; key: DataKey; at: string[]; values: Json[] }[] = [];
  const changes: Changes = new Map();
  for (const field of fields) {
    const key = field.owner === undefined ? keys.tenant.own : keys.of(field.owner);
    let group = groups.find((one) => one.group === field.group && one.key === key);
    if (!group) {
      group = { group: field.group, key, at: [], values: [] };
      groups.push(group);
    }
    group.at.push(field.at);
    group.values.push(field.value);
    const token = field.find && tokenOf(field.find, String(field.value), key, keys.tenant, cipher);
    const { parent, name } = placeOf(field.at);
    const siblings = changes.get(parent);
    if (siblings) siblings.set(name, token);
    else changes.set(parent, new Map([[name, token]]));
  }
  const sealed = groups.map(({ group, key, at, values }): SealedGroup => {
    const bound = { at, group, key: key.id };
    const box = cipher.seal(key.cipher, JSON.stringify(values), envelopeContext(event.tenant, event.id, bound));
    return { at, box, group, key: key.id };
  });
  const skeleton = replaced(event as unknown as JsonObject, changes) as unknown as Event;
  const { actor, context, metadata, on_behalf_of, outcome, subject, targets } = skeleton;
  // In canonical order, as prepare's literal: one hidden class, and JSON.stringify writes the canonical line.
  const stored = {
    action: event.action,
    actor,
    authorization: event.authorization,
    category: event.category,
    changes: skeleton.changes,
    component: skeleton.component,
    context,
    crud: event.crud,
    data_class: event.data_class,
    environment: event.environment,
    external_id: skeleton.external_id,
    id: event.id,
    idempotency_key: skeleton.idempotency_key,
    metadata,
    occurred_at: event.occurred_at,
    on_behalf_of,
    operation_id: skeleton.operation_id,
    outcome,
    producer: event.producer,
    project: event.project,
    received_at: event.received_at,
    salt,
    schema_version: event.schema_version,
    schema_violation: event.schema_violation,
    sealed: sealed.length === 0 ? undefined : sealed,
    severity: event.severity,
    subject,
    targets,
    tenant: event.tenant,
    version: skeleton.version,
  } satisfies { readonly [K in keyof Required<Event>]: Event[K] | undefined } as Event;
  return { event: stored, line: free ? canonical(stored as unknown as Json) : JSON.stringify(stored) };
}

/** A person's token is the same wherever the person stands: as actor, as target, as subject. */
export const subjectToken = (key: DataKey, cipher: Cipher): string =>
  remembered(key, 'subject', () => `~${cipher.token(key.index, 'subject')}`);
/** Addresses in one spelling: domains have no case, and nobody's mailbox has. */
export function emailToken(key: DataKey, email: string, cipher: Cipher): string {
  const text = `email|${email.toLowerCase()}`;
  return remembered(key, text, () => `~${cipher.token(key.index, text)}`);
}
/**
 * Many persons share an address, so its token is the tenant's and outlives them; 24 bits make 256 addresses of IPv4
 * share one, so that it proves nobody's address. A tenant with 100,000 addresses meets a stranger in one of 170 searches.
 */
export const ipToken = (tenant: TenantKeys, ip: string, cipher: Cipher): string =>
  remembered(tenant, ip, () => `~${cipher.token(tenant.blind, `ip|${ip}`).slice(0, 4)}`);

/** Tokens of a key, for as long as the key is held: they follow from it, and cost as much as an envelope. */
const tokens = new WeakMap<object, Map<string, string>>();
/** A bound on memory: beyond it they are made anew. */
const tokensOfKeyMax = 10_000;

function remembered(key: object, text: string, make: () => string): string {
  let own = tokens.get(key);
  if (!own) {
    own = new Map();
    tokens.set(key, own);
  }
  let token = own.get(text);
  if (token === undefined) {
    token = make();
    if (own.size >= tokensOfKeyMax) own.clear();
    own.set(text, token);
  }
  return token;
}

function tokenOf(
  find: NonNullable<PersonalField['find']>,
  value: string,
  key: DataKey,
  tenant: TenantKeys,
  cipher: Cipher,
): string {
  if (find === 'subject') return subjectToken(key, cipher);
  return find === 'email' ? emailToken(key, value, cipher) : ipToken(tenant, value, cipher);
}

/** By the pointer of the parent: what becomes of its members; undefined: they go. */
type Changes = Map<string, Map<string, string | undefined>>;

/** A copy of an object in which some values are others, or gone; what does not change is not copied. */
function replaced(value: JsonObject, changes: Changes): JsonObject {
  let copy = { ...value } as { [key: string]: Json };
  for (const [parent, members] of changes) {
    if (parent === '') copy = withMembers(copy, members);
    else {
      const { parent: above, name } = placeOf(parent);
      if (above === '') copy[name] = withMembers(copy[name] as JsonObject, members);
      else putBelow(copy, parent, members);
    }
  }
  return copy;
}

/** An object without some members and with others in their place, in the same order. */
function withMembers(value: JsonObject, members: ReadonlyMap<string, string | undefined>): { [key: string]: Json } {
  const made: { [key: string]: Json } = {};
  for (const key of Object.keys(value)) {
    if (!members.has(key)) made[key] = value[key]!;
    else if (members.get(key) !== undefined) made[key] = members.get(key)!;
  }
  return made;
}

/** The same, deeper: each parent on the way is copied, once or again. */
function putBelow(
  root: { [key: string]: Json },
  pointer: string,
  members: ReadonlyMap<string, string | undefined>,
): void {
  const parts = partsOf(pointer);
  let parent: { [key: string]: Json } = root;
  for (const part of parts.slice(0, -1)) {
    const child = parent[part] as JsonObject;
    parent[part] = (Array.isArray(child) ? [...child] : { ...child }) as Json;
    parent = parent[part] as { [key: string]: Json };
  }
  const last = parts.at(-1)!;
  parent[last] = withMembers(parent[last] as JsonObject, members);
}
