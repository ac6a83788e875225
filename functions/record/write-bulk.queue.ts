/** Write, bulk tier: see write.ts for what can go wrong. A window fills the segments: one PUT for many events. */
import {
  openAnnouncer,
  openCipher,
  openControl,
  openDeadLetters,
  openLedger,
  openNewId,
  openRandom,
  openSegments,
  openSubjectKeys,
  openTogether,
} from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { type WritePorts, write } from './write.ts';

export const writeBulk = (ports: WritePorts, messages: readonly QueueMessage[], at: { readonly now: Date }) =>
  write(ports, 'bulk', messages, at.now);

export const handler = onQueue(writeBulk, {
  segments: openSegments,
  ledger: openLedger,
  together: openTogether,
  announcer: openAnnouncer,
  deadLetters: openDeadLetters,
  newId: openNewId,
  control: openControl,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  random: openRandom,
});
