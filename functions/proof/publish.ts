/**
 * Publish: the tree gets a checkpoint that is claimed, signed, archived under lock, and shown.
 *
 * The claims in Postgres and on S3 come before the signature, so no size is ever signed with two roots, and nothing that
 * was signed is forgotten; the archive comes before
 * anybody can see the checkpoint, so the archive alone tells what we are bound to. Each step finds what an earlier run
 * left and goes on from there.
 */
import { sameBytes } from '#core/proof/bytes.ts';
import { formatCheckpoint, type OpenedCheckpoint, openCheckpoint } from '#core/proof/checkpoint.ts';
import { ed25519Type, formatNote, formatVerifier, parseVerifier, type Verifier } from '#core/proof/note.ts';
import { formatPolicy } from '#core/proof/policy.ts';
import type { LogRecord, LogStore } from '#core/proof/ports.ts';
import { logger } from '#functions/runtime/observe.ts';
import { tell } from './custody.ts';
import { freeze, type SealLogPorts, Stop } from './seal-ports.ts';

/** Witnesses' cosignatures change the published note too; each round meets one of them at most. */
const publishesMax = 5;

/** Signs, archives and shows the checkpoint of the log's tree; the size that is published when it is done. */
export async function publish(
  ports: SealLogPorts,
  log: LogRecord,
  verifier: Verifier,
  bound: Awaited<ReturnType<LogStore['bound']>>,
): Promise<number | Stop> {
  const { ledger, logs } = ports;
  // Read before anything is signed: a slow worker must not replace what it has not seen.
  const seen = await logs.checkpoint(log.slug);
  const note = await signed(ports, log, verifier, bound);
  if (note instanceof Stop) return note;
  if ((await logs.archive(log.slug, log.size, note)) === 'different') return freeze(ports, log, 'checkpoint_differs');
  if (!(await ledger.archived(log.tenant, log.size, log))) return new Stop('busy');
  if (log.publishedSize === 0) await putTexts(ports, log, verifier);
  const shown = await show(ports, log, verifier, note, seen);
  if (typeof shown !== 'number') return shown;
  if (shown > log.size || !(await ledger.published(log.tenant, log.size, log))) return new Stop('busy');
  await ports.anchors.ask(log.slug).catch((error: unknown) => {
    logger.warn('witnesses were not asked, their sweep will', { slug: log.slug, error: error as Error });
  });
  return log.size;
}

/** The signed note of the tree: the one that an earlier run kept, or a new one. */
async function signed(
  ports: SealLogPorts,
  log: LogRecord,
  verifier: Verifier,
  bound: Awaited<ReturnType<LogStore['bound']>>,
): Promise<string | Stop> {
  const { ledger, logs, signer, crypto } = ports;
  const claim = await ledger.claimCheckpoint(log.tenant, log);
  if (!claim) return new Stop('busy');
  if (!sameBytes(claim.root, log.root)) {
    if (claim.epoch === log.epoch) return freeze(ports, log, 'checkpoint_differs');
    // Before a recovery this size was claimed with another root, and may have been signed. It is never signed again.
    // A heartbeat makes the next size, also in a log where nothing else happens.
    const now = ports.clock();
    const day = now.toISOString().slice(0, 10);
    const metadata = { skipped_size: log.size };
    const fact = { action: 'log.heartbeat', key: `skip/${log.size}/${day}`, at: new Date(day), metadata } as const;
    await tell(ports.recorder, log.tenant, fact, now);
    return new Stop('waits');
  }
  const text = formatCheckpoint(log);
  const isOurs = (note: string) => openCheckpoint(crypto, note, verifier)?.text === text;
  if (claim.note !== undefined) {
    if (isOurs(claim.note)) return claim.note;
    throw new Error(`the kept note of log ${log.slug} at size ${log.size} is not signed by our key`);
  }
  // On S3 too, where no restore reaches: a signature that dies with its worker, or is kept in a database that is set
  // back, binds us all the same. What is there must be what was there before Postgres was read.
  if (bound?.text !== text && !(await logs.bind(log.slug, text, bound?.etag))) return new Stop('busy');
  const signature = await signer.sign(new TextEncoder().encode(text));
  const note = formatNote(text, [{ name: verifier.name, keyId: verifier.keyId, signature }]);
  if (!isOurs(note)) throw new Error(`what the signer gave for log ${log.slug} is no signature by its key`);
  await ledger.keepNote(log.tenant, log.size, note);
  return note;
}

/** Replaces a smaller published checkpoint; the size that is there afterwards. */
async function show(
  ports: SealLogPorts,
  log: LogRecord,
  verifier: Verifier,
  note: string,
  seen: { readonly note: string; readonly etag: string } | undefined,
): Promise<number | Stop> {
  let there = seen;
  for (let tries = 0; tries < publishesMax; tries++) {
    const now: OpenedCheckpoint | undefined = there && openCheckpoint(ports.crypto, there.note, verifier);
    if (now && now.size > log.size) return now.size;
    // It may carry cosignatures by now: it stays as it is.
    if (now && now.size === log.size) {
      return sameBytes(now.root, log.root) ? now.size : freeze(ports, log, 'checkpoint_differs');
    }
    if (await ports.logs.publish(log.slug, note, there?.etag)) return log.size;
    there = await ports.logs.checkpoint(log.slug);
  }
  return new Stop('busy');
}

/** What auditors need besides: the log's key, and a policy for their tools. */
async function putTexts(
  { logs, crypto, witnessKeys }: SealLogPorts,
  log: LogRecord,
  verifier: Verifier,
): Promise<void> {
  const witnesses = witnessKeys.map((vkey, index) => {
    const key = parseVerifier(crypto, vkey);
    if (!key) throw new Error(`${vkey} is no key of a witness`);
    return { name: `witness${index + 1}`, verifier: key };
  });
  const groups =
    witnesses.length > 1 ? [{ name: 'witnesses', threshold: 1, members: witnesses.map(({ name }) => name) }] : [];
  const quorum = groups[0]?.name ?? witnesses[0]?.name ?? 'none';
  const vkey = formatVerifier(crypto, verifier.name, ed25519Type, verifier.publicKey);
  await logs.putText(log.slug, 'keys.txt', `${vkey}\n`);
  await logs.putText(log.slug, 'policy.txt', formatPolicy(crypto, { logs: [{ verifier }], witnesses, groups, quorum }));
}
