/**
 * Which archive files make the catalogue again: pure, from the leaves that each has and from the parts that are there.
 *
 * More files lie on S3 than belong into it: those that a merge replaced and nobody deleted yet, and those of a compaction
 * that broke off. A leaf is one event, so leaves tell: the newest file that has a leaf wins, and a file that adds none
 * is superseded. Compaction takes whole parts in their order, so files beyond the last part that is whole in files are of
 * one that broke off, and what they have comes from the parts again. Nothing is left out that no part has.
 */
import { LeafSet } from './leaf-set.ts';

/** By event: its leaf; undefined when it was committed before there were logs. */
export type Leaves = Iterable<number | undefined>;

/** What becomes of a file that is on S3 and not in the catalogue. */
export type Fate = 'taken' | 'superseded' | 'unfinished';

interface KnownPart {
  readonly seq: bigint;
  readonly firstLeaf: number;
  readonly events: number;
}

export class Rebuild {
  readonly inFiles: LeafSet;
  readonly inParts: LeafSet;
  readonly purged: LeafSet;
  readonly #parts: KnownPart[] = [];
  /** Taken files of which parts have all events, by id: their largest leaf. */
  readonly #again = new Map<string, number>();

  /** Of a log with so many leaves. */
  constructor(leaves: number) {
    this.inFiles = new LeafSet(leaves);
    this.inParts = new LeafSet(leaves);
    this.purged = new LeafSet(leaves);
  }

  /** Parts come first, by seq. One without leaves was committed before there were logs. */
  addPart(part: { readonly seq: bigint; readonly firstLeaf: number | undefined; readonly events: number }): void {
    const { seq, firstLeaf, events } = part;
    if (firstLeaf === undefined) return;
    this.#parts.push({ seq, firstLeaf, events });
    this.inParts.addRun(firstLeaf, firstLeaf + events);
  }

  /** Then files of the catalogue, newest first. False: newer ones have all that it has, it is there twice. */
  addKnown(leaves: Leaves): boolean {
    const { fresh, all } = this.#look(leaves);
    if (all.length > 0 && fresh.length === 0 && all.every((leaf) => leaf !== undefined)) return false;
    for (const leaf of fresh) this.inFiles.add(leaf);
    return true;
  }

  /** Then those that are on S3 only, newest first. */
  offer(id: string, leaves: Leaves): Fate {
    const { fresh, all } = this.#look(leaves);
    // What has no leaf cannot be told from what another file has, and losing it would be worse than having it twice.
    const hasOthers = all.some((leaf) => leaf === undefined);
    if (fresh.length === 0 && !hasOthers) return 'superseded';
    const isAgain = !hasOthers && fresh.every((leaf) => this.inParts.has(leaf));
    if (isAgain && fresh.length < all.length) return 'unfinished';
    if (isAgain)
      this.#again.set(
        id,
        fresh.reduce((most, leaf) => Math.max(most, leaf), 0),
      );
    for (const leaf of fresh) this.inFiles.add(leaf);
    return 'taken';
  }

  /** Leaves that were purged, or dropped as repeats. */
  addPurged(runs: readonly (readonly [from: number, to: number])[]): void {
    for (const [from, to] of runs) this.purged.addRun(from, to);
  }

  /** Seq of the last part such that it and all before it are in files; `next`: the first leaf after that. */
  compacted(): { readonly seq: bigint; readonly next: number | undefined } {
    let seq = 0n;
    for (const { seq: own, firstLeaf, events } of this.#parts) {
      for (let leaf = firstLeaf; leaf < firstLeaf + events; leaf++) {
        if (!this.inFiles.has(leaf) && !this.purged.has(leaf)) return { seq, next: firstLeaf };
      }
      seq = own;
    }
    return { seq, next: undefined };
  }

  /** Taken files of a compaction that broke off; each is to be given up, and then this is to be asked again. */
  unfinished(): readonly string[] {
    const { next } = this.compacted();
    if (next === undefined) return [];
    return [...this.#again].filter(([, most]) => most >= next).map(([id]) => id);
  }

  /** Whether the trail tells of all these events that they were purged: their file should be gone. */
  isPurged(leaves: Leaves): boolean {
    const all = [...leaves];
    return all.length > 0 && all.every((leaf) => leaf !== undefined && this.purged.has(leaf));
  }

  /** A taken file that is not taken after all. */
  giveUp(id: string, leaves: Leaves): void {
    this.#again.delete(id);
    for (const leaf of leaves) if (leaf !== undefined) this.inFiles.delete(leaf);
  }

  #look(leaves: Leaves): { readonly all: readonly (number | undefined)[]; readonly fresh: readonly number[] } {
    const all = [...leaves];
    return { all, fresh: all.filter((leaf): leaf is number => leaf !== undefined && !this.inFiles.has(leaf)) };
  }
}
