/** Where in an event a tag works, and which. */
import { partsOf } from '#core/event/pointer.ts';
import type { PrivacyClass } from './tags.ts';

/** Texts that stay clear unless a tag says otherwise, and that nothing but a reader needs. */
export const clearTexts: ReadonlySet<string> = new Set([
  '/component',
  '/context/module',
  '/context/request_id',
  '/context/service',
  '/context/trace_id',
  '/external_id',
  '/idempotency_key',
  '/operation_id',
  '/version',
]);
/** Texts that are sealed by default, or when the actor is a person. */
const sealedTexts = new Set([
  '/actor/name',
  '/context/location',
  '/context/session_id',
  '/context/user_agent',
  '/outcome/reason',
]);
/** Texts that leave a token behind: a word in place of a dropped secret would be everybody's token. */
const identities = new Set(['/actor/email', '/actor/id', '/context/ip', '/subject']);
/** Free objects: what is below them may be anything. */
const freeObjects = new Set(['/metadata', '/actor/metadata']);
/** Fields that place an event, confine a key or are counted: they are stored as they are. */
const clearAlways = new Set([
  '/action',
  '/actor/type',
  '/category',
  '/crud',
  '/data_class',
  '/environment',
  '/id',
  '/occurred_at',
  '/outcome/result',
  '/producer/seq',
  '/project',
  '/schema_version',
  '/severity',
]);
const lists = new Set(['/authorization', '/changes', '/on_behalf_of', '/targets']);
const objects = new Set(['/actor', '/context', '/outcome', '/producer']);

/** Why a class cannot work at a place of an event, as the rest of a sentence about the place; or undefined. */
export function placeFault(at: string, is: PrivacyClass): string | undefined {
  if (clearTexts.has(at) || sealedTexts.has(at)) return undefined;
  if (identities.has(at)) return is === 'secret' ? 'is searched for, so it cannot be dropped' : undefined;
  if (freeObjects.has(at)) return is === 'secret' ? 'holds an object: tag its properties' : undefined;
  if ([...freeObjects].some((free) => at.startsWith(`${free}/`))) return undefined;
  if (clearAlways.has(at)) return is === 'none' ? undefined : 'is a field that Trailkeep works with; it stays clear';
  if (objects.has(at)) return 'is an object of fixed fields: tag these';
  const first = `/${partsOf(at)[0] ?? ''}`;
  if (lists.has(first)) return 'is a list, in which tags do not work';
  return at === '' ? 'is the whole event: tag its properties' : 'is no field of an event';
}

/** Whether a pointer leads to where an event may hold a text that names somebody. */
export function mayNameSubject(at: string): boolean {
  if (!/^(?:\/(?:[^/~]|~[01])*)+$/.test(at)) return false;
  const [first, second] = partsOf(at);
  if (lists.has(`/${first}`))
    return first !== 'authorization' && second !== undefined && /^(?:0|[1-9]\d*)$/.test(second);
  return !freeObjects.has(at) && placeFault(at, 'pii') === undefined;
}
