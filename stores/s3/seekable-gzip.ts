/**
 * Seekable gzip: one ordinary single-member gzip stream whose blocks can be inflated alone.
 *
 * Every block is a raw deflate stream of its own that ends on a byte boundary (Z_FULL_FLUSH), so `zcat`, Athena
 * and Spark read the object whole, and a reader with a block's offset reads only that block. Not multi-member
 * gzip: Java's GZIPInputStream may stop at a member boundary and lose the rest without a word (RFC 1952, 1951).
 */
import { constants, crc32, deflateRaw, inflateRawSync } from 'node:zlib';

/** Magic, deflate, no flags, no time, no extra flags, unknown system: the same bytes for the same input. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
/** A final, empty deflate block. */
const end = Uint8Array.of(0x03, 0x00);
/** zlib runs in libuv's pool of four threads; more at once would only hold more memory (256 KiB each). */
const lanes = 4;
/** The largest event is 256 KiB and is alone in its block; beyond this a block is not ours. */
const blockInflatedBytesMax = 1024 * 1024;

/** Where a block's deflate data lies in the object. */
export interface BlockRange {
  readonly offset: number;
  readonly bytes: number;
}

/** Blocks one after the other into one gzip stream; what it holds is compressed. */
export class GzipWriter {
  /** Where the blocks lie, once `finish` has resolved. */
  readonly offsets: BlockRange[] = [];
  readonly #deflated: Promise<Uint8Array>[] = [];
  readonly #level: number;
  #crc = 0;
  #rawBytes = 0;

  /** 8 is 2.7 % smaller than 6 and takes a third longer: for what is kept for years. */
  constructor(level: 6 | 8) {
    this.#level = level;
  }

  /** Bytes of the text so far. */
  get rawBytes(): number {
    return this.#rawBytes;
  }

  /** Takes a block; resolves when the next one may come. */
  async add(text: string): Promise<void> {
    const raw = Buffer.from(text);
    this.#crc = crc32(raw, this.#crc);
    this.#rawBytes += raw.length;
    const deflated = deflateBlock(raw, this.#level);
    // A failure is told by whoever awaits it next.
    deflated.catch(() => {});
    await this.#deflated[this.#deflated.push(deflated) - 1 - lanes];
  }

  /** The whole object, in pieces that follow each other. */
  async finish(): Promise<Uint8Array[]> {
    const deflated = await Promise.all(this.#deflated);
    let offset = header.length;
    for (const { length } of deflated) {
      this.offsets.push({ offset, bytes: length });
      offset += length;
    }
    return [header, ...deflated, end, trailerOf(this.#crc, this.#rawBytes)];
  }
}

/** Compresses blocks of text into one gzip stream; `offsets[i]` is where `blocks[i]` lies. */
export async function compress(
  blocks: readonly string[],
): Promise<{ readonly bytes: Uint8Array; readonly offsets: readonly BlockRange[] }> {
  const deflated = new Array<Uint8Array>(blocks.length);
  const raw = blocks.map((block) => Buffer.from(block));
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < raw.length; at = next++) deflated[at] = await deflateBlock(raw[at]!);
  };
  const compressing = Promise.all(Array.from({ length: Math.min(lanes, raw.length) }, lane));
  let crc = 0;
  let size = 0;
  for (const block of raw) {
    crc = crc32(block, crc);
    size += block.length;
  }
  await compressing;
  const offsets: BlockRange[] = [];
  let offset = header.length;
  for (const { length } of deflated) {
    offsets.push({ offset, bytes: length });
    offset += length;
  }
  return { bytes: Buffer.concat([header, ...deflated, end, trailerOf(crc, size)]), offsets };
}

function trailerOf(crc: number, size: number): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  return trailer;
}

/**
 * The text of one block from its compressed bytes. `from` names the object and the offset for the error.
 * Throws when the bytes are not one whole block, or when they inflate to more than a block may hold.
 */
export function inflateBlock(bytes: Uint8Array, from: { readonly key: string; readonly offset: number }): string {
  try {
    const whole = Buffer.concat([bytes, end]);
    const text = inflateRawSync(whole, { maxOutputLength: blockInflatedBytesMax, chunkSize: 128 * 1024 });
    return utf8.decode(text);
  } catch (cause) {
    const range = `bytes ${from.offset}-${from.offset + bytes.length - 1}`;
    throw new Error(`${from.key}: ${range} are not a block: ${(cause as Error).message}`, { cause });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function deflateBlock(block: Uint8Array, level = 6): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const options = { level, finishFlush: constants.Z_FULL_FLUSH, chunkSize: 64 * 1024 };
    deflateRaw(block, options, (error, deflated) => (error ? reject(error) : resolve(deflated)));
  });
}
