import type { EventInput, Json } from '../../event/event.ts';
import type { Result } from '../../event/problem.ts';

/** What a line became: an event, a fault in it, or nothing that this format knows. */
export type Recognised = Result<EventInput> | 'unrecognised';

/** At most so many UTF-16 units, never half a character. */
export const clip = (text: string, charsMax: number): string =>
  text.length <= charsMax ? text : text.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, '');

const ipv4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
const ipv6 = /^[0-9a-f:]{2,39}(%\w{1,15})?$/i;

/** Whether a text is an IP address, and not a host name or a service that stands where one is usual. */
export const isIp = (text: string): boolean => ipv4.test(text) || (ipv6.test(text) && text.split(':').length > 2);

/** What of a foreign document still fits into an event; it shrinks as values are taken in. */
export interface Budget {
  keys: number;
  chars: number;
  /** Set when something did not fit. */
  truncated: boolean;
}

/**
 * The value as far as it fits the budget and the depth: long strings are cut, keys and elements that no longer
 * fit are left out, and `budget.truncated` says that it happened.
 */
export function bounded(value: Json, budget: Budget, depthMax: number): Json {
  if (typeof value === 'string') {
    const text = clip(value, Math.max(0, budget.chars));
    if (text.length < value.length) budget.truncated = true;
    budget.chars -= text.length;
    return text;
  }
  if (value === null || typeof value !== 'object') {
    budget.chars -= 8;
    return value;
  }
  if (depthMax <= 0) {
    budget.truncated = true;
    return Array.isArray(value) ? [] : {};
  }
  if (Array.isArray(value)) {
    const list: Json[] = [];
    for (const one of value as readonly Json[]) {
      if (budget.chars <= 0) {
        budget.truncated = true;
        break;
      }
      budget.chars -= 2;
      list.push(bounded(one, budget, depthMax - 1));
    }
    return list;
  }
  const entries: [string, Json][] = [];
  for (const [key, one] of Object.entries(value)) {
    if (budget.keys <= 0 || budget.chars <= key.length || key.length > 256) {
      budget.truncated = true;
      continue;
    }
    budget.keys -= 1;
    budget.chars -= key.length + 4;
    entries.push([key, bounded(one, budget, depthMax - 1)]);
  }
  return Object.fromEntries(entries);
}
