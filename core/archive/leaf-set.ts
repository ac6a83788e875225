/** A set of leaves of one log, one bit each: 125 MB for a thousand million of them. */
export class LeafSet {
  readonly size: number;
  /** Leaves in it. */
  count = 0;
  readonly #bits: Uint8Array;

  /** Of leaves 0 ≤ i < size; others are never in it. */
  constructor(size: number) {
    this.size = size;
    this.#bits = new Uint8Array(Math.ceil(size / 8));
  }

  has(leaf: number): boolean {
    return leaf < this.size && (this.#bits[Math.floor(leaf / 8)]! & (1 << (leaf % 8))) !== 0;
  }

  add(leaf: number): void {
    if (leaf >= this.size || this.has(leaf)) return;
    this.#bits[Math.floor(leaf / 8)]! |= 1 << (leaf % 8);
    this.count++;
  }

  delete(leaf: number): void {
    if (!this.has(leaf)) return;
    this.#bits[Math.floor(leaf / 8)]! &= ~(1 << (leaf % 8));
    this.count--;
  }

  /** All of from ≤ i < to. */
  addRun(from: number, to: number): void {
    for (let leaf = from; leaf < Math.min(to, this.size); leaf++) this.add(leaf);
  }

  hasRun(from: number, to: number): boolean {
    for (let leaf = from; leaf < to; leaf++) if (!this.has(leaf)) return false;
    return true;
  }
}

/** Runs of leaves that none of the sets has, the first `limit` of them, and how many leaves that are in all. */
export function missingFrom(
  sets: readonly LeafSet[],
  size: number,
  limit: number,
): { readonly leaves: number; readonly runs: readonly (readonly [from: number, to: number])[] } {
  const runs: [number, number][] = [];
  let leaves = 0;
  let from = -1;
  for (let leaf = 0; leaf <= size; leaf++) {
    const isMissing = leaf < size && !sets.some((set) => set.has(leaf));
    if (isMissing) leaves++;
    if (isMissing && from < 0) from = leaf;
    if (!isMissing && from >= 0) {
      if (runs.length < limit) runs.push([from, leaf]);
      from = -1;
    }
  }
  return { leaves, runs };
}
