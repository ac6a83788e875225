/** One batch on its way: gzip NDJSON under an Idempotency-Key that every repeat carries again. */
import type { BatchReceipt } from './answers.ts';
import { TrailkeepError } from './error.ts';
import type { Transport } from './transport.ts';

/** Below this the header of gzip and the work cost more than they save. */
const gzipCharsMin = 1024;

/**
 * Posts events, one JSON object a line. Resolves to what became of each, also when all were refused;
 * rejects with TrailkeepError when the batch as a whole was not taken.
 */
export async function postLines(
  transport: Transport,
  ndjson: string,
  idempotencyKey: string,
  signal?: AbortSignal,
): Promise<BatchReceipt> {
  const zipped = ndjson.length >= gzipCharsMin && typeof CompressionStream === 'function';
  try {
    return await transport<BatchReceipt>({
      method: 'POST',
      path: '/v1/events',
      body: zipped ? await gzip(ndjson) : ndjson,
      headers: {
        'content-type': 'application/x-ndjson',
        'idempotency-key': idempotencyKey,
        ...(zipped ? { 'content-encoding': 'gzip' } : {}),
      },
      signal,
    });
  } catch (error) {
    if (!(error instanceof TrailkeepError) || error.code !== 'batch_refused' || !error.items) throw error;
    return { accepted: 0, refused: error.items.length, items: error.items };
  }
}

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
