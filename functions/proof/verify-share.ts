/**
 * Verify: one share of one tenant's trail, read again from where it is stored and held against its log.
 *
 * The log is believed for its signature alone, made with a key that is asked of KMS and not of the bucket; everything
 * else is believed for what it hashes to.
 */
import { LeafSet } from '#core/archive/leaf-set.ts';
import type { ArchiveFileCatalogue, ArchiveObjects } from '#core/archive/ports.ts';
import type { ProofCrypto, Signer } from '#core/proof/crypto.ts';
import { ed25519Type, formatVerifier, verifierOf } from '#core/proof/note.ts';
import type { LogStore } from '#core/proof/ports.ts';
import type { LeafPart } from '#core/proof/read-ports.ts';
import { tileWidth } from '#core/proof/tiles.ts';
import { type Judgement, judge } from '#core/proof/verdict.ts';
import { connect, type Trust, type TrustedCheckpoint, trustCheckpoint } from '#core/proof/verify-checkpoint.ts';
import { archivePath } from '#core/proof/verify-log.ts';
import type { Verification } from '#core/proof/verify-ports.ts';
import { judgeCatalogue, judgePart, judgeRows, judgeSegment, type StoredSegment } from '#core/proof/verify-stored.ts';
import { type CheckedBundle, type CheckedTree, openTree } from '#core/proof/verify-tree.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { Missing, type Segments, Unavailable } from '#core/record/ports.ts';
import { toldPurges } from './told-purges.ts';

export interface SharePorts {
  readonly verification: Verification;
  readonly logs: Pick<LogStore, 'get'>;
  readonly blocks: BlockReader;
  readonly segments: Pick<Segments, 'load'>;
  readonly archive: Pick<ArchiveObjects, 'read' | 'state' | 'index'>;
  readonly archiveFiles: ArchiveFileCatalogue;
  readonly signer: Pick<Signer, 'publicKey'>;
  readonly crypto: ProofCrypto;
}

/** A share: how far it came, what it looked at and what is wrong. No position: the round is over. */
export interface Share {
  readonly position?: string;
  readonly checked: number;
  readonly findings: readonly Judgement[];
}

export interface OpenLog {
  readonly slug: string;
  readonly trust: Trust;
  readonly checkpoint: TrustedCheckpoint;
  readonly tree: CheckedTree;
  /** What is wrong with the log's files; each is told once. */
  readonly findings: Judgement[];
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
/** Rows of one share: about 4 MB. */
const rowsMax = 2_000;
const partsMax = 50;
/** Leaves of one share where no part of a segment is left: about 8 MB of entries. */
const leavesMax = 50_000;
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Opens a tenant's log; undefined when there is nothing to verify, and a finding when there should be. */
export async function openLog(ports: SharePorts, tenant: string): Promise<OpenLog | Judgement | undefined> {
  const { verification, logs, crypto, signer } = ports;
  // Before S3: what is published there by now is at least what Postgres knew before.
  const known = await verification.log(tenant);
  if (!known) return undefined;
  const { slug, origin, publishedSize } = known;
  const trust = { keys: [verifierOf(crypto, origin, ed25519Type, await signer.publicKey())] };
  const note = await logs.get(slug, 'checkpoint');
  if (!note) {
    const why = `The log published a tree of ${publishedSize} leaves, and its checkpoint is gone.`;
    return judge('checkpoint_gone', why, { path: 'checkpoint' });
  }
  const opened = trustCheckpoint(crypto, trust, decoder.decode(note));
  if (!opened.ok) return ours(opened.judgement);
  const { checkpoint } = opened;
  if (checkpoint.size < publishedSize) {
    const why = `The log published a tree of ${publishedSize} leaves, and its checkpoint shows ${checkpoint.size}: it went back.`;
    return judge('rewound', why, { path: 'checkpoint', size: checkpoint.size });
  }
  const findings: Judgement[] = [];
  const tree = await openTree(
    crypto,
    (path) => logs.get(slug, path),
    checkpoint,
    (one) => findings.push(one),
  );
  return tree ? { slug, trust, checkpoint, tree, findings } : findings[0];
}

/** An auditor may have the wrong key for a checkpoint; here the key is known, so it is the checkpoint that is wrong. */
const ours = (judgement: Judgement): Judgement =>
  judgement.verdict === 'UNVERIFIABLE' ? judge('checkpoint_invalid', judgement.why, judgement.at) : judgement;

export const isOpen = (log: OpenLog | Judgement): log is OpenLog => 'tree' in log;

/** Bundles of a tree, the last few kept: parts follow each other. */
export function entriesOf(tree: CheckedTree) {
  const kept = new Map<number, Promise<CheckedBundle>>();
  const bundle = (n: number) => {
    const known = kept.get(n) ?? tree.bundle(n);
    kept.set(n, known);
    if (kept.size > 64) kept.delete(kept.keys().next().value!);
    return known;
  };
  return async (from: number, to: number): Promise<CheckedBundle['entries']> => {
    const some: CheckedBundle['entries'][number][] = [];
    for (let n = Math.floor(from / tileWidth); n * tileWidth < to; n++) {
      const { first, entries } = await bundle(n);
      some.push(...entries.slice(Math.max(0, from - first), to - first));
    }
    return some;
  };
}

/** A share of record.event beside the log, by id. */
export async function verifyRows(ports: SharePorts, tenant: string, position: string | undefined): Promise<Share> {
  const { verification, crypto } = ports;
  const log = await openLog(ports, tenant);
  if (!log) return { checked: 0, findings: [] };
  // The round over the log tells what is wrong with it.
  if (!isOpen(log)) return { checked: 0, findings: [] };
  const { tree } = log;
  const after = position ?? (await verification.oldestId(tenant));
  // Rows before parts: a part that is committed between the two is not yet in the tree, so it excuses and is not missed.
  const rows = await verification.rows(tenant, after, rowsMax);
  const isLast = rows.length < rowsMax;
  const upTo = isLast ? lastId : rows.at(-1)!.id;
  const parts = await verification.partsOfIds(tenant, after, upTo);
  const entries = entriesOf(tree);
  const inTree = parts.flatMap((part) => {
    const { firstLeaf, events } = part;
    return firstLeaf !== undefined && firstLeaf + events <= tree.size ? [{ ...part, firstLeaf }] : [];
  });
  const placed: Parameters<typeof judgeRows>[2][number][] = [];
  for (const { firstLeaf, events } of inTree) {
    for (const [i, entry] of (await entries(firstLeaf, firstLeaf + events)).entries()) {
      if (entry && entry.id > after && entry.id <= upTo) placed.push({ index: firstLeaf + i, entry });
    }
  }
  const waiting = parts.filter((part) => !inTree.some(({ firstLeaf }) => firstLeaf === part.firstLeaf));
  const isPending = (id: string) => waiting.some(({ minId, maxId }) => id >= minId && id <= maxId);
  const findings = judgeRows(crypto, rows, placed, isPending);
  return { ...(isLast ? {} : { position: upTo }), checked: rows.length, findings };
}

/** A share of the log and of the segments beside it, by leaf. */
export async function verifySegments(ports: SharePorts, tenant: string, position: string | undefined): Promise<Share> {
  const { verification } = ports;
  const log = await openLog(ports, tenant);
  if (!log) return { checked: 0, findings: [] };
  if (!isOpen(log)) return { checked: 0, findings: [log] };
  const { tree, findings } = log;
  const from = Number(position ?? 0);
  const parts = (await verification.partsFrom(tenant, from, partsMax))
    .flatMap((part) => (part.firstLeaf === undefined ? [] : [{ ...part, firstLeaf: part.firstLeaf }]))
    .filter(({ firstLeaf, events }) => firstLeaf + events > from);
  const compactedSeq = await verification.compactedSeq(tenant);
  let inTree = parts
    .filter(({ firstLeaf, events }) => firstLeaf + events <= tree.size)
    .map((part) => ({ ...part, isCompacted: part.seq <= compactedSeq }));
  let isLast = parts.length < partsMax || inTree.length < parts.length;
  // A part that reaches beyond the tree waits for the next checkpoint, and so do its leaves.
  const waiting = parts.find(({ firstLeaf, events }) => firstLeaf + events > tree.size);
  let end = isLast
    ? Math.min(tree.size, waiting?.firstLeaf ?? tree.size)
    : inTree.at(-1)!.firstLeaf + inTree.at(-1)!.events;
  if ((inTree[0]?.firstLeaf ?? end) - from > leavesMax) {
    // Parts of these leaves were released long ago: a share of what is in archive files alone.
    inTree = [];
    end = from + leavesMax;
    isLast = false;
  }
  const entries = entriesOf(tree);
  findings.push(...(await verifyCatalogue(ports, tenant, log, entries, inTree, from, end)));
  const objects = await verification.segments(tenant, [...new Set(inTree.map(({ segment }) => segment))]);
  for (const part of inTree) {
    const object = objects.find(({ id }) => id === part.segment);
    if (object?.tenant === tenant) findings.push(...(await verifyObject(ports, object)));
    const own = await entries(part.firstLeaf, part.firstLeaf + part.events);
    findings.push(...(await verifyPart(ports, part, own)));
  }
  // Leaves without a part were told of; their entries are looked at all the same.
  await entries(from, end);
  await checkKeys(ports, log);
  await checkSigned(ports, log, tenant, from, isLast ? tree.size : end);
  return { ...(isLast ? {} : { position: String(end) }), checked: Math.max(0, end - from), findings };
}

type PlacedPart = LeafPart & { readonly firstLeaf: number; readonly isCompacted: boolean };

/** Every leaf is in a part, in an archive file or in a purge. */
async function verifyCatalogue(
  ports: SharePorts,
  tenant: string,
  log: OpenLog,
  entries: ReturnType<typeof entriesOf>,
  parts: readonly PlacedPart[],
  from: number,
  end: number,
): Promise<Judgement[]> {
  const last = Math.max(end, ...parts.map(({ firstLeaf, events }) => firstLeaf + events));
  const found = new LeafSet(Math.max(0, last - from));
  const elsewhere = { has: (leaf: number) => leaf >= from && found.has(leaf - from) };
  const add = (runs: Iterable<readonly [number, number]>) => {
    for (const [first, past] of runs) found.addRun(Math.max(0, first - from), Math.max(0, past - from));
  };
  let findings = judgeCatalogue(parts, from, end, elsewhere);
  if (!findings.some(isLacking)) return findings;
  // Only now: nothing of young trails is in the archive, and nothing of most is purged.
  add(await ports.verification.archivedLeaves(tenant, from, last));
  findings = judgeCatalogue(parts, from, end, elsewhere);
  if (!findings.some(isLacking)) return findings;
  for (const { leaves } of await toldPurges(ports, tenant, log, entries)) add(leaves);
  return judgeCatalogue(parts, from, end, elsewhere);
}

const isLacking = ({ reason }: Judgement): boolean => reason === 'segment_gone' || reason === 'archive_gone';

/** One part, read again. */
export async function verifyPart(
  { blocks, crypto }: Pick<SharePorts, 'blocks' | 'crypto'>,
  part: LeafPart & { readonly firstLeaf: number },
  entries: CheckedBundle['entries'],
): Promise<Judgement[]> {
  try {
    return judgePart(crypto, part, entries, await blocks.read(part, part.blocks));
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    const at = { index: part.firstLeaf, path: part.key };
    const last = part.firstLeaf + part.events - 1;
    return error instanceof Missing
      ? [judge('segment_gone', `${part.key} is gone, with the events of leaves ${part.firstLeaf} to ${last}.`, at)]
      : [
          judge(
            'segment_differs',
            `${part.key} cannot be read where leaves ${part.firstLeaf} to ${last} should be.`,
            at,
          ),
        ];
  }
}

/** A segment as a whole, which is read once however many tenants have a part in it. */
export async function verifyObject(
  { segments }: Pick<SharePorts, 'segments'>,
  known: StoredSegment,
): Promise<Judgement[]> {
  const path = known.key;
  try {
    const loaded = await segments.load(path);
    if (loaded) return judgeSegment(known, loaded);
    return [judge('segment_gone', `${path} is gone, or the sidecar beside it is.`, { path })];
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    return [
      judge('segment_differs', `${path} and the sidecar beside it cannot be read as what was written.`, { path }),
    ];
  }
}

/** The key that auditors are told to ask for is the one that signs. */
async function checkKeys({ logs, crypto }: SharePorts, { slug, trust, findings }: OpenLog): Promise<void> {
  const path = 'keys.txt';
  const text = await logs.get(slug, path);
  const lines = text ? decoder.decode(text).split('\n') : [];
  const isTold = trust.keys.every(({ name, type, publicKey }) =>
    lines.includes(formatVerifier(crypto, name, type, publicKey)),
  );
  if (!isTold)
    findings.push(judge('checkpoint_invalid', 'keys.txt does not have the key that signs the log.', { path }));
}

/** Every checkpoint that was signed for a size in this share is archived, and tells the history that the tree tells. */
async function checkSigned(ports: SharePorts, log: OpenLog, tenant: string, from: number, to: number): Promise<void> {
  const { slug, trust, checkpoint, tree, findings } = log;
  const signed = await ports.verification.signed(tenant, from, to);
  for (const { size, root } of signed) {
    const path = archivePath(size);
    const note = await ports.logs.get(slug, path);
    // Signed a moment ago, perhaps: archiving follows.
    if (!note && size === checkpoint.size) continue;
    const opened = note && trustCheckpoint(ports.crypto, trust, decoder.decode(note), path);
    if (!opened) {
      findings.push(
        judge('checkpoint_gone', `The checkpoint of ${size} leaves is gone from the archive.`, { path, size }),
      );
    } else if (!opened.ok) findings.push(ours(opened.judgement));
    else if (opened.checkpoint.size !== size) {
      findings.push(
        judge('checkpoint_invalid', `${path} is a checkpoint of ${opened.checkpoint.size} leaves.`, { path, size }),
      );
    } else {
      const archived = await connect(ports.crypto, opened.checkpoint, checkpoint, { read: tree.read });
      if (archived.verdict !== 'VERIFIED') findings.push({ ...archived, at: { ...archived.at, path } });
      const { origin } = checkpoint;
      const kept = await connect(ports.crypto, { origin, size, root }, opened.checkpoint);
      if (kept.verdict !== 'VERIFIED') {
        findings.push(
          judge('root_differs', `Postgres has another root for ${size} leaves than the log signed.`, { size }),
        );
      }
    }
  }
}
