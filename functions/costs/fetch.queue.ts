/**
 * Ask a source: the only function that signs in at places of tenants. It lives outside our network, speaks to no database,
 * and knows of a tenant what an order says.
 *
 * Pages are objects before the answer that names them is sent; a crash asks the source again. What a source does wrong is
 * an answer too, in words for the tenant; only our own places fail a message.
 */
import * as z from 'zod';
import type { Page } from '#core/costs/appdynamics.ts';
import { type Connector, type FetchOrder, type Pages, SourceFault } from '#core/costs/fetch-ports.ts';
import { redact } from '#core/costs/redact.ts';
import { sourceKinds } from '#core/costs/source.ts';
import type { JsonObject } from '#core/event/event.ts';
import type { TenantSecrets } from '#core/jobs/ports.ts';
import type { Outlet } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { openConnectors, openEtlQueue, openPagesOut, openTenantSecrets } from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';

export interface FetchPorts {
  readonly secrets: Pick<TenantSecrets, 'get'>;
  readonly connectors: Readonly<Record<FetchOrder['kind'], Connector>>;
  readonly pages: Pick<Pages, 'put'>;
  /** Back to the one who loads. */
  readonly answers: Outlet;
}

/** An object holds about so many characters of pages. */
const objectChars = 8 * 1024 * 1024;

const orderSchema = z.object({
  v: z.literal(1),
  question: z.object({
    v: z.literal(1),
    tenant: z.uuid(),
    run: z.uuid(),
    part: z.string().min(1).max(300),
    asked: z.int().optional(),
  }),
  source: z.uuid(),
  kind: z.enum(sourceKinds).extract(['appdynamics', 'servicenow']),
  settings: z.record(z.string(), z.json()),
  stream: z.string(),
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
  position: z.string().optional(),
});

export async function fetchSource(
  ports: FetchPorts,
  messages: readonly QueueMessage[],
  { now }: { readonly now: Date },
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { body, messageId } of messages) {
    const parsed = orderSchema.safeParse(JSON.parse(body));
    if (!parsed.success) {
      logger.error('a message is not an order', { messageId });
      failed.push(messageId);
      continue;
    }
    const order = parsed.data as FetchOrder;
    const answer = await answerTo(ports, order, now);
    const { question } = order;
    await ports.answers.send([{ body: JSON.stringify({ ...question, answer }), group: question.tenant }]);
  }
  return failed;
}

async function answerTo(ports: FetchPorts, order: FetchOrder, now: Date): Promise<JsonObject> {
  const { question, source, kind } = order;
  try {
    const secret = await ports.secrets.get(question.tenant, source);
    if (secret === undefined) throw new SourceFault('secret_missing', 'The source has no secret: set it again.');
    const objects: string[] = [];
    let waiting: Page[] = [];
    let chars = 0;
    const put = async () => {
      objects.push(await ports.pages.put(question, objects.length, waiting));
      [waiting, chars] = [[], 0];
    };
    for await (const page of ports.connectors[kind].fetch(order, secret)) {
      const kept = { ...page, body: redact(page.body) };
      waiting.push(kept);
      chars += JSON.stringify(kept).length;
      if (chars >= objectChars) await put();
    }
    if (waiting.length > 0) await put();
    return { objects, asked_at: now.toISOString() };
  } catch (error) {
    if (!(error instanceof SourceFault)) throw error;
    const { code, message, again, notBefore } = error;
    const { tenant, run, part } = question;
    logger.warn('a source could not be read', { tenant, run, part, kind, code });
    metric('costs', 'sourceFailed', 1);
    return { fault: { code, message, again, ...(notBefore ? { not_before: notBefore.toISOString() } : {}) } };
  }
}

export const handler = onQueue(fetchSource, {
  secrets: openTenantSecrets,
  connectors: openConnectors,
  pages: openPagesOut,
  answers: openEtlQueue,
});
