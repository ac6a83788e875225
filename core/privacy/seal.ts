/**
 * Sealing: personal values leave the event for envelopes, and what can still be searched for leaves a token behind.
 */

import { canonical } from '#core/event/canonical.ts';
import type { Event, Json } from '#core/event/event.ts';
import type { EventLine } from '#core/record/envelope.ts';
import type { FieldGroup } from '../access/view.ts';
import { type PersonalField, partsOf } from './fields.ts';
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
 * gives the same form, but for the random ivs. `free` says that free objects may be left, whose keys need sorting.
 */
export function sealEvent(
  event: Event,
  fields: readonly PersonalField[],
  keys: SealKeys,
  cipher: Cipher,
  free: boolean,
): EventLine {
  const groups = new Map<string, { group: FieldGroup; key: DataKey; at: string[]; values: Json[] }>();
  const changes = new Map<string, string | undefined>();
  for (const field of fields) {
    const key = field.owner === undefined ? keys.tenant.own : keys.of(field.owner);
    const name = `${field.group} ${key.id}`;
    let group = groups.get(name);
    if (!group) {
      group = { group: field.group, key, at: [], values: [] };
      groups.set(name, group);
    }
    group.at.push(field.at);
    group.values.push(field.value);
    changes.set(field.at, field.find && tokenOf(field.find, String(field.value), key, keys.tenant, cipher));
  }
  const sealed = [...groups.values()].map(({ group, key, at, values }): SealedGroup => {
    const bound = { at, group, key: key.id };
    const box = cipher.seal(key.cipher, JSON.stringify(values), envelopeContext(event.tenant, event.id, bound));
    return { at, box, group, key: key.id };
  });
  const skeleton = replaced(event, changes);
  const { actor, context, metadata, on_behalf_of, outcome, subject, targets } = skeleton;
  // In canonical order, as prepare's literal: one hidden class, and JSON.stringify writes the canonical line.
  const stored = {
    action: event.action,
    actor,
    authorization: event.authorization,
    category: event.category,
    changes: skeleton.changes,
    component: event.component,
    context,
    crud: event.crud,
    data_class: event.data_class,
    environment: event.environment,
    external_id: event.external_id,
    id: event.id,
    idempotency_key: event.idempotency_key,
    metadata,
    occurred_at: event.occurred_at,
    on_behalf_of,
    operation_id: event.operation_id,
    outcome,
    producer: event.producer,
    project: event.project,
    received_at: event.received_at,
    schema_version: event.schema_version,
    schema_violation: event.schema_violation,
    sealed: sealed.length === 0 ? undefined : sealed,
    severity: event.severity,
    subject,
    targets,
    tenant: event.tenant,
    version: event.version,
  } satisfies { readonly [K in keyof Required<Event>]: Event[K] | undefined } as Event;
  return { event: stored, line: free ? canonical(stored as unknown as Json) : JSON.stringify(stored) };
}

/** A person's token is the same wherever the person stands: as actor, as target, as subject. */
export const subjectToken = (key: DataKey, cipher: Cipher): string => `~${cipher.token(key.index, 'subject')}`;
/** Addresses in one spelling: domains have no case, and nobody's mailbox has. */
export const emailToken = (key: DataKey, email: string, cipher: Cipher): string =>
  `~${cipher.token(key.index, `email|${email.toLowerCase()}`)}`;
/**
 * Many persons share an address, so its token is the tenant's and outlives them; 24 bits make 256 addresses of IPv4
 * share one, so that it proves nobody's address. A tenant with 100,000 addresses meets a stranger in one of 170 searches.
 */
export const ipToken = (tenant: TenantKeys, ip: string, cipher: Cipher): string =>
  `~${cipher.token(tenant.blind, `ip|${ip}`).slice(0, 4)}`;

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

type Mutable = { [key: string]: Json };

/** A copy of the event in which some values are others, or gone; only what changes is copied. */
function replaced(event: Event, changes: ReadonlyMap<string, string | undefined>): Event {
  const root: Mutable = { ...(event as unknown as Mutable) };
  const copied = new Set<object>([root]);
  for (const [at, value] of changes) {
    const parts = partsOf(at);
    let parent: Mutable = root;
    for (const part of parts.slice(0, -1)) {
      let child = parent[part] as Mutable;
      if (!copied.has(child)) {
        child = (Array.isArray(child) ? [...child] : { ...child }) as Mutable;
        copied.add(child);
        parent[part] = child;
      }
      parent = child;
    }
    const last = parts.at(-1)!;
    if (value === undefined) delete parent[last];
    else parent[last] = value;
  }
  return root as unknown as Event;
}
