/**
 * What a legal hold keeps of the archive.
 *
 * Files are deleted whole, and what is in them is sealed: so whoever holds everything or a person holds every file of
 * the tenant. A filter names a time, and files of other times are not what it is about.
 */
import type { Json } from '../event/event.ts';
import { parseSearch } from '../query/filter.ts';
import type { HoldScope } from './request-ports.ts';

/** Times of events, ms since 1970: `from` ≤ time < `to`. */
export interface HeldRange {
  readonly from: number;
  readonly to: number;
}

/** Every time: a hold whose filter cannot be read holds everything. */
const always: HeldRange = { from: -8_640_000_000_000_000, to: 8_640_000_000_000_001 };

/** The times of the events that a hold may be about. */
export function heldRange(scope: Pick<HoldScope, 'kind'> & { readonly filter?: object }): HeldRange {
  if (scope.kind !== 'filter') return always;
  const search = parseSearch((scope.filter ?? null) as Json);
  if (!search.ok) return always;
  const { from, to } = search.value.filter;
  return { from: from ?? always.from, to: to ?? always.to };
}

/** Whether events of these times, both included, may be held. */
export const isHeldBy = ({ from, to }: HeldRange, minTime: number, maxTime: number): boolean =>
  minTime < to && maxTime >= from;
