/**
 * Verify: archive files, read again and held against the log.
 *
 * What S3 can read is read whole: the object against its hash, every line against the entry of its leaf, the sum of all
 * lines, the catalogue and the sidecar against what is in it. What lies in Glacier is judged by what S3 keeps of it.
 */
import { createHash } from 'node:crypto';
import type { ArchiveChunk, ArchiveFile } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import { Archived, type StoredState } from '#core/archive/ports.ts';
import { judgeChunk, judgeCold, judgeFile, judgeIndex } from '#core/archive/verify-files.ts';
import { type Judgement, judge } from '#core/proof/verdict.ts';
import { Damaged } from '#core/query/ports.ts';
import { Missing, Unavailable } from '#core/record/ports.ts';
import { linesOf } from './find-leaf.ts';
import { entriesOf, isOpen, openLog, type Share, type SharePorts } from './verify-share.ts';

/** Files of one share, and their bytes when they can be read: about ten seconds. */
const filesMax = 50;
const bytesMax = 64 * 1024 * 1024;
/** One read of an object that is only hashed. */
const hashBytesMax = 4 * 1024 * 1024;

/** A share of a tenant's archive files, by day and id. */
export async function verifyArchive(ports: SharePorts, tenant: string, position: string | undefined): Promise<Share> {
  const log = await openLog(ports, tenant);
  // The round over the log tells what is wrong with it.
  if (!log || !isOpen(log)) return { checked: 0, findings: [] };
  const [day, id] = position?.split(' ') ?? [];
  const after = day === undefined || id === undefined ? undefined : { day, id };
  const files = await ports.archiveFiles.files(tenant, {}, after, filesMax);
  const entries = entriesOf(log.tree);
  const entryOf = async (leaf: number | undefined) =>
    leaf === undefined || leaf >= log.tree.size ? undefined : (await entries(leaf, leaf + 1))[0];
  const findings: Judgement[] = [];
  let checked = 0;
  let bytes = 0;
  let last: ArchiveFile | undefined;
  for (const file of files) {
    if (last && bytes + file.bytes > bytesMax) break;
    const found = await verifyFile(ports, tenant, file, entryOf);
    // A merge or a purge may have taken it out of the catalogue meanwhile: then it is not to be judged.
    const isThere =
      found.length === 0 ||
      (await ports.archiveFiles.files(tenant, {}, after, filesMax)).some((one) => one.id === file.id);
    if (isThere) findings.push(...found);
    checked += file.events;
    bytes += file.bytes;
    last = file;
  }
  const isLast = files.length < filesMax && last?.id === files.at(-1)?.id;
  return { ...(isLast || !last ? {} : { position: `${last.day} ${last.id}` }), checked, findings };
}

type EntryOf = (leaf: number | undefined) => Promise<Parameters<typeof judgeChunk>[2][number][number]>;

async function verifyFile(
  ports: SharePorts,
  tenant: string,
  file: ArchiveFile,
  entryOf: EntryOf,
): Promise<readonly Judgement[]> {
  const { key } = file;
  try {
    const chunks = await ports.archiveFiles.chunks(tenant, file.id);
    const state = await ports.archive.state(key);
    if (!state) return [gone(key, file)];
    const sidecar = await ports.archive.index(key);
    if (!sidecar) return [judge('archive_gone', `The sidecar of ${key} is gone.`, { path: key })];
    const index = judgeIndex({ file, chunks }, sidecar);
    if (index.length > 0) return index;
    return isCold(state) ? judgeCold(file, state) : await verifyContent(ports, file, chunks, entryOf);
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    // It went to Glacier since it was asked for.
    if (error instanceof Archived) return [];
    if (error instanceof Missing) return [gone(key, file)];
    const what = error instanceof Damaged ? error.message : `${key} or its sidecar cannot be read as what was written`;
    return [judge('archive_differs', `${what}.`, { path: key })];
  }
}

const isCold = ({ storageClass, restore }: StoredState): boolean =>
  storageClass === 'DEEP_ARCHIVE' && (restore === undefined || restore.ongoing);

const gone = (key: string, { events }: ArchiveFile): Judgement =>
  judge('archive_gone', `${key} is gone, with ${events} events.`, { path: key });

async function verifyContent(
  { archive, blocks, crypto }: SharePorts,
  file: ArchiveFile,
  chunks: readonly ArchiveChunk[],
  entryOf: EntryOf,
): Promise<Judgement[]> {
  const hash = createHash('sha256');
  for (let at = 0; at < file.bytes; at += hashBytesMax) {
    hash.update(await archive.read(file.key, at, Math.min(hashBytesMax, file.bytes - at)));
  }
  const sum = new LinesSum();
  const found: Judgement[] = [];
  for (const chunk of chunks) {
    const texts = await blocks.read(chunk, chunk.blocks);
    for (const text of texts) {
      for (const line of linesOf(text)) sum.add(crypto.sha256(Buffer.from(line)));
    }
    const entries = [];
    for (const leaves of chunk.leaves) entries.push(await Promise.all(leaves.map(entryOf)));
    found.push(...judgeChunk(crypto, chunk, entries, texts));
  }
  if (found.length > 0) return found;
  return judgeFile({ file, chunks }, { sha256: hash.digest('hex'), events: sum.count, linesSum: sum.hex });
}
