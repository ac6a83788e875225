import type { Event, Tier } from '#core/event/event.ts';

/**
 * What travels on the critical and bulk queues: many events of one tenant in one
 * message. `zst` is base64 of zstd of JSON lines, each the canonical bytes of an event.
 * Only our own functions read it; zstd at its fastest is as small as gzip and takes a third of the time.
 */
export interface Envelope {
  readonly v: 1;
  readonly tenant: string;
  readonly tier: Tier;
  readonly n: number;
  readonly zst: string;
}

/**
 * SQS takes 1 MiB a message and bills every 64 KiB. 512 KiB of JSON lines make
 * about 150 KiB of base64, and even incompressible lines stay below the limit.
 */
export const envelopeRawBytesMax = 512 * 1024;

/** A canonical event line with the fields that sorting and indexing need, so that nobody parses it twice. */
export interface EventLine {
  readonly event: Event;
  /** RFC 8785 bytes of the event, without the newline. */
  readonly line: string;
}
