/** Which blocks a question needs: by time, by cursor and by the blocks' membership filters. */
import { mayContain } from '#core/record/membership.ts';
import type { Block } from '#core/record/segment.ts';
import { type Filter, timeMax, timeMin } from './filter.ts';
import { membershipKeys } from './matches.ts';
import type { Position } from './ports.ts';

/** The times, both included, that can still hold an answer. */
export function timeRange(filter: Filter, after: Position | undefined): { readonly from: number; readonly to: number } {
  const to = Math.min(filter.to === undefined ? timeMax : filter.to - 1, after?.time ?? timeMax);
  return { from: filter.from ?? timeMin, to };
}

/** Says of a block whether it may hold an answer; prepared once for many blocks. */
export function blockTest(filter: Filter, after: Position | undefined): (block: Block) => boolean {
  const { from, to } = timeRange(filter, after);
  const groups = membershipKeys(filter);
  return (block) =>
    block.minTime <= to &&
    block.maxTime >= from &&
    groups.every((keys) => keys.some((key) => mayContain(block.filter, key)));
}
