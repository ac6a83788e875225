/** What verifying leans on. It logs in as trailkeep_verifier. */
import {
  openArchiveFiles,
  openArchiveObjects,
  openBlocks,
  openClock,
  openLogSigner,
  openLogStore,
  openProofCrypto,
  openRecorder,
  openSegments,
  openVerification,
} from '#functions/runtime/open.ts';

export const openVerifyPorts = {
  verification: openVerification,
  logs: openLogStore,
  blocks: openBlocks,
  segments: openSegments,
  archive: openArchiveObjects,
  archiveFiles: openArchiveFiles,
  signer: openLogSigner,
  crypto: openProofCrypto,
  recorder: openRecorder,
  clock: openClock,
};
