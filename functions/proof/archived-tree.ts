/** The newest tree that we are bound to, archived or about to be, read back and held against its root: what a recovery believes. */
import { sameBytes } from '#core/proof/bytes.ts';
import { openCheckpoint, parseCheckpoint } from '#core/proof/checkpoint.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { decodeEntry, type Entry } from '#core/proof/entry.ts';
import { type Edge, integrate } from '#core/proof/integrate.ts';
import type { Verifier } from '#core/proof/note.ts';
import type { LogRecord, LogStore } from '#core/proof/ports.ts';
import { readEdge, readEntries } from '#core/proof/prove.ts';
import { Stuck, type Tail } from '#core/proof/recover-plan.ts';
import { emptyRoot, leafHash } from '#core/proof/tree.ts';
import { Unavailable } from '#core/record/ports.ts';

export interface ArchivedTree extends Tail {
  readonly root: Uint8Array;
  /** Size of the newest archived checkpoint: smaller than the tree when a worker died between signing and archiving. */
  readonly archived: number;
  /** Edge of the tree at `from`. */
  readonly base: Edge;
  /** None when the tree's checkpoint is not archived. */
  readonly note?: string;
}

/** Entries read at once: 16 MiB of bundles. */
const entriesAtOnce = 65_536;

/**
 * The newest bound tree from what the database knows to be archived on; the whole tree if that does not lead to the
 * root. Rejects with `Stuck` when S3 does not hold what was signed.
 */
export async function readArchived(
  ports: { readonly logs: LogStore; readonly crypto: ProofCrypto },
  log: LogRecord,
  verifier: Verifier,
): Promise<ArchivedTree> {
  const { logs, crypto } = ports;
  const head = await logs.newestArchived(log.slug, log.archivedSize);
  if ((head?.size ?? 0) < log.archivedSize) {
    throw new Stuck(`the checkpoint of size ${log.archivedSize} was archived, and the bucket does not have it`);
  }
  const archived = head ? openCheckpoint(crypto, head.note, verifier) : undefined;
  if (archived?.size !== head?.size) throw new Stuck(`the archived checkpoint ${head?.size} is not signed by the log`);
  // What may have been signed counts as signed.
  const bound = await logs.bound(log.slug);
  const next = bound && parseCheckpoint(bound.text);
  if (bound && next?.origin !== log.origin)
    throw new Stuck('what the bucket says is about to be signed is not the log’s');
  const newest = next && next.size > (archived?.size ?? 0) ? next : archived;
  if (!newest) return { from: 0, size: 0, entries: [], root: emptyRoot(crypto), archived: 0, base: [] };
  const { size, root } = newest;
  const note = newest === archived && head ? { note: head.note } : {};
  let why: unknown;
  for (const from of log.archivedSize === 0 ? [0] : [log.archivedSize, 0]) {
    try {
      const tree = await readFrom(ports, log.slug, from, size);
      if (sameBytes(tree.root, root)) return { ...tree, size, root, archived: archived?.size ?? 0, ...note };
      why = `its entries from leaf ${from} on do not lead to its root`;
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      why = error;
    }
  }
  const text = why instanceof Error ? why.message : String(why);
  throw new Stuck(`the archived tree of size ${size} cannot be read: ${text}`, { cause: why });
}

async function readFrom(
  { logs, crypto }: { readonly logs: LogStore; readonly crypto: ProofCrypto },
  slug: string,
  from: number,
  size: number,
): Promise<{ from: number; entries: Entry[]; root: Uint8Array; base: Edge }> {
  const read = (path: string) => logs.get(slug, path);
  const base = from === 0 ? [] : await readEdge(crypto, read, from);
  const entries: Entry[] = [];
  let tree = integrate(crypto, { size: from, edge: base }, []);
  while (tree.size < size) {
    const some = await readEntries(read, tree.size, Math.min(size, tree.size + entriesAtOnce), size);
    for (const bytes of some) {
      const entry = decodeEntry(bytes);
      if (!entry) throw new Error(`leaf ${from + entries.length} is no entry`);
      entries.push(entry);
    }
    const hashes = some.map((bytes) => leafHash(crypto, bytes));
    tree = integrate(crypto, tree, hashes);
  }
  return { from, entries, root: tree.root, base };
}
