/**
 * An archive file's index: from the blocks that were planned and where they lie to the file's row and its chunks, and to
 * the `.idx` sidecar that lies beside each file, so that the catalogue can be made again from S3 alone.
 *
 * The sidecar is one line of JSON, `{v: 1, file: {…}, chunks: [{…, blocks: <bytes>, leaves: <bytes>}]}`, and behind its
 * newline the blocks (core/record/block-codec.ts) and leaves (core/archive/leaf-places.ts) of each chunk in turn.
 */
import { type ArchiveChunk, type ArchiveFile, archiveKey, blocksPerChunk } from '#core/archive/file.ts';
import { decodeLeafPlaces, encodeLeafPlaces, leafBounds } from '#core/archive/leaf-places.ts';
import type { LinesSum } from '#core/archive/lines-sum.ts';
import type { PlannedBlock } from '#core/archive/plan.ts';
import { decodeBlocks, encodeBlocks } from '#core/record/block-codec.ts';
import type { BlockRange } from './seekable-gzip.ts';

/** What is known of a file before it is written. */
export type NewFile = Pick<
  ArchiveFile,
  'id' | 'tenant' | 'tier' | 'category' | 'span' | 'day' | 'ladder' | 'writtenAt'
>;
export interface IndexedFile {
  readonly file: ArchiveFile;
  readonly chunks: readonly ArchiveChunk[];
}

/** A block without its text: what is kept of it while its file is written. */
export type WrittenBlock = Omit<PlannedBlock, 'text' | 'digests'>;

/** The index of a file; `offsets[i]` is where `blocks[i]` lies. */
export function indexOf(
  file: NewFile,
  blocks: readonly WrittenBlock[],
  written: {
    readonly bytes: number;
    readonly rawBytes: number;
    readonly sha256: string;
    readonly sum: LinesSum;
    readonly offsets: readonly BlockRange[];
  },
): IndexedFile {
  const key = archiveKey(file);
  const { id, tenant, tier } = file;
  const chunks: ArchiveChunk[] = [];
  for (let at = 0; at < blocks.length; at += blocksPerChunk) {
    const own = blocks.slice(at, at + blocksPerChunk);
    chunks.push({
      file: id,
      number: chunks.length,
      tenant,
      tier,
      key,
      ...boundsOf(own),
      blocks: own.map(({ events, minTime, maxTime, filter }, index) => ({
        tenant,
        ...written.offsets[at + index]!,
        events,
        minTime,
        maxTime,
        filter,
      })),
      leaves: own.map(({ leaves }) => leaves),
    });
  }
  const { bytes, rawBytes, sha256, sum } = written;
  const leaves = leafBounds(blocks.flatMap((block) => block.leaves));
  return { file: { ...file, key, ...boundsOf(blocks), bytes, rawBytes, sha256, linesSum: sum.hex, ...leaves }, chunks };
}

function boundsOf(blocks: readonly WrittenBlock[]) {
  let { minTime, maxTime, minId, maxId } = blocks[0]!;
  let events = 0;
  for (const block of blocks) {
    events += block.events;
    if (block.minTime < minTime) minTime = block.minTime;
    if (block.maxTime > maxTime) maxTime = block.maxTime;
    if (block.minId < minId) minId = block.minId;
    if (block.maxId > maxId) maxId = block.maxId;
  }
  return { events, minTime, maxTime, minId, maxId };
}

interface Sidecar {
  readonly v: 1;
  readonly file: Omit<ArchiveFile, 'writtenAt'> & { readonly writtenAt: string };
  readonly chunks: readonly (Pick<ArchiveChunk, 'events' | 'minTime' | 'maxTime' | 'minId' | 'maxId'> & {
    readonly blocks: number;
    readonly leaves: number;
  })[];
}

/** The sidecar's bytes. */
export function encodeArchiveIndex({ file, chunks }: IndexedFile): Uint8Array {
  const bodies = chunks.map((chunk) => [encodeBlocks(chunk.blocks), encodeLeafPlaces(chunk.leaves)] as const);
  const sidecar: Sidecar = {
    v: 1,
    file: { ...file, writtenAt: file.writtenAt.toISOString() },
    chunks: chunks.map(({ events, minTime, maxTime, minId, maxId }, n) => {
      const [blocks, leaves] = bodies[n]!;
      return { events, minTime, maxTime, minId, maxId, blocks: blocks.length, leaves: leaves.length };
    }),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(sidecar)}\n`), ...bodies.flat()]);
}

/** What a sidecar says. Throws on a version or a length that it does not know. */
export function decodeArchiveIndex(bytes: Uint8Array): IndexedFile {
  const head = bytes.indexOf(0x0a);
  if (head < 0) throw new Error('the index of an archive file is cut off');
  const { v, file, chunks } = JSON.parse(Buffer.from(bytes.subarray(0, head)).toString()) as Sidecar;
  if (v !== 1) throw new Error(`an archive index of version ${String(v)} cannot be read, only version 1`);
  let at = head + 1;
  const take = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const decoded = chunks.map(({ blocks, leaves, ...bounds }, number): ArchiveChunk => {
    const { id, tenant, tier, key } = file;
    const own = decodeBlocks(take(blocks), tenant);
    return { file: id, number, tenant, tier, key, ...bounds, blocks: own, leaves: decodeLeafPlaces(take(leaves)) };
  });
  if (at !== bytes.length) throw new Error('the index of an archive file has another length');
  return { file: { ...file, writtenAt: new Date(file.writtenAt) }, chunks: decoded };
}

/** The sum over planned blocks as they go by. */
export function addDigests(sum: LinesSum, digests: readonly Uint8Array[]): void {
  for (const digest of digests) sum.add(digest);
}
