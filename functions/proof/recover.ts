/**
 * Recover: brings a frozen log and its database back together after a restore, and only ever forward.
 *
 * What S3 has archived was signed, so it stays; the database follows. In this order: nobody seals any more (the log is
 * frozen and the workers of before have drained, and a new incarnation stops whoever has not); the archived tree is read
 * and held against its signature; what the database lost is found among the segments; tiles that were begun above the
 * archived tree go; the database is rebuilt; the log is active. It can break off anywhere and be run again.
 */
import { sameBytes } from '#core/proof/bytes.ts';
import type { ProofCrypto, Signer } from '#core/proof/crypto.ts';
import { encodeEntry } from '#core/proof/entry.ts';
import { encodeEdge, integrate, type Tree } from '#core/proof/integrate.ts';
import { ed25519Type, verifierOf } from '#core/proof/note.ts';
import type { KnownPart, LogLedger, LogRecord, LogRecovery, LogStore, RebuildPlan } from '#core/proof/ports.ts';
import { agreedSize, arrange, gapsOf, inLogOrder, Stuck, sharesOf } from '#core/proof/recover-plan.ts';
import { parseTilePath, tileWidth } from '#core/proof/tiles.ts';
import { leafHash } from '#core/proof/tree.ts';
import type { Recorder, Segments } from '#core/record/ports.ts';
import { logger } from '#functions/runtime/observe.ts';
import { type ArchivedTree, readArchived } from './archived-tree.ts';
import { eventOf, tell } from './custody.ts';
import { type FoundRun, findRuns, Leftovers, loadFound } from './find-segments.ts';

export interface RecoverPorts {
  /** Logs in as recovery, like the next one. */
  readonly ledger: Pick<LogLedger, 'find' | 'freeze'>;
  readonly recovery: LogRecovery;
  readonly logs: LogStore;
  readonly segments: Pick<Segments, 'list' | 'load' | 'write'>;
  readonly signer: Pick<Signer, 'publicKey'>;
  readonly crypto: ProofCrypto;
  readonly recorder: Recorder;
  /** A fresh UUID of the database. */
  readonly newIncarnation: () => string;
  /** A fresh UUIDv7 for a segment. */
  readonly newId: (now: Date) => string;
  readonly clock: () => Date;
  /** How long a worker lives at most: after that nobody who began before the freeze is left. */
  readonly drainMs: number;
}

/** What a recovery did. */
export interface Recovered {
  /** Leaves that are archived. */
  readonly size: number;
  /** Parts, and the events in them, that the database had lost. */
  readonly found: number;
  readonly foundEvents: number;
  /** Leaves whose events no segment has. */
  readonly missing: number;
  /** Parts that moved behind the log, and those that held events which the log has. */
  readonly moved: number;
  readonly dropped: number;
  readonly tilesRemoved: number;
}

export type RecoveryOutcome =
  /** Nothing is wrong with it, as far as it knows. */
  | { readonly state: 'active' | 'initializing' | 'retired' }
  /** It is frozen since just now or before; ask again at `until`. */
  | { readonly state: 'draining'; readonly until: Date }
  /** Another recovery works on it. */
  | { readonly state: 'recovering'; readonly until: Date }
  | { readonly state: 'recovered'; readonly epoch: number; readonly counts: Recovered };

/** Under load parts come while one plans; each try has the milliseconds between two commits. */
const triesMax = 50;
const removedAtOnce = 1_000;

/**
 * One step of a recovery: freezes the log if `freeze` asks for it, waits, or does the work. Undefined when the tenant has
 * no log. Rejects with `Stuck` when S3 does not hold what was signed, and with `Unavailable`.
 */
export async function recover(
  ports: RecoverPorts,
  tenant: string,
  now: Date,
  { freeze = false }: { readonly freeze?: boolean } = {},
): Promise<RecoveryOutcome | undefined> {
  let log = await ports.ledger.find(tenant);
  if (!log) return undefined;
  if (log.state !== 'frozen') {
    if (!freeze || log.state === 'retired') return { state: log.state };
    if (await ports.ledger.freeze(tenant, 'operator', log.epoch)) {
      const metadata = { reason: 'operator', size: log.size, archived_size: log.archivedSize, epoch: log.epoch };
      const fact = { action: 'log.frozen', key: `${log.slug}/${log.epoch}`, at: now, metadata } as const;
      await tell(ports.recorder, tenant, fact, now);
    }
    log = (await ports.ledger.find(tenant))!;
    if (log.state !== 'frozen') return { state: log.state };
  }
  const drained = new Date(log.frozenAt!.getTime() + ports.drainMs);
  if (drained > now) return { state: 'draining', until: drained };
  // This function lives no longer than those that seal.
  if (!(await ports.recovery.begin(tenant, log.epoch, ports.drainMs))) {
    return { state: 'recovering', until: new Date(now.getTime() + ports.drainMs) };
  }
  try {
    return { state: 'recovered', epoch: log.epoch + 1, counts: await work(ports, log, now) };
  } catch (error) {
    await ports.recovery.end(tenant, log.epoch).catch(() => {});
    throw error;
  }
}

async function work(ports: RecoverPorts, log: LogRecord, now: Date): Promise<Recovered> {
  const { recovery, logs, crypto, signer } = ports;
  await renewIncarnation(ports, log);

  const verifier = verifierOf(crypto, log.origin, ed25519Type, await signer.publicKey());
  const tree = await readArchived(ports, log, verifier);
  const parts = await recovery.partsFrom(log.tenant, tree.from);
  const agreed = agreedSize(tree, parts, log.size);
  const isSound = agreed === tree.size && isTreeOf(crypto, log, tree, parts);
  const runs = isSound ? [] : inLogOrder(await findRuns(ports, log.tenant, tree, agreed));
  const counts = {
    size: tree.size,
    found: runs.length,
    foundEvents: runs.reduce((sum, { events }) => sum + events, 0),
    missing: gapsOf(runs, agreed, tree.size).reduce((sum, { from, to }) => sum + to - from, 0),
    moved: 0,
    dropped: 0,
    // Before anybody seals again: what is left of a lost tree would be in the way of the new one for ever.
    tilesRemoved: await removeOrphans(logs, log.slug, isSound ? Math.max(tree.size, log.size) : tree.size),
  };
  if (counts.missing > 0) {
    logger.error('leaves of a log have no events any more', { slug: log.slug, missing: counts.missing });
  }
  await record(ports, log, counts, now);
  if (isSound) {
    const bound = tree.size > 0 ? { size: tree.size, root: tree.root } : undefined;
    if (!(await recovery.unfreeze(log.tenant, log.epoch, bound))) throw new Stuck('the log is not frozen any more');
    return counts;
  }
  const { moved, dropped } = await rebuild(ports, log, { tree, agreed, runs });
  return { ...counts, moved, dropped };
}

/**
 * S3 first: whoever still runs against the old one is stopped by either. Other logs are recovered at once with this one
 * and renew it too; the database follows S3 until the two agree, or nobody would ever seal again.
 */
async function renewIncarnation(
  { logs, recovery, newIncarnation }: RecoverPorts,
  { tenant, shard }: LogRecord,
): Promise<void> {
  let own = newIncarnation();
  await logs.setIncarnation(own, shard);
  for (;;) {
    await recovery.renewIncarnation(own, tenant);
    const there = await logs.incarnation(shard);
    if (there === undefined) throw new Stuck('the incarnation was removed from the bucket');
    if (there === own) return;
    own = there;
  }
}

/** Whether the database's own tree is the archived one and what waits behind it, to the last byte of its root. */
function isTreeOf(crypto: ProofCrypto, log: LogRecord, tree: ArchivedTree, parts: readonly KnownPart[]): boolean {
  if (log.size < tree.size) return false;
  const behind = parts.filter(({ firstLeaf }) => firstLeaf >= tree.size && firstLeaf < log.size);
  const leaves = behind.flatMap(({ outbox }) => outbox?.leaves.map((leaf) => ({ ...leaf, time: outbox.time })) ?? []);
  if (tree.size + leaves.length !== log.size) return false;
  const grown = growTo(crypto, tree, { size: tree.from, edge: tree.base }, tree.size);
  const hashes = leaves.map((leaf) => leafHash(crypto, encodeEntry(leaf)));
  return sameBytes(integrate(crypto, grown, hashes).root, log.root);
}

/** The archived tree at a size, from a smaller one. */
const growTo = (crypto: ProofCrypto, { from, entries }: ArchivedTree, before: Tree, size: number) =>
  integrate(
    crypto,
    before,
    entries.slice(before.size - from, size - from).map((entry) => leafHash(crypto, encodeEntry(entry))),
  );

/** Removes tiles that reach above a size. */
async function removeOrphans(logs: LogStore, slug: string, size: number): Promise<number> {
  let removed = 0;
  let some: string[] = [];
  const flush = async () => {
    if (some.length > 0) await logs.remove(slug, some);
    removed += some.length;
    some = [];
  };
  for await (const path of logs.list(slug, 'tile/')) {
    const tile = parseTilePath(path);
    if (!tile) continue;
    const { level, n, width } = tile;
    const leaves = tileWidth ** (level === 'entries' ? 0 : level);
    if ((n * tileWidth + width) * leaves > size) some.push(path);
    if (some.length === removedAtOnce) await flush();
  }
  await flush();
  return removed;
}

/** The recovery is told in the log itself, before it is true: what cannot be told does not happen. */
async function record(ports: RecoverPorts, log: LogRecord, counts: Recovered, now: Date): Promise<void> {
  const metadata = {
    epoch: log.epoch + 1,
    reason: log.frozenReason ?? 'operator',
    size: counts.size,
    found_events: counts.foundEvents,
    missing_events: counts.missing,
    tiles_removed: counts.tilesRemoved,
  };
  // One a day and epoch: tries that break off tell it once.
  const at = new Date(now.toISOString().slice(0, 10));
  const key = `${log.slug}/${log.epoch + 1}/${at.toISOString()}`;
  await ports.recorder.record(log.tenant, [eventOf(log.tenant, { action: 'log.recovered', key, at, metadata })], now);
}

async function rebuild(
  ports: RecoverPorts,
  log: LogRecord,
  from: { readonly tree: ArchivedTree; readonly agreed: number; readonly runs: readonly FoundRun[] },
): Promise<{ readonly moved: number; readonly dropped: number }> {
  const { tree, runs } = from;
  const { crypto, recovery } = ports;
  const ids = new Set(runs.flatMap(({ firstLeaf, events }) => idsAt(tree, firstLeaf, events)));
  const time = tree.entries.at(-1)?.time ?? 0;
  const leftovers = new Leftovers(ports, log.tenant);
  const counts = { moved: 0, dropped: 0 };
  const shares = sharesOf(runs);
  let { agreed } = from;
  let grown = growTo(crypto, tree, { size: tree.from, edge: tree.base }, agreed);
  for (const [index, share] of shares.entries()) {
    const last = index === shares.length - 1;
    const end = share.at(-1);
    const size = last || !end ? tree.size : end.firstLeaf + end.events;
    grown = growTo(crypto, tree, grown, size);
    const found = await loadFound(ports.segments, log.tenant, tree, share);
    const planned = async (): Promise<RebuildPlan> => {
      const { moved, dropped, left } = arrange(await recovery.partsFrom(log.tenant, agreed), ids);
      counts.moved = moved.length;
      const rewritten = await leftovers.rewrite(left);
      const { root, edge } = grown;
      const note = last && tree.note !== undefined ? { note: tree.note } : {};
      const { archived } = tree;
      return {
        size,
        root,
        edge: encodeEdge(edge),
        last,
        archived,
        ...note,
        time,
        agreed,
        found,
        moved,
        dropped,
        rewritten,
      };
    };
    counts.dropped += await inOneGo(recovery, log, planned);
    agreed = size;
  }
  return counts;
}

/** Plans and writes until no commit comes between; resolves with how many parts were dropped. */
async function inOneGo(recovery: LogRecovery, log: LogRecord, planned: () => Promise<RebuildPlan>): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const plan = await planned();
    const outcome = await recovery.rebuild(log.tenant, log.epoch, plan);
    if (outcome === 'done') return plan.dropped.length;
    if (outcome === 'not_frozen') throw new Stuck('the log is not frozen any more');
  }
  throw new Stuck('events are committed faster than the log can be put in order: try again when there are fewer');
}

const idsAt = ({ from, entries }: ArchivedTree, firstLeaf: number, events: number): string[] =>
  entries.slice(firstLeaf - from, firstLeaf - from + events).map(({ id }) => id);
