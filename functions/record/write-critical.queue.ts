/** Write, critical tier: see write.ts for what can go wrong. No batching window: an event is searchable at once. */
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

export const writeCritical = (ports: WritePorts, messages: readonly QueueMessage[], at: { readonly now: Date }) =>
  write(ports, 'critical', messages, at.now);

export const handler = onQueue(writeCritical, {
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
