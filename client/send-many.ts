/** Many events at once: as many requests as they need, one receipt. */
import { batchEventsMax, type EventInput } from '#core/event/event.ts';
import type { BatchReceipt, ItemReceipt } from './answers.ts';
import { TrailkeepError } from './error.ts';
import { postLines } from './post-lines.ts';
import type { Transport } from './transport.ts';

/** In UTF-16 units, each at most 3 bytes: below what a request may inflate to (10 MiB). */
const partCharsMax = 3 * 1024 * 1024;

/**
 * Sends events in their order, one request after the other; part n > 0 goes under `<key>-<n>`, so the same call
 * again repeats exactly. When a part fails, the error carries the receipt of the parts before it.
 */
export async function sendMany(
  transport: Transport,
  events: readonly EventInput[],
  idempotencyKey: string,
): Promise<BatchReceipt> {
  const items: ItemReceipt[] = [];
  let receivedAt: string | undefined;
  const receipt = (): BatchReceipt => {
    const accepted = items.filter(({ status }) => status === 'accepted').length;
    return {
      accepted,
      refused: items.length - accepted,
      items,
      ...(receivedAt === undefined ? {} : { received_at: receivedAt }),
    };
  };
  let number = 0;
  for (const lines of parts(events)) {
    try {
      const key = number === 0 ? idempotencyKey : `${idempotencyKey}-${number}`;
      const answer = await postLines(transport, `${lines.join('\n')}\n`, key);
      const first = items.length;
      items.push(...answer.items.map((item) => ({ ...item, index: first + item.index })));
      receivedAt ??= answer.received_at;
    } catch (error) {
      if (!(error instanceof TrailkeepError) || items.length === 0) throw error;
      throw new TrailkeepError({ ...error, detail: error.detail, cause: error, receipt: receipt() });
    }
    number += 1;
  }
  return receipt();
}

function* parts(events: readonly EventInput[]): Generator<readonly string[]> {
  let lines: string[] = [];
  let chars = 0;
  for (const event of events) {
    const line = JSON.stringify(event);
    if (lines.length > 0 && (lines.length === batchEventsMax || chars + line.length > partCharsMax)) {
      yield lines;
      lines = [];
      chars = 0;
    }
    lines.push(line);
    chars += line.length + 1;
  }
  if (lines.length > 0) yield lines;
}
