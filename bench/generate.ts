/**
 * Events as real traffic is: zipfian tenants and actors, a month of them, about 750 bytes each. The same
 * seed gives the same events.
 */
import type { EventInput } from '#core/event/event.ts';
import { random, zipf } from '#local/random.ts';

const bulkActions = [
  'document.view',
  'document.update',
  'api.call',
  'report.read',
  'file.download',
  'search.run',
  'comment.create',
];
const criticalActions = ['user.login', 'user.logout', 'role.assign', 'permission.grant', 'key.create', 'export.create'];

export interface Generated {
  /** 0 … tenants-1 */
  readonly tenant: number;
  readonly input: EventInput;
}

/** An endless, repeatable stream of events between two times. */
export function* generate(options: {
  readonly seed: number;
  readonly tenants: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly criticalShare: number;
}): Generator<Generated> {
  const next = random(options.seed);
  const tenant = zipf(next, options.tenants, 1.1);
  const actor = zipf(next, 5_000, 1.0);
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
  for (;;) {
    const critical = next() < options.criticalShare;
    const actions = critical ? criticalActions : bulkActions;
    const who = actor();
    const denied = next() < 0.03;
    const time = options.fromMs + Math.floor(next() * (options.toMs - options.fromMs));
    yield {
      tenant: tenant(),
      input: {
        action: actions[Math.floor(next() * actions.length)]!,
        occurred_at: new Date(time).toISOString(),
        actor: { type: 'user', id: `user-${who}`, name: `Person ${who}`, email: `person${who}@example.com` },
        outcome: denied ? { result: 'denied', reason: 'policy' } : { result: 'success' },
        targets: [{ type: 'document', id: `doc-${Math.floor(next() * 100_000)}`, name: 'Quarterly plan' }],
        context: {
          ip: `10.${who % 250}.${Math.floor(next() * 250)}.${1 + Math.floor(next() * 250)}`,
          user_agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36',
          session_id: hex(24),
          request_id: `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
          service: 'documents',
        },
        metadata: { plan: 'enterprise', region: 'eu-west-1', bytes: Math.floor(next() * 1e6), cached: next() < 0.5 },
      },
    };
  }
}
