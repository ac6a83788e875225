/** One archive file: named as doomed, written, and read again before anybody may rely on it. */
import type { ArchiveLedger, CataloguedFile } from '#core/archive/compact-ports.ts';
import { type ArchiveFile, archiveKey } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { LineBatches } from '#core/archive/merge.ts';
import { cutBlocks } from '#core/archive/plan.ts';
import type { ArchiveObjects } from '#core/archive/ports.ts';
import type { RunPorts } from './runs.ts';

export interface WriteFilePorts extends RunPorts {
  readonly ledger: Pick<ArchiveLedger, 'doom'>;
  readonly objects: Pick<ArchiveObjects, 'write'>;
  readonly newId: (now: Date) => string;
  readonly clock: () => Date;
}

/** A step that is still under way after a day is dead. */
const doomedMs = 26 * 3600_000;
/** Chunks that are read again at once. */
const chunksAtOnce = 4;

/**
 * Writes a file. What stands in archive.doomed by then is deleted a day later, unless the catalogue has it: so a crash
 * at any point leaves nothing that is not named.
 */
export async function writeFile(
  ports: WriteFilePorts,
  about: Pick<ArchiveFile, 'tenant' | 'tier' | 'category' | 'span' | 'day' | 'ladder'>,
  batches: LineBatches,
): Promise<CataloguedFile> {
  const now = ports.clock();
  const file = { ...about, id: ports.newId(now), writtenAt: now };
  await ports.ledger.doom(file.tenant, [{ id: file.id, key: archiveKey(file) }], new Date(now.getTime() + doomedMs));
  return ports.objects.write(file, cutBlocks(batches));
}

/** Reads a file again, every block by its index. Throws when it does not have the lines that were meant. */
export async function verifyFile({ blocks, digest }: RunPorts, { file, chunks }: CataloguedFile): Promise<void> {
  const sum = new LinesSum();
  const queue = [...chunks];
  const lane = async () => {
    for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
      const texts = await blocks.read(chunk, chunk.blocks);
      for (const [at, text] of texts.entries()) {
        const lines = text.slice(0, -1).split('\n');
        if (lines.length !== chunk.blocks[at]!.events || lines.length !== chunk.leaves[at]?.length) {
          throw new Error(`${file.key} was not written as it was meant: block ${at} of chunk ${chunk.number}`);
        }
        for (const line of lines) sum.add(digest(line));
      }
    }
  };
  await Promise.all(Array.from({ length: chunksAtOnce }, lane));
  if (sum.count !== file.events || sum.hex !== file.linesSum) {
    throw new Error(`${file.key} was not written as it was meant: ${sum.count} of ${file.events} lines`);
  }
}
