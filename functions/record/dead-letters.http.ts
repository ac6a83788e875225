/**
 * Dead letters: what could not be stored, why, and the way back.
 *
 * Looking consumes nothing. A redrive sends each message before it deletes it, so a crash repeats one and loses
 * none, and readers see a repeated event once. Unknown queue names answer not_found.
 */
import * as z from 'zod';
import type { DeadLetterDesk } from '#core/record/ports.ts';
import { jsonBody, onHttp, requireScope } from '#functions/runtime/http.ts';
import { openDeadLetterDesk } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';

export interface DeadLettersPorts {
  readonly desk: DeadLetterDesk;
}

/** Ten receives of SQS; a person reads no more at once. */
const peekMax = 100;

export const redriveBody = z.strictObject({
  /** How many messages at most; all when absent. */
  limit: z.int().min(1).max(100_000).optional(),
});

export async function deadLetters({ desk }: DeadLettersPorts, request: HttpRequest): Promise<HttpResponse> {
  requireScope(request, 'admin');
  const name = request.params.queue;
  if (name === undefined) {
    const queues = await desk.list();
    return { status: 200, body: { queues: queues.map(shown) } };
  }
  if (request.method === 'GET') return { status: 200, body: { messages: (await desk.peek(name, peekMax)).map(shown) } };
  const { limit } = request.body && request.body.length > 0 ? jsonBody(request, redriveBody) : {};
  return { status: 200, body: { moved: await desk.redrive(name, limit) } };
}

/** The wire writes names in snake_case. */
function shown(one: object): object {
  return Object.fromEntries(
    Object.entries(one).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  );
}

export const handler = onHttp(deadLetters, { desk: openDeadLetterDesk });
