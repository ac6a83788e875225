/**
 * The merge of several sources into one page, newest first by (occurred_at, id), each event once.
 *
 * An event is known by its position and not by its id alone. Producers choose ids: of two events sent under one id at
 * different times a page would else show the one that is read first, and two pages would show both.
 *
 * Sources are read piecemeal. Each has a frontier: all it holds before that position was offered. An event
 * may leave once it lies at or before every frontier: nothing newer can come any more.
 */
import type { Event } from '#core/event/event.ts';
import type { Position } from './ports.ts';

/** Comes before every event. */
export const start: Position = { time: Number.POSITIVE_INFINITY, id: '~' };
/** Comes after every event. */
export const end: Position = { time: Number.NEGATIVE_INFINITY, id: '' };
/** The position just before any event of a time: ids are lower-case UUIDs, and this one is above all. */
export const beforeTime = (time: number): Position => ({ time, id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' });

export const positionOf = (event: Event): Position => ({ time: Date.parse(event.occurred_at), id: event.id });
const nameOf = ({ time, id }: Position): string => `${time}_${id}`;

/** Negative when `a` comes first, that is when it is newer. */
export function comparePositions(a: Position, b: Position): number {
  if (a.time !== b.time) return a.time > b.time ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id > b.id ? -1 : 1;
}

/** The position that comes first. */
export const first = (a: Position, b: Position): Position => (comparePositions(a, b) <= 0 ? a : b);

interface Waiting {
  readonly at: Position;
  readonly event: Event;
}

/** The page in the making. */
export class Merge {
  /** What may leave, in order. */
  readonly page: Event[] = [];
  /** The last that left. */
  last: Position | undefined;
  readonly #after: Position;
  readonly #limit: number;
  readonly #taken = new Set<string>();
  /** All sources have passed it. */
  #proven: Position = start;
  /** Offered and not yet proven, in order; never more than the page can still take, and one to know of more. */
  readonly #waiting: Waiting[] = [];

  constructor(after: Position | undefined, limit: number) {
    this.#after = after ?? start;
    this.#limit = limit;
  }

  get full(): boolean {
    return this.page.length >= this.#limit;
  }

  /** Whether an offered event is known that did not leave. */
  get more(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Takes an event from any source, in any order. What lies before the cursor or is there already is dropped, and what
   * lies where all sources have passed: it left already, or was committed since.
   */
  offer(event: Event): void {
    const at = positionOf(event);
    if (comparePositions(at, this.#after) <= 0 || this.#taken.has(nameOf(at))) return;
    if (comparePositions(at, this.#proven) <= 0) return;
    const room = this.#limit - this.page.length + 1;
    const worst = this.#waiting.at(-1);
    if (this.#waiting.length >= room) {
      if (!worst || comparePositions(at, worst.at) >= 0) return;
      this.#waiting.pop();
      this.#taken.delete(nameOf(worst.at));
    }
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePositions(this.#waiting[middle]!.at, at) < 0) low = middle + 1;
      else high = middle;
    }
    this.#waiting.splice(low, 0, { at, event });
    this.#taken.add(nameOf(at));
  }

  /** Lets go what lies at or before the position that all sources have passed, until the page is full. */
  release(proven: Position): void {
    if (comparePositions(proven, this.#proven) > 0) this.#proven = proven;
    let count = 0;
    while (
      count < this.#waiting.length &&
      this.page.length + count < this.#limit &&
      comparePositions(this.#waiting[count]!.at, proven) <= 0
    ) {
      count++;
    }
    for (const { at, event } of this.#waiting.splice(0, count)) {
      this.page.push(event);
      this.last = at;
    }
  }
}
