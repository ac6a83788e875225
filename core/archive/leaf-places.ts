/**
 * Which leaf each event of a chunk is, as bytes for the catalogue's row.
 *
 * Layout: version, number of blocks, then for each block its number of events and runs of them. A run is one varint
 * n: of n % 3 = 0, floor(n / 3) + 1 events follow the leaf before one by one; of 1, one event stands apart, by the
 * zigzag difference floor(n / 3) to the leaf that would have followed; of 2, floor(n / 3) + 1 events have no leaf. Sorted
 * lines of one writer cost a few bytes in all, of several writers two or three each.
 */
import { pushVarint, readVarint, unzigzag, zigzag } from '../record/block-codec.ts';

const version = 1;
const follows = 0;
const apart = 1;
const without = 2;
/** A chunk has 8 blocks of at most 256 KiB; more than this was not written by us. */
const eventsMax = 2 ** 20;
/** Runs may follow any leaf that is read, and stay whole numbers. */
const leafMax = 2 ** 52;

/** By block, by event: the index of its leaf, or undefined. */
export type LeafPlaces = readonly (readonly (number | undefined)[])[];

/** Encodes the leaves of a chunk. */
export function encodeLeafPlaces(blocks: LeafPlaces): Uint8Array {
  const out: number[] = [version];
  pushVarint(out, blocks.length);
  let next = 0;
  for (const leaves of blocks) {
    pushVarint(out, leaves.length);
    for (let at = 0; at < leaves.length; ) {
      const leaf = leaves[at];
      const from = at;
      if (leaf === undefined) {
        while (at < leaves.length && leaves[at] === undefined) at++;
        pushVarint(out, 3 * (at - from - 1) + without);
      } else if (leaf === next) {
        while (at < leaves.length && leaves[at] === next) {
          at++;
          next++;
        }
        pushVarint(out, 3 * (at - from - 1) + follows);
      } else {
        pushVarint(out, 3 * zigzag(leaf - next) + apart);
        next = leaf + 1;
        at++;
      }
    }
  }
  return Uint8Array.from(out);
}

/** Decodes what encodeLeafPlaces made. Throws RangeError on bytes that it did not make. */
export function decodeLeafPlaces(bytes: Uint8Array): (number | undefined)[][] {
  if (bytes[0] !== version) throw new RangeError('unknown places of leaves');
  const reader = { bytes, at: 1 };
  const blocks: (number | undefined)[][] = [];
  const count = readVarint(reader);
  let next = 0;
  let total = 0;
  for (let block = 0; block < count; block++) {
    const events = readVarint(reader);
    total += events;
    if (total > eventsMax) throw new RangeError(`${total} events are no chunk`);
    const leaves: (number | undefined)[] = [];
    while (leaves.length < events) {
      const n = readVarint(reader);
      const kind = n % 3;
      const value = Math.floor(n / 3);
      if (kind === apart) {
        next += unzigzag(value);
        if (next < 0 || next > leafMax) throw new RangeError(`${next} is no leaf`);
        leaves.push(next++);
      } else {
        if (leaves.length + value + 1 > events) throw new RangeError('a run of leaves ends behind its block');
        for (let i = 0; i <= value; i++) leaves.push(kind === without ? undefined : next++);
      }
    }
    blocks.push(leaves);
  }
  if (reader.at !== bytes.length) throw new RangeError('the places of leaves have another length');
  return blocks;
}

/** Smallest and largest leaf; empty when there is none. */
export function leafBounds(leaves: readonly (number | undefined)[]): { minLeaf?: number; maxLeaf?: number } {
  let minLeaf = Number.POSITIVE_INFINITY;
  let maxLeaf = Number.NEGATIVE_INFINITY;
  for (const leaf of leaves) {
    if (leaf === undefined) continue;
    if (leaf < minLeaf) minLeaf = leaf;
    if (leaf > maxLeaf) maxLeaf = leaf;
  }
  return maxLeaf < minLeaf ? {} : { minLeaf, maxLeaf };
}
