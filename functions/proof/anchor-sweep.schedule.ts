/**
 * The sweep of anchors: asks for every log whose published checkpoint lacks a cosignature of the last hour, so that
 * no trigger has to arrive, and so that an idle log keeps telling that it stands still.
 *
 * It reads the evidence bucket and no database: a database that pauses or is restored stops no witness.
 */
import { cosignatureOf, isFresh } from '#core/proof/anchor.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import type { Anchors, LogStore } from '#core/proof/ports.ts';
import type { LogDirectory, WitnessClient } from '#core/proof/witness-ports.ts';
import { metric } from '#functions/runtime/observe.ts';
import {
  openAnchors,
  openLogDirectory,
  openLogStore,
  openProofCrypto,
  openWitnesses,
} from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { verifierOf } from './anchor-log.ts';

/** A cosignature with a time every hour, also while nothing is written. */
const freshSeconds = 3_600;
/** Checkpoints read at once. */
const atOnce = 16;

export interface AnchorSweepPorts {
  readonly crypto: ProofCrypto;
  readonly directory: LogDirectory;
  readonly logs: Pick<LogStore, 'checkpoint'>;
  readonly witnesses: readonly WitnessClient[];
  readonly anchors: Anchors;
}

export async function sweepAnchors(ports: AnchorSweepPorts, { now }: { readonly now: Date }) {
  const verifiers = ports.witnesses.map((client) => verifierOf(ports.crypto, client));
  let logs = 0;
  let asked = 0;
  const look = async (slug: string) => {
    const published = await ports.logs.checkpoint(slug);
    if (!published) return;
    logs++;
    if (verifiers.every((one) => isFresh(cosignatureOf(ports.crypto, published.note, one), now, freshSeconds))) return;
    await ports.anchors.ask(slug);
    asked++;
  };
  if (verifiers.length > 0) {
    let some: string[] = [];
    for await (const slug of ports.directory.slugs()) {
      some.push(slug);
      if (some.length < atOnce) continue;
      await Promise.all(some.map(look));
      some = [];
    }
    await Promise.all(some.map(look));
  }
  metric('proof', 'anchorsAsked', asked);
  return { logs, asked };
}

export const handler = onSchedule(sweepAnchors, {
  crypto: openProofCrypto,
  directory: openLogDirectory,
  logs: openLogStore,
  witnesses: openWitnesses,
  anchors: openAnchors,
});
