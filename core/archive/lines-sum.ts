/**
 * The sum of a set of lines: SHA-256 of each line, without its newline, added modulo 2^256 as big-endian numbers.
 *
 * Adding is free of order, so that lines can be compared with what they became after sorting and merging, and two sums
 * add up to that of both sets. Nobody outside chooses lines against us here: Merkle logs prove events to strangers, and
 * this finds what we lost or doubled ourselves. A set is compared by its count as well.
 */
const words = 8;
const wordRange = 2 ** 32;
/** Words are carried before they leave what a double counts exactly: 2^53. */
const addsBetweenCarries = 2 ** 20;

export class LinesSum {
  /** Lines that were added. */
  count = 0;
  /** The most significant word first. */
  readonly #sum = new Float64Array(words);
  #pending = 0;

  /** Adds the SHA-256 of one line, 32 bytes. */
  add(digest: Uint8Array): void {
    this.#addNumber(digest);
    this.count++;
  }

  /** Adds another set's sum: what `hex` says of it, and its count. */
  addSum(hex: string, count: number): void {
    this.#addNumber(bytesOf(hex));
    this.count += count;
  }

  /** 64 lower-case digits. */
  get hex(): string {
    this.#carry();
    return Array.from(this.#sum, (word) => word.toString(16).padStart(8, '0')).join('');
  }

  #addNumber(bytes: Uint8Array): void {
    if (bytes.length !== 4 * words) throw new RangeError(`${bytes.length} bytes are no SHA-256`);
    for (let word = 0, at = 0; word < words; word++, at += 4) {
      const low = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
      this.#sum[word]! += low >>> 0;
    }
    if (++this.#pending === addsBetweenCarries) this.#carry();
  }

  #carry(): void {
    let carried = 0;
    for (let word = words - 1; word >= 0; word--) {
      const value = this.#sum[word]! + carried;
      carried = Math.floor(value / wordRange);
      this.#sum[word] = value - carried * wordRange;
    }
    this.#pending = 0;
  }
}

function bytesOf(hex: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new RangeError('a sum of lines has 64 hexadecimal digits');
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
