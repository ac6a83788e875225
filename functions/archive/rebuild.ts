/**
 * Rebuild: the catalogue of archive files, made again from what lies on S3.
 *
 * It only adds what is missing, and gives up what is there twice; files are told apart by their leaves, see
 * core/archive/rebuild.ts. It can break off anywhere and be run again. What comes between is seen: each transaction holds
 * only while compaction is where it was at the beginning.
 */
import type { CataloguedFile, DoomedFile } from '#core/archive/compact-ports.ts';
import type { ArchiveFile } from '#core/archive/file.ts';
import { missingFrom } from '#core/archive/leaf-set.ts';
import type { ArchiveObjects } from '#core/archive/ports.ts';
import { Rebuild } from '#core/archive/rebuild.ts';
import type { RebuildLedger } from '#core/archive/rebuild-ports.ts';
import type { Event } from '#core/event/event.ts';
import { purgeAction, purgeOf } from '#core/proof/purge.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { keyOf, mayContain } from '#core/record/membership.ts';
import type { Block } from '#core/record/segment.ts';

export interface RebuildPorts {
  /** Logs in as the archiver. */
  readonly ledger: RebuildLedger;
  readonly objects: Pick<ArchiveObjects, 'list' | 'index' | 'state'>;
  readonly blocks: BlockReader;
  readonly clock: () => Date;
}

export interface Rebuilt {
  /** Leaves of the log, and where their events are: the last three add up to it. */
  readonly leaves: number;
  readonly inFiles: number;
  readonly inParts: number;
  /** Deleted under a policy, or repeats of others; the trail tells of them. */
  readonly purged: number;
  readonly missing: { readonly leaves: number; readonly runs: readonly (readonly [from: number, to: number])[] };
  readonly files: {
    /** Sidecars of the tenant on S3. */
    readonly found: number;
    readonly added: number;
    /** What newer files have: of merges, and of runs that broke off. */
    readonly superseded: number;
    readonly unfinished: number;
    /** Were to be deleted by a purge. */
    readonly purged: number;
    /** Left the catalogue because newer files there have all of it. */
    readonly twice: number;
  };
  /** Sidecars whose file is not what they say. */
  readonly broken: readonly { readonly key: string; readonly reason: string }[];
  readonly totals: Awaited<ReturnType<RebuildLedger['totals']>>;
  readonly compactedSeq: bigint;
}

const partsAtOnce = 200;
/** A critical file has 30 MB of index at most. */
const filesAtOnce = 8;
/** Of one transaction: about 12 MB. */
const chunksAtOnce = 200;
/** Sidecars of large files have 30 MB. */
const readsAtOnce = 8;
const runsShown = 20;
/** As long as a compaction gives itself: nobody is reading these any more. */
const doomMs = 26 * 3600_000;
/** Compactions come every hour; one that comes between twice is somebody's loop. */
const triesMax = 5;

/** The tenant's files as one pass found them. */
interface Found {
  readonly rebuild: Rebuild;
  readonly from: bigint;
  readonly taken: Map<string, Pick<ArchiveFile, 'key' | 'minLeaf'>>;
  readonly purged: DoomedFile[];
  readonly superseded: DoomedFile[];
  readonly unfinished: DoomedFile[];
  readonly twice: DoomedFile[];
  readonly broken: { readonly key: string; readonly reason: string }[];
  sidecars: number;
  /** The least size of the log by the files that the catalogue does not have. */
  leavesSeen: number;
}

/** Somebody compacts as fast as this looks. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

/** Files have leaves that the database's log does not have: it comes back first. */
export class LogBehind extends Error {
  override readonly name = 'LogBehind';
}

/** Undefined when the database knows nothing of the tenant's log. Rejects with `LogBehind` and `Overtaken`. */
export async function rebuild(ports: RebuildPorts, tenant: string): Promise<Rebuilt | undefined> {
  for (let tries = 0; tries < triesMax; tries++) {
    const found = await look(ports, tenant);
    if (!found) return undefined;
    if (found.leavesSeen > found.rebuild.inFiles.size) {
      const { leaves = 0 } = await ports.ledger.state(tenant);
      // Else events were committed and compacted while it looked.
      if (found.leavesSeen > leaves) throw new LogBehind('files have leaves that the log does not have');
      continue;
    }
    const added = await put(ports, tenant, found);
    if (added === undefined) continue;
    return report(ports, tenant, found, added);
  }
  throw new Overtaken('files are compacted as fast as they are looked for');
}

async function look(ports: RebuildPorts, tenant: string): Promise<Found | undefined> {
  const { ledger, objects } = ports;
  const state = await ledger.state(tenant);
  if (state.leaves === undefined) return undefined;
  const rebuild = new Rebuild(state.leaves);
  const purges = new Purges(ports, rebuild);
  for (let after = 0n; ; ) {
    const parts = await ledger.parts(tenant, after, partsAtOnce);
    for (const part of parts) {
      rebuild.addPart(part);
      purges.note(part, part.blocks);
      after = part.seq;
    }
    if (parts.length < partsAtOnce) break;
  }
  const lists = { taken: new Map(), purged: [], superseded: [], unfinished: [], twice: [], broken: [] };
  const found: Found = { rebuild, from: state.compactedSeq, ...lists, sidecars: 0, leavesSeen: 0 };
  // In this order: what is listed and then neither doomed nor catalogued belongs to nobody.
  const keys = new Map<string, string>();
  for await (const key of objects.list('')) if (key.includes(`/tenant=${tenant}/`)) keys.set(idOf(key), key);
  found.sidecars = keys.size;
  for (const id of await ledger.doomed(tenant)) keys.delete(id);
  for (let below: string | undefined; ; ) {
    const files = await ledger.files(tenant, below, filesAtOnce);
    for (const file of files) {
      const { id, key, leaves, blocks } = file;
      keys.delete(id);
      if (!rebuild.addKnown(leaves)) found.twice.push({ id, key });
      purges.note(file, blocks);
      below = id;
    }
    if (files.length < filesAtOnce) break;
  }
  await offerAll(ports, found, keys, purges);
  await purges.read(found.broken);
  await giveUp(objects, found);
  return found;
}

/** Files that lie there although they were purged, and those of a compaction that broke off. */
async function giveUp(objects: RebuildPorts['objects'], { rebuild, taken, ...found }: Found): Promise<void> {
  const leavesOf = async (key: string) =>
    (await objects.index(key))?.chunks.flatMap(({ leaves }) => leaves.flat()) ?? [];
  const drop = (list: DoomedFile[], id: string, leaves: readonly (number | undefined)[]) => {
    list.push({ id, key: taken.get(id)!.key });
    rebuild.giveUp(id, leaves);
    taken.delete(id);
  };
  for (const [id, { key, minLeaf }] of taken) {
    if (minLeaf === undefined || !rebuild.purged.has(minLeaf)) continue;
    const leaves = await leavesOf(key);
    if (rebuild.isPurged(leaves)) drop(found.purged, id, leaves);
  }
  for (let given = rebuild.unfinished(); given.length > 0; given = rebuild.unfinished()) {
    for (const id of given) drop(found.unfinished, id, await leavesOf(taken.get(id)!.key));
  }
}

/** The id in a file's key. */
const idOf = (key: string): string => /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl\.gz$/.exec(key)?.[1] ?? key;

/** Newest first, some at a time; each file is held against its sidecar. */
async function offerAll(
  { objects }: RebuildPorts,
  found: Found,
  keys: ReadonlyMap<string, string>,
  purges: Purges,
): Promise<void> {
  const ordered = [...keys].sort(([a], [b]) => (a < b ? 1 : -1));
  for (let at = 0; at < ordered.length; at += readsAtOnce) {
    const some = ordered.slice(at, at + readsAtOnce);
    const read = await Promise.all(some.map(([, key]) => checked(objects, key)));
    for (const [index, [id, key]] of some.entries()) {
      const one = read[index]!;
      if (typeof one === 'string') {
        found.broken.push({ key, reason: one });
        continue;
      }
      found.leavesSeen = Math.max(found.leavesSeen, (one.file.maxLeaf ?? -1) + 1);
      const fate = found.rebuild.offer(
        id,
        one.chunks.flatMap(({ leaves }) => leaves.flat()),
      );
      if (fate === 'taken') {
        found.taken.set(id, one.file);
        for (const chunk of one.chunks) purges.note(chunk, chunk.blocks);
      } else {
        found[fate].push({ id, key });
      }
    }
  }
}

/** A file by its sidecar, or why it cannot be believed. */
async function checked(objects: RebuildPorts['objects'], key: string): Promise<CataloguedFile | string> {
  const [indexed, state] = await Promise.all([
    objects.index(key).catch((error: unknown) => {
      if ((error as Error).name === 'Unavailable') throw error;
      return 'its sidecar cannot be read';
    }),
    objects.state(key),
  ]);
  if (typeof indexed === 'string') return indexed;
  if (!indexed) return 'its sidecar is gone';
  const { file } = indexed;
  if (file.key !== key) return 'its sidecar is that of another file';
  if (!state) return 'it is gone';
  if (state.bytes !== file.bytes) return `it has ${state.bytes} bytes and not ${file.bytes}`;
  if (state.sha256 !== undefined && state.sha256 !== file.sha256) return 'its checksum is another';
  return indexed;
}

/** What the trail says of leaves that have no event any more. */
class Purges {
  readonly #ports: RebuildPorts;
  readonly #rebuild: Rebuild;
  readonly #blocks: { readonly key: string; readonly block: Block }[] = [];

  constructor(ports: RebuildPorts, rebuild: Rebuild) {
    this.#ports = ports;
    this.#rebuild = rebuild;
  }

  /** Remembers blocks that may tell of a purge. */
  note(part: { readonly key: string; readonly tier: string }, blocks: readonly Block[]): void {
    if (part.tier !== 'critical') return;
    for (const block of blocks) {
      if (mayContain(block.filter, keyOf('action', purgeAction))) this.#blocks.push({ key: part.key, block });
    }
  }

  async read(broken: Found['broken']): Promise<void> {
    for (const { key, block } of this.#blocks) {
      const text = await this.#read(key, block, broken);
      for (const line of text.split('\n').slice(0, -1)) {
        if (!line.includes(purgeAction)) continue;
        // What it says counts, wherever it stands in the log itself.
        const purge = purgeOf(JSON.parse(line) as Event, this.#rebuild.purged.size);
        if (purge) this.#rebuild.addPurged(purge.leaves);
      }
    }
  }

  /** Nothing of a block that cannot be read now: what it may tell is told as missing then, and why. */
  async #read(key: string, block: Block, broken: Found['broken']): Promise<string> {
    try {
      return (await this.#ports.blocks.read({ key }, [block]))[0]!;
    } catch (error) {
      if ((error as Error).name === 'Unavailable') throw error;
      broken.push({ key, reason: `a block that may tell of a purge cannot be read: ${(error as Error).message}` });
      return '';
    }
  }
}

/** Resolves with how many files were added, or undefined when a compaction came between. */
async function put(
  { ledger, objects, clock }: RebuildPorts,
  tenant: string,
  found: Found,
): Promise<number | undefined> {
  const { from, taken, superseded, unfinished, purged, twice, rebuild } = found;
  const after = new Date(clock().getTime() + doomMs);
  const keys = [...taken.values()].map(({ key }) => key);
  for (let at = 0; at < keys.length; at += readsAtOnce) {
    const some = await Promise.all(keys.slice(at, at + readsAtOnce).map((key) => objects.index(key)));
    let add: CataloguedFile[] = [];
    for (const [index, one] of some.entries()) {
      if (!one) return undefined;
      add.push(one);
      const chunks = add.reduce((sum, file) => sum + file.chunks.length, 0);
      if (chunks < chunksAtOnce && index < some.length - 1) continue;
      if (!(await ledger.apply(tenant, { from, add, after }))) return undefined;
      add = [];
    }
  }
  const { seq } = rebuild.compacted();
  const compacted = seq > from ? seq : from;
  const change = { from, remove: twice, doom: [...superseded, ...unfinished, ...purged], after, compacted };
  return (await ledger.apply(tenant, change)) ? keys.length : undefined;
}

async function report(ports: RebuildPorts, tenant: string, found: Found, added: number): Promise<Rebuilt> {
  const { rebuild, from, superseded, unfinished, twice, broken, sidecars } = found;
  const { inFiles, inParts, purged } = rebuild;
  let [parts, gone] = [0, 0];
  for (let leaf = 0; leaf < inFiles.size; leaf++) {
    if (inFiles.has(leaf)) continue;
    if (inParts.has(leaf)) parts++;
    else if (purged.has(leaf)) gone++;
  }
  const { seq } = rebuild.compacted();
  return {
    leaves: inFiles.size,
    inFiles: inFiles.count,
    inParts: parts,
    purged: gone,
    missing: missingFrom([inFiles, inParts, purged], inFiles.size, runsShown),
    files: {
      found: sidecars,
      added,
      superseded: superseded.length,
      unfinished: unfinished.length,
      purged: found.purged.length,
      twice: twice.length,
    },
    broken,
    totals: await ports.ledger.totals(tenant),
    compactedSeq: seq > from ? seq : from,
  };
}
