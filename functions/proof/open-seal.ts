/** How the ports of sealing are opened, the same for its queues and its sweep. */
import {
  openAnchors,
  openClock,
  openLogHost,
  openLogLedger,
  openLogSigner,
  openLogStore,
  openNewSlug,
  openProofCrypto,
  openRecorder,
  openWitnessKeys,
} from '#functions/runtime/open.ts';
import type { Openers } from '#functions/runtime/ports.ts';
import type { SealLogPorts } from './seal-ports.ts';

export const openSealPorts: Openers<SealLogPorts> = {
  ledger: openLogLedger,
  logs: openLogStore,
  signer: openLogSigner,
  crypto: openProofCrypto,
  anchors: openAnchors,
  recorder: openRecorder,
  host: openLogHost,
  witnessKeys: openWitnessKeys,
  newSlug: openNewSlug,
  clock: openClock,
};
