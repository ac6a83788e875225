/**
 * Membership filters: does a block hold this id, actor, action, target, ip, operation or external id?
 *
 * A Bloom filter with 16 bits a key and 11 probes. Ten bits look cheaper and are a trap: at 0.8 % false
 * positives a scan over 2 880 blocks reads 24 for nothing; at 16 bits it reads one or two. "No" is always
 * true, "maybe" must be checked against the events.
 */
import type { Event } from '#core/event/event.ts';

const version = 1;
const bitsPerKey = 16;
const probes = 11;
/** Version, probes, number of bits (32-bit little endian). */
const headerBytes = 6;

/** What a filter can be asked for. */
export type KeyField = 'id' | 'actor' | 'action' | 'target' | 'ip' | 'op' | 'ext' | 'email' | 'person';

/** The key of a field's value, as `keysOf` spells it: `actor:u-17`. */
export const keyOf = (field: KeyField, value: string): string => `${field}:${value}`;

/**
 * The keys under which an event is found. A key may come twice (two targets with one id). Personal values are tokens
 * here; `person` are those that are concerned but neither act nor are acted on: delegators and the subject.
 */
export function keysOf(event: Event): string[] {
  const keys = [`id:${event.id}`, `actor:${event.actor.id}`, `action:${event.action}`];
  if (event.targets) for (const target of event.targets) keys.push(`target:${target.id}`);
  if (event.context?.ip !== undefined) keys.push(`ip:${event.context.ip}`);
  if (event.operation_id !== undefined) keys.push(`op:${event.operation_id}`);
  if (event.external_id !== undefined) keys.push(`ext:${event.external_id}`);
  if (event.actor.email !== undefined) keys.push(`email:${event.actor.email}`);
  for (const person of concerned(event)) keys.push(`person:${person}`);
  return keys;
}

/** Delegators and the subject. */
function concerned({ on_behalf_of, subject }: Event): readonly string[] {
  if (on_behalf_of === undefined) return subject === undefined ? [] : [subject];
  return [...on_behalf_of.map(({ id }) => id), ...(subject === undefined ? [] : [subject])];
}

/** A filter over keys, which should be distinct: repeats only make it larger. No keys make a filter that holds nothing. */
export function buildFilter(keys: readonly string[]): Uint8Array {
  const filter = emptyFilter(keys.length);
  for (const key of keys) add(filter, '', key);
  return filter;
}

/**
 * The filter over all keys of events with distinct ids: the same bytes as `buildFilter` over the distinct `keysOf`,
 * without making a text of each key. It is the larger half of planning a segment.
 */
export function filterOfEvents(events: Iterable<Event>): Uint8Array {
  const ids: string[] = [];
  const fields: Record<Exclude<KeyField, 'id'>, Set<string>> = {
    actor: new Set(),
    action: new Set(),
    target: new Set(),
    ip: new Set(),
    op: new Set(),
    ext: new Set(),
    email: new Set(),
    person: new Set(),
  };
  for (const event of events) {
    ids.push(event.id);
    fields.actor.add(event.actor.id);
    fields.action.add(event.action);
    if (event.targets) for (const target of event.targets) fields.target.add(target.id);
    if (event.context?.ip !== undefined) fields.ip.add(event.context.ip);
    if (event.operation_id !== undefined) fields.op.add(event.operation_id);
    if (event.external_id !== undefined) fields.ext.add(event.external_id);
    if (event.actor.email !== undefined) fields.email.add(event.actor.email);
    if (event.subject !== undefined) fields.person.add(event.subject);
    if (event.on_behalf_of) for (const { id } of event.on_behalf_of) fields.person.add(id);
  }
  const distinct = Object.values(fields).reduce((sum, values) => sum + values.size, ids.length);
  const filter = emptyFilter(distinct);
  for (const id of ids) add(filter, 'id:', id);
  for (const [field, values] of Object.entries(fields)) {
    const prefix = keyOf(field as KeyField, '');
    for (const value of values) add(filter, prefix, value);
  }
  return filter;
}

function emptyFilter(keys: number): Uint8Array {
  const bits = Math.ceil((keys * bitsPerKey) / 8) * 8;
  const filter = new Uint8Array(headerBytes + bits / 8);
  filter[0] = version;
  filter[1] = probes;
  new DataView(filter.buffer).setUint32(2, bits, true);
  return filter;
}

/** Sets the bits of the key `prefix + value`. */
function add(filter: Uint8Array, prefix: string, value: string): void {
  // ">>> 0" tells V8 that these are unsigned: its remainder is then one instruction and not a float's.
  const bits = ((filter.length - headerBytes) * 8) >>> 0;
  const [first, second] = hash(prefix, value);
  let at = first >>> 0;
  let step = second >>> 0;
  for (let probe = 0; probe < probes; probe++) {
    const bit = at % bits;
    filter[headerBytes + (bit >>> 3)]! |= 1 << (bit & 7);
    at = (at + step) >>> 0;
    step = (step + probe) >>> 0;
  }
}

/** False means certainly not. A filter of a version or length we do not know answers true: a needless read, never a lost event. */
export function mayContain(filter: Uint8Array, key: string): boolean {
  if (filter.length < headerBytes || filter[0] !== version) return true;
  const bits = new DataView(filter.buffer, filter.byteOffset).getUint32(2, true);
  if (filter.length !== headerBytes + bits / 8) return true;
  if (bits === 0) return false;
  let [at, step] = hash('', key);
  for (let probe = 0; probe < filter[1]!; probe++) {
    const bit = at % bits;
    if ((filter[headerBytes + (bit >>> 3)]! & (1 << (bit & 7))) === 0) return false;
    at = (at + step) >>> 0;
    step = (step + probe) >>> 0;
  }
  return true;
}

/**
 * Two 32-bit hashes over the UTF-16 units of prefix + value, mixed at the end as MurmurHash3 does (fmix32). All arithmetic is
 * unsigned: a signed remainder is negative and loses bits silently. Growing the step by the probe's number
 * ("enhanced double hashing", Dillinger and Manolios 2004) keeps a small step from touching few bits.
 */
function hash(prefix: string, value: string): [number, number] {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < prefix.length; i++) {
    const unit = prefix.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x5bd1e995);
    b ^= b >>> 15;
  }
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return [mix(a ^ (prefix.length + value.length)), (mix(b) | 1) >>> 0];
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
