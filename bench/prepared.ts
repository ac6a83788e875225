/** Generated events taken through accept, as the queue holds them. */
import type { TenantPolicy } from '#core/access/access.ts';
import type { Tier } from '#core/event/event.ts';
import { Limiter } from '#core/record/limiter.ts';
import { accept } from '#functions/record/accept.http.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';
import { type Generated, generate } from './generate.ts';

/** The n-th tenant's id. */
export const tenantId = (n: number): string => `01890000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

export const policyOf = (tenant: string): TenantPolicy => ({
  v: 1,
  tenant,
  name: 'bench',
  catalogue: [],
  tiers: {},
  schemaMode: 'flag',
  schemas: [],
});

/** Takes events in at a time and resolves with the messages of each tier. */
export async function accepted(events: readonly Generated[], now: Date): Promise<Record<Tier, QueueMessage[]>> {
  const messages: Record<Tier, QueueMessage[]> = { critical: [], bulk: [] };
  const outlet = (tier: Tier) => ({
    send: async (sent: readonly { readonly body: string }[]) => {
      for (const { body } of sent) {
        const messageId = `${tier}-${messages[tier].length}`;
        messages[tier].push({ messageId, body, queue: tier, receiveCount: 1, sentAt: now.getTime() });
      }
    },
  });
  const outlets = { critical: outlet('critical'), bulk: outlet('bulk') };
  for (const [n, own] of Map.groupBy(events, ({ tenant }) => tenant)) {
    const tenant = tenantId(n);
    for (let at = 0; at < own.length; at += 1000) {
      const inputs = own.slice(at, at + 1000).map(({ input }) => input);
      const ports = {
        control: { tenant: async () => policyOf(tenant) },
        claims: { claim: async <T>(_tenant: string, _key: string, claim: T) => claim },
        outlets,
        limiter: new Limiter(),
      };
      const { body } = await accept(ports, {
        method: 'POST',
        path: '/v1/events',
        params: {},
        query: new URLSearchParams(),
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify(inputs)),
        caller: { tenant, kind: 'key', keyId: 'aaaaaaaaaaaaaaaaaaaa', scopes: ['events:write'], eventsPerSecond: 1e9 },
        requestId: 'bench',
        sourceIp: '127.0.0.1',
        now,
      });
      if ((body as { accepted: number }).accepted !== inputs.length) throw new Error('a bench event was refused');
    }
  }
  return messages;
}

/** Messages of `count` recent events of one tier, accepted in batches of `batch` over `tenants` tenants. */
export async function batchesOf(
  tier: Tier,
  options: { readonly count: number; readonly batch: number; readonly tenants: number; readonly seed: number },
): Promise<QueueMessage[][]> {
  const now = new Date();
  const traffic = generate({
    seed: options.seed,
    tenants: options.tenants,
    fromMs: now.getTime() - 3_600_000,
    toMs: now.getTime(),
    criticalShare: tier === 'critical' ? 1 : 0,
  });
  const batches: QueueMessage[][] = [];
  for (let made = 0; made < options.count; made += options.batch) {
    const events = Array.from({ length: Math.min(options.batch, options.count - made) }, () => traffic.next().value!);
    batches.push((await accepted(events, now))[tier]);
  }
  return batches;
}
