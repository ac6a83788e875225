/** Packs event lines into queue messages and opens them again. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Event, Tier } from '#core/event/event.ts';
import { eventBytesMax } from '#core/event/event.ts';
import { fail, ok, type Result } from '#core/event/problem.ts';
import { type Envelope, type EventLine, envelopeRawBytesMax } from '#core/record/envelope.ts';

/** One message's raw lines may exceed the target by one event, never by more. */
const inflatedBytesMax = envelopeRawBytesMax + eventBytesMax + 1024;

/** The queue is short-lived and SQS bills by 64 KiB: speed wins over the last tenth of size. */
const fastest = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/**
 * Message bodies for the lines of one tenant and tier, each at most `envelopeRawBytesMax` of raw JSON lines.
 */
export function packEnvelopes(tenant: string, tier: Tier, lines: readonly string[]): string[] {
  const bodies: string[] = [];
  let held: string[] = [];
  let bytes = 0;
  const close = () => {
    if (held.length === 0) return;
    const zst = zstdCompressSync(held.join('\n'), fastest).toString('base64');
    const envelope: Envelope = { v: 1, tenant, tier, n: held.length, zst };
    bodies.push(JSON.stringify(envelope));
    held = [];
    bytes = 0;
  };
  for (const line of lines) {
    const lineBytes = Buffer.byteLength(line) + 1;
    if (bytes + lineBytes > envelopeRawBytesMax) close();
    held.push(line);
    bytes += lineBytes;
  }
  close();
  return bodies;
}

/** The lines of a message, or why it cannot be read (`message_unreadable`). */
export function openEnvelope(
  body: string,
): Result<{ readonly tenant: string; readonly tier: Tier; readonly lines: readonly EventLine[] }> {
  try {
    const envelope = JSON.parse(body) as Envelope;
    if (envelope.v !== 1) return fail('message_unreadable', `The envelope has version ${String(envelope.v)}, not 1.`);
    const text = zstdDecompressSync(Buffer.from(envelope.zst, 'base64'), {
      maxOutputLength: inflatedBytesMax,
    }).toString();
    const lines = text.split('\n').map((line) => ({ event: JSON.parse(line) as Event, line }));
    if (lines.length !== envelope.n) {
      return fail('message_unreadable', `The envelope says ${envelope.n} events and holds ${lines.length}.`);
    }
    const foreign = lines.find(({ event }) => event.tenant !== envelope.tenant);
    if (foreign) return fail('message_unreadable', 'An event names another tenant than its envelope.');
    return ok({ tenant: envelope.tenant, tier: envelope.tier, lines });
  } catch (error) {
    return fail(
      'message_unreadable',
      `The envelope cannot be opened: ${error instanceof Error ? error.message : error}`,
    );
  }
}
