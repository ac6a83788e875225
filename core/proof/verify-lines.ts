/**
 * Stored lines beside the entries they should be of, both in the order of leaves.
 *
 * Memory stays flat: of what was walked past, only so many entries are remembered as one run of the sealer can have.
 */
import type { Entry } from './entry.ts';
import type { Hasher } from './tree.ts';
import { type Judgement, judge } from './verdict.ts';
import { type Erased, judgeLine, readEvent } from './verify-event.ts';

export interface PlacedEntry {
  readonly index: number;
  readonly entry: Entry;
}

/** How far ahead an entry is looked for, and how many are remembered that had no line. */
const windowMax = 65_536;

/** What became of a line, or of an entry that has no line (`line` is undefined then). */
export interface Matched {
  readonly line?: string;
  readonly placed?: PlacedEntry;
  /** Undefined for an entry without a line: why it has none is for others to judge. */
  readonly judgement?: Judgement;
}

/** Walks lines and entries side by side. Every line and every entry comes out once. */
export async function* matchLines(
  c: Hasher,
  entries: AsyncIterable<PlacedEntry>,
  lines: AsyncIterable<string>,
  erasedOf: (index: number) => Erased = () => false,
): AsyncGenerator<Matched, void, undefined> {
  const source = entries[Symbol.asyncIterator]();
  const ahead = new Walk();
  const passed = new Walk();
  let done = false;
  const fill = async (): Promise<PlacedEntry | undefined> => {
    if (done) return undefined;
    const next = await source.next();
    if (next.done) done = true;
    else ahead.add(next.value);
    return next.done ? undefined : next.value;
  };
  const judged = (line: string, placed: PlacedEntry, moved: boolean): Matched => {
    const { index, entry } = placed;
    const judgement = judgeLine(c, line, entry, { index }, erasedOf(index));
    const bad = judgement.verdict === 'TAMPERED';
    if (bad || !moved) return { line, placed, judgement };
    return {
      line,
      placed,
      judgement: judge('order_differs', `The event of leaf ${index} is not in its place.`, judgement.at),
    };
  };

  for await (const line of lines) {
    const id = readEvent(line)?.id;
    // An edited line may have lost its id: what comes next is the best guess.
    const isAhead = async (): Promise<PlacedEntry | undefined> => {
      if (id === undefined) return undefined;
      const known = ahead.find(c, id, line);
      if (known) return known;
      for (
        let one = passed.has(id) ? undefined : await fill();
        one;
        one = ahead.size < windowMax ? await fill() : undefined
      ) {
        if (one.entry.id === id) return one;
      }
      return undefined;
    };
    const placed = await isAhead();
    if (placed) {
      for (const skipped of ahead.takeUpTo(placed)) {
        passed.add(skipped);
        if (passed.size > windowMax) yield { placed: passed.shift()! };
      }
      yield judged(line, placed, false);
      continue;
    }
    const late = id === undefined ? undefined : passed.find(c, id, line);
    if (late) {
      passed.remove(late);
      yield judged(line, late, true);
      continue;
    }
    yield {
      line,
      judgement: judge('event_extra', 'The log has no entry for this event.', id === undefined ? {} : { id }),
    };
  }
  for (const placed of [...passed.all(), ...ahead.all()]) yield { placed };
  while (!done) {
    const placed = await fill();
    if (placed) yield { placed: ahead.shift()! };
  }
}

/** Entries in order that are found by id. */
class Walk {
  readonly #entries = new Set<PlacedEntry>();
  readonly #byId = new Map<string, PlacedEntry[]>();

  get size(): number {
    return this.#entries.size;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  all(): Iterable<PlacedEntry> {
    return this.#entries;
  }

  add(placed: PlacedEntry): void {
    this.#entries.add(placed);
    const same = this.#byId.get(placed.entry.id);
    if (same) same.push(placed);
    else this.#byId.set(placed.entry.id, [placed]);
  }

  remove(placed: PlacedEntry): void {
    this.#entries.delete(placed);
    const same = this.#byId.get(placed.entry.id)!;
    if (same.length === 1) this.#byId.delete(placed.entry.id);
    else same.splice(same.indexOf(placed), 1);
  }

  shift(): PlacedEntry | undefined {
    for (const first of this.#entries) {
      this.remove(first);
      return first;
    }
    return undefined;
  }

  /** The entry of this id, if there are several the one that commits to the line. */
  find(c: Hasher, id: string, line: string): PlacedEntry | undefined {
    const same = this.#byId.get(id);
    if (!same || same.length === 1) return same?.[0];
    return same.find(({ entry }) => judgeLine(c, line, entry, {}).verdict !== 'TAMPERED') ?? same[0];
  }

  /** Takes an entry out, with all before it, which it yields. */
  *takeUpTo(placed: PlacedEntry): Generator<PlacedEntry, void, undefined> {
    for (const one of this.#entries) {
      this.remove(one);
      if (one === placed) return;
      yield one;
    }
  }
}
