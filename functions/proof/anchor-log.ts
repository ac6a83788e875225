/**
 * Gets cosignatures on what is published of one log, and publishes them with it.
 *
 * A witness can be away, slow, wrong or malicious; none of that touches what is published already, and none holds up
 * the others. Nothing that it says is used before its signature was verified over our own text.
 */
import {
  type Cosignature,
  cosignatureIn,
  cosignatureOf,
  cosignaturePath,
  isFresh,
  lineOf,
  readPublished,
  withCosignatures,
} from '#core/proof/anchor.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { cosignatureType, parseVerifier, type Verifier } from '#core/proof/note.ts';
import type { LogStore } from '#core/proof/ports.ts';
import { proveConsistency } from '#core/proof/prove.ts';
import { formatAddCheckpoint } from '#core/proof/witness.ts';
import type { WitnessClient } from '#core/proof/witness-ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';

/** What is asked for again is older than this: half of the hour that an idle log gets a new time in. */
const freshSeconds = 1_800;
/** The first is a guess of `old`, the second knows it, the third is for who was overtaken in between. */
const asksMax = 3;
/** Others publish the same note with cosignatures of theirs; each round brings one of us further. */
const publishesMax = 5;
/** Sizes remembered at once. */
const hintsMax = 10_000;

export interface AnchorLogPorts {
  readonly crypto: ProofCrypto;
  readonly logs: Pick<LogStore, 'checkpoint' | 'get' | 'put' | 'publish'>;
  readonly witnesses: readonly WitnessClient[];
  /** Sizes that witnesses cosigned last, by key and slug. A guess that spares a request; a wrong one costs one. */
  readonly hints: Map<string, number>;
}

type Published = NonNullable<ReturnType<typeof readPublished>>;

/** How many witnesses cosigned what is published, and how many were asked for it in vain. */
export interface Anchored {
  readonly cosigned: number;
  readonly failed: number;
}

/** Asks every witness that has not cosigned the published checkpoint lately. Rejects with `Unavailable` when S3 is down. */
export async function anchorLog(ports: AnchorLogPorts, slug: string, now: Date): Promise<Anchored> {
  const found = await ports.logs.checkpoint(slug);
  if (!found) return { cosigned: 0, failed: 0 };
  const known = ports.witnesses.map((client) => ({ client, verifier: verifierOf(ports.crypto, client) }));
  const verifiers = known.map(({ verifier }) => verifier);
  const published = readPublished(found.note, verifiers);
  if (!published) throw new Error(`what is published of ${slug} is no checkpoint`);
  const wanting = known.filter(
    ({ verifier }) => !isFresh(cosignatureOf(ports.crypto, found.note, verifier), now, freshSeconds),
  );
  const asked = await Promise.all(wanting.map((one) => askWitness(ports, slug, published, one, now)));
  const got = asked.filter((one) => one !== undefined);
  for (const one of got) {
    const path = cosignaturePath(published.checkpoint.size, one.witness);
    // The first one stays: it is the earliest proof of the time.
    await ports.logs.put(slug, path, new TextEncoder().encode(lineOf(published.text, one.signature)));
  }
  if (got.length > 0) await publish(ports, slug, { ...found, text: published.text }, got);
  return { cosigned: known.length - wanting.length + got.length, failed: wanting.length - got.length };
}

/** Adds cosignatures to what is published, unless that is another checkpoint by now, which is asked for by itself. */
async function publish(
  { crypto, logs }: AnchorLogPorts,
  slug: string,
  seen: { readonly note: string; readonly etag: string; readonly text: string },
  got: readonly Cosignature[],
): Promise<void> {
  let there: { readonly note: string; readonly etag: string } | undefined = seen;
  for (let tries = 0; tries < publishesMax && there && readPublished(there.note, [])?.text === seen.text; tries++) {
    if (await logs.publish(slug, withCosignatures(crypto, there.note, got), there.etag)) return;
    there = await logs.checkpoint(slug);
  }
}

/** A verified cosignature, or undefined with the reason traced and counted. */
async function askWitness(
  ports: AnchorLogPorts,
  slug: string,
  published: Published,
  { client, verifier }: { readonly client: WitnessClient; readonly verifier: Verifier },
  now: Date,
): Promise<Cosignature | undefined> {
  const { crypto, logs, hints } = ports;
  const { checkpoint, text, bare } = published;
  const hint = `${verifier.name}+${verifier.keyId}/${slug}`;
  const about = { slug, witness: verifier.name, size: checkpoint.size };
  let old = Math.min(hints.get(hint) ?? 0, checkpoint.size);
  for (let asks = 0; asks < asksMax; asks++) {
    const proof =
      old === 0 || old === checkpoint.size
        ? []
        : await proveConsistency(crypto, (path) => logs.get(slug, path), old, checkpoint.size);
    const answer = await client.addCheckpoint(formatAddCheckpoint({ old, proof, note: bare }));
    if (answer.kind === 'cosigned') {
      const cosignature = cosignatureIn(crypto, text, answer.lines, verifier, now);
      if (!cosignature) return refused(about, 'its answer holds no cosignature by its key');
      if (hints.size >= hintsMax) hints.clear();
      hints.set(hint, checkpoint.size);
      return cosignature;
    }
    if (answer.kind === 'refused') return refused({ ...about, old, note: bare }, `status ${answer.status}`);
    if (answer.kind === 'unanswered') return unanswered(about, answer.why);
    if (answer.size < (hints.get(hint) ?? 0)) refused({ ...about, its: answer.size }, 'it forgot what it cosigned');
    hints.delete(hint);
    if (answer.size > checkpoint.size) return ahead(ports, slug, answer.size, about);
    old = answer.size;
  }
  return unanswered(about, 'it never stays with one size');
}

/** The witness cosigned a larger tree: either that one is published by now, or what is published went back. */
async function ahead({ logs }: AnchorLogPorts, slug: string, size: number, about: object): Promise<undefined> {
  const newest = await logs.checkpoint(slug);
  const published = newest && readPublished(newest.note, [])?.checkpoint.size;
  if (published !== undefined && published >= size) return undefined;
  return refused({ ...about, its: size }, 'it cosigned a larger tree than what is published');
}

/** What somebody must look at: the log, the witness or the settings are wrong. */
function refused(about: object, why: string): undefined {
  metric('proof', 'witnessRefused', 1);
  logger.error('a witness does not cosign', { ...about, why });
}

/** What time heals. */
function unanswered(about: object, why: string): undefined {
  metric('proof', 'witnessUnanswered', 1);
  logger.warn('a witness does not answer', { ...about, why });
}

/** The key of a witness; settings that name none are a slip that must show at once. */
export function verifierOf(crypto: ProofCrypto, { vkey }: Pick<WitnessClient, 'vkey'>): Verifier {
  const verifier = parseVerifier(crypto, vkey);
  if (verifier?.type !== cosignatureType) throw new Error(`${vkey} is no key for cosignatures`);
  return verifier;
}
