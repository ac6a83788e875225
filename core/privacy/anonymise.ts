/**
 * Anonymisation: events become counts for analytics, from which nobody comes back.
 *
 * A cell is a day, a category, an action and a result; nothing else of an event is read. A cell in which fewer than
 * `personsMin` different actors stand is left out, and no total is given from which it could be worked out again.
 */
import type { Category, Event, OutcomeResult } from '#core/event/event.ts';

export interface Cell {
  /** YYYY-MM-DD, UTC */
  readonly day: string;
  readonly category: Category;
  readonly action: string;
  readonly outcome: OutcomeResult;
  readonly events: number;
}

export interface Aggregate {
  readonly personsMin: number;
  /** By day, category, action and outcome. */
  readonly cells: readonly Cell[];
  /** How many cells were left out; not how many events. */
  readonly suppressedCells: number;
}

/** The usual threshold for small cells; fewer people are told apart by who knows a little about them. */
export const personsMinDefault = 5;

interface Counting {
  readonly cell: Omit<Cell, 'events'>;
  events: number;
  /** Stored tokens, of which no more are kept than the threshold asks for. */
  readonly actors: Set<string>;
}

/**
 * Counts events, which may be in their stored form: their values need not be opened. Throws when `personsMin` is
 * below 2: a count of one person is about that person.
 */
export class Anonymiser {
  readonly #personsMin: number;
  readonly #cells = new Map<string, Counting>();

  constructor(personsMin = personsMinDefault) {
    if (!Number.isInteger(personsMin) || personsMin < 2) throw new RangeError('personsMin must be at least 2');
    this.#personsMin = personsMin;
  }

  add({ occurred_at, category, action, outcome, actor }: Event): void {
    const cell = { day: occurred_at.slice(0, 10), category, action, outcome: outcome.result };
    const name = JSON.stringify([cell.day, category, action, outcome.result]);
    let counting = this.#cells.get(name);
    if (!counting) {
      counting = { cell, events: 0, actors: new Set() };
      this.#cells.set(name, counting);
    }
    counting.events++;
    if (counting.actors.size < this.#personsMin) counting.actors.add(`${actor.type}:${actor.id}`);
  }

  result(): Aggregate {
    const all = [...this.#cells.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counting]) => counting);
    const large = all.filter(({ actors }) => actors.size >= this.#personsMin);
    return {
      personsMin: this.#personsMin,
      cells: large.map(({ cell, events }) => ({ ...cell, events })),
      suppressedCells: all.length - large.length,
    };
  }
}
