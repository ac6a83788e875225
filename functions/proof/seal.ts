/**
 * Seal: a tenant's committed events become leaves of its log that auditors can check.
 *
 * Rounds of: what has S3 archived, what does Postgres know (in this order), integrate, sign and archive, publish. Every
 * step can be done twice; a run that breaks off is finished by the next, which starts from Postgres and S3 and never
 * from memory. A log that is not what it should be is frozen and signs nothing.
 */
import { sameBytes } from '#core/proof/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '#core/proof/checkpoint.ts';
import { ed25519Type, type Verifier, verifierOf } from '#core/proof/note.ts';
import type { LogRecord, LogStore } from '#core/proof/ports.ts';
import { metric } from '#functions/runtime/observe.ts';
import { tell } from './custody.ts';
import { checkedEdge, grow, type LastBundle, outgrown } from './integrate-step.ts';
import { publish } from './publish.ts';
import { freeze, type SealLogPorts, type SealOutcome, Stop } from './seal-ports.ts';

/**
 * Seals what is committed of a tenant until nothing is left, or `until`. Safe to run at once with itself, for the same
 * tenant too. Rejects with `Unavailable` when a place is down; what was done by then stays done.
 */
export async function sealLog(ports: SealLogPorts, tenant: string, now: Date, until?: Date): Promise<SealOutcome> {
  const found = (await ports.ledger.find(tenant)) ?? (await open(ports, tenant, now));
  if (!found) return { state: 'idle', leaves: 0 };
  const verifier = verifierOf(ports.crypto, found.origin, ed25519Type, await ports.signer.publicKey());
  let known = found;
  let last: LastBundle | undefined;
  let leaves = 0;
  let published: number | undefined;
  const ended = (state: SealOutcome['state']): SealOutcome => {
    if (leaves > 0) metric('proof', 'sealed', leaves);
    return { state, leaves, ...(published === undefined ? {} : { published }) };
  };
  for (;;) {
    const seen = await look(ports, known, verifier);
    if (seen instanceof Stop) return ended(seen.state);
    const { log, bound } = seen;
    const grown = await grow(ports, log, last);
    if (grown instanceof Stop) return ended(grown.state);
    const next = grown?.log ?? log;
    leaves += next.size - log.size;
    if (!grown && log.publishedSize === log.size) return ended(leaves > 0 || published ? 'sealed' : 'idle');
    // A tree that this run has not grown was grown by an earlier one, and Postgres has kept it since.
    const edge = grown ? undefined : await checkedEdge(ports, log);
    if (edge instanceof Stop) return ended(edge.state);
    const size = await publish(ports, next, verifier, bound);
    if (size instanceof Stop) return ended(size.state);
    published = size;
    await dropPartial(ports, log, next);
    if (next.size >= log.leaves) return ended('sealed');
    if (until && ports.clock() >= until) return ended('behind');
    last = grown?.last;
    known = { ...next, archivedSize: size };
  }
}

/** Makes the log of a tenant that has its first leaves; undefined when there are none. */
async function open(ports: SealLogPorts, tenant: string, now: Date): Promise<LogRecord | undefined> {
  const { ledger, host, newSlug, recorder } = ports;
  if ((await ledger.pending([tenant])).length === 0) return undefined;
  const slug = newSlug();
  const log = await ledger.create(tenant, { slug, origin: `${host}/t/${slug}` });
  if (log.slug === slug) {
    const metadata = { origin: log.origin };
    await tell(recorder, tenant, { action: 'log.created', key: slug, at: log.createdAt, metadata }, now);
  }
  return log;
}

interface Seen {
  readonly log: LogRecord;
  /** What S3 said was about to be signed, before Postgres was read. */
  readonly bound: Awaited<ReturnType<LogStore['bound']>>;
}

/**
 * The log as it is now, if it may be sealed. S3 is read first: what it has archived was in Postgres before, so a larger
 * size than Postgres has means that Postgres was set back. The other way round a healthy log would look like that.
 */
async function look(ports: SealLogPorts, before: LogRecord, verifier: Verifier): Promise<Seen | Stop> {
  const { ledger, logs } = ports;
  const [head, bound, incarnation] = await Promise.all([
    logs.newestArchived(before.slug, before.archivedSize),
    logs.bound(before.slug),
    logs.incarnation(before.shard),
  ]);
  const log = await ledger.find(before.tenant);
  if (!log || log.state === 'frozen') return new Stop('frozen');
  if (log.state === 'retired') return new Stop('retired');
  // Another database than the one we read first: what was read of S3 is not about this one.
  if (log.slug !== before.slug || log.epoch !== before.epoch || log.shard !== before.shard) return new Stop('busy');
  if (incarnation !== undefined && incarnation !== log.incarnation) return new Stop('fenced');
  const next = bound && parseCheckpoint(bound.text);
  if (bound && next?.origin !== log.origin) return freeze(ports, log, 'checkpoint_differs');
  if (Math.max(head?.size ?? 0, next?.size ?? 0) > log.size) return freeze(ports, log, 'rollback');
  // Set back, and grown over what we are bound to.
  if (next && !(await isClaimed(ports, log, next))) return freeze(ports, log, 'rollback');
  // Nothing unlocks the archive: this is another bucket, or what stands in Postgres was never archived.
  if ((head?.size ?? 0) < before.archivedSize) return freeze(ports, log, 'checkpoint_differs');
  if (!head) return { log, bound };
  const checkpoint = openCheckpoint(ports.crypto, head.note, verifier);
  const isOurs = checkpoint?.size === head.size && (head.size < log.size || sameBytes(checkpoint.root, log.root));
  return isOurs ? { log, bound } : freeze(ports, log, 'checkpoint_differs');
}

/** Whether the database has claimed what S3 says is about to be signed, which comes after the claim. */
async function isClaimed({ ledger }: SealLogPorts, log: LogRecord, next: Checkpoint): Promise<boolean> {
  const root = next.size === log.size ? log.root : await ledger.claimedRoot(log.tenant, next.size);
  return root !== undefined && sameBytes(root, next.root);
}

/** Partial tiles below full ones go when a checkpoint with the full ones is published. */
async function dropPartial({ logs }: SealLogPorts, before: LogRecord, { slug, size }: LogRecord): Promise<void> {
  for (const folder of outgrown(before.size, size)) {
    const paths: string[] = [];
    for await (const path of logs.list(slug, folder)) paths.push(path);
    if (paths.length > 0) await logs.remove(slug, paths);
  }
}
