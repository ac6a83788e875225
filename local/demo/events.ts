/**
 * Half a year of audit events: what people of a company do on their working days, what machines do all day, and four
 * incidents that somebody should find.
 */
import type { EventInput } from '#core/event/event.ts';
import { between, type Random, random, seedOf, zipf } from '../random.ts';
import { applicationName, type Company, person } from './companies.ts';

export interface Incident {
  readonly name: 'password-spray' | 'privilege-escalation' | 'mass-export' | 'log-tampering';
  readonly what: string;
  /** ISO 8601, of its first and last event. */
  readonly from: string;
  readonly to: string;
  readonly actor: string;
  readonly events: number;
}

export interface DemoEvents {
  /** By time. */
  readonly events: readonly EventInput[];
  readonly incidents: readonly Incident[];
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;
const people = 48;

/** Weight, action, and what it is done to. Every category of the catalogue is there. */
const everyday: readonly (readonly [number, string, string])[] = [
  [14, 'user.login', 'session'],
  [3, 'user.login_failed', 'session'],
  [8, 'user.logout', 'session'],
  [2, 'mfa.challenge', 'session'],
  [22, 'document.view', 'document'],
  [10, 'document.update', 'document'],
  [6, 'customer.view', 'customer'],
  [3, 'customer.update', 'customer'],
  [5, 'report.read', 'report'],
  [12, 'api.call', 'endpoint'],
  [2, 'config.update', 'setting'],
  [2, 'deploy.start', 'service'],
  [1, 'backup.run', 'database'],
  [2, 'role.assign', 'role'],
  [1, 'permission.grant', 'permission'],
  [1, 'api_key.create', 'api_key'],
  [1, 'secret.read', 'secret'],
  [1, 'data.export', 'dataset'],
  [2, 'system.health', 'service'],
];
const weights = everyday.reduce((sum, [weight]) => sum + weight, 0);

/** The action whose share of all weights `at` falls into. */
function chosen(at: number): readonly [string, string] {
  let sum = 0;
  for (const [weight, action, kind] of everyday) {
    sum += weight;
    if (at < sum) return [action, kind];
  }
  return ['user.login', 'session'];
}

/** Events on the days before `until` (ms since 1970, a midnight in UTC), `days` of them. */
export function demoEvents(company: Company, options: { seed: number; until: number; days: number }): DemoEvents {
  const { seed, until, days } = options;
  const next = random(seedOf(seed, company.slug, 'events'));
  const who = zipf(next, people, 0.8);
  const events: EventInput[] = [];
  while (events.length < company.events) {
    const day = until - between(next, 1, days) * dayMs;
    const isWeekend = [0, 6].includes(new Date(day).getUTCDay());
    if (isWeekend && next() < 0.85) continue;
    const time = day + 7 * hourMs + Math.floor(((next() + next() + next()) / 3) * 11 * hourMs);
    events.push(usual(company, next, who(), time));
  }
  const planted = incidents(company, random(seedOf(seed, company.slug, 'incidents')), until);
  for (const { events: some } of planted) events.push(...some);
  events.sort((a, b) => (a.occurred_at! < b.occurred_at! ? -1 : a.occurred_at! > b.occurred_at! ? 1 : 0));
  return {
    // A key of its own for each makes a load that is repeated the same load.
    events: events.map((event, at) => ({ ...event, idempotency_key: `demo-${seed}-${company.slug}-${at}` })),
    incidents: planted.map(({ events: some, ...rest }) => ({
      ...rest,
      from: some[0]!.occurred_at!,
      to: some.at(-1)!.occurred_at!,
      events: some.length,
    })),
  };
}

/** An address of the office of a person, always the same one. */
const office = (n: number): string => `10.20.${n % 8}.${10 + n}`;

function usual(company: Company, next: Random, n: number, time: number): EventInput {
  const [action, kind] = chosen(next() * weights);
  const failed = action === 'user.login_failed' || next() < 0.02;
  const ofMachine = action.startsWith('system.') || action === 'backup.run';
  const { id, name, email } = person(company, n);
  const personal = kind === 'customer';
  return {
    action,
    occurred_at: new Date(time).toISOString(),
    actor: ofMachine ? { type: 'service', id: 'scheduler' } : { type: 'user', id, name, email },
    outcome: failed
      ? { result: action.startsWith('user.') ? 'failure' : 'denied', reason: 'policy' }
      : { result: 'success' },
    targets: [{ type: kind, id: `${kind}-${between(next, 1, 400)}` }],
    context: {
      ip: office(n),
      service: applicationName(n % company.applications),
      session_id: `s-${n}-${Math.floor(time / dayMs)}`,
    },
    ...(personal ? { data_class: company.slug === 'halden' ? 'phi' : 'pii' } : {}),
    ...(action === 'config.update'
      ? { changes: [{ path: '/limits/daily', before: 100, after: between(next, 1, 9) * 100 }] }
      : {}),
    metadata: { demo: true },
  };
}

type Planted = Omit<Incident, 'from' | 'to' | 'events'> & { readonly events: EventInput[] };

function incidents(company: Company, next: Random, until: number): Planted[] {
  const stranger = '203.0.113.77';
  const at = (daysAgo: number, hours: number) => until - daysAgo * dayMs + hours * hourMs;
  const event = (
    time: number,
    action: string,
    actor: string,
    rest: Omit<EventInput, 'action' | 'actor'>,
  ): EventInput => ({
    action,
    occurred_at: new Date(time).toISOString(),
    actor: { type: 'user', id: actor },
    metadata: { demo: true },
    ...rest,
  });
  const failure = { result: 'failure', reason: 'bad_password' } as const;

  // Many accounts, few tries each, one address, at night; the last one opens.
  const spray: EventInput[] = [];
  for (let n = 0; n < 40; n++) {
    for (let round = 0; round < 3; round++) {
      const time = at(21, 2) + (round * 40 + n) * 20_000 + between(next, 0, 5_000);
      spray.push(
        event(time, 'user.login_failed', person(company, n).id, { outcome: failure, context: { ip: stranger } }),
      );
    }
  }
  const victim = person(company, 31).id;
  spray.push(event(at(21, 2) + 45 * minuteMs, 'user.login', victim, { context: { ip: stranger } }));

  // Who never changed a role gives one to himself, makes a key with it, and takes the role back.
  const climber = person(company, 17).id;
  const self = [
    { type: 'user', id: climber },
    { type: 'role', id: 'administrator' },
  ];
  const escalation = [
    event(at(14, 19), 'role.assign', climber, {
      targets: self,
      changes: [{ path: '/roles', before: ['analyst'], after: ['analyst', 'administrator'] }],
    }),
    event(at(14, 19) + 4 * minuteMs, 'api_key.create', climber, {
      targets: [{ type: 'api_key', id: 'key-9001' }],
      severity: 'high',
    }),
    event(at(14, 19) + 9 * minuteMs, 'permission.grant', climber, {
      targets: [{ type: 'permission', id: 'payments:approve' }],
    }),
    event(at(14, 19) + 11 * minuteMs, 'role.unassign', climber, { targets: self }),
  ];

  // Sixty exports in an hour, where the company has two a day.
  const leaver = person(company, 8).id;
  const exports = Array.from({ length: 60 }, (_, n) =>
    event(at(6, 22) + n * minuteMs, 'data.export', leaver, {
      targets: [{ type: 'dataset', id: `customers-${n}` }],
      data_class: company.slug === 'halden' ? 'phi' : 'pii',
      context: { ip: office(8), user_agent: 'curl/8.5.0' },
      metadata: { demo: true, rows: between(next, 8_000, 20_000) },
    }),
  );

  // The trail itself: recording is switched off for a while, and on again.
  const admin = person(company, 2).id;
  const tampering = [
    event(at(3, 3), 'audit.config.update', admin, {
      changes: [{ path: '/recording', before: true, after: false }],
      severity: 'critical',
    }),
    event(at(3, 3) + 25 * minuteMs, 'audit.config.update', admin, {
      changes: [{ path: '/recording', before: false, after: true }],
      severity: 'critical',
    }),
  ];
  return [
    {
      name: 'password-spray',
      what: 'Three tries on each of 40 accounts from one address at night; one opens.',
      actor: victim,
      events: spray,
    },
    {
      name: 'privilege-escalation',
      what: 'An analyst makes himself administrator for eleven minutes.',
      actor: climber,
      events: escalation,
    },
    { name: 'mass-export', what: 'Sixty exports of customers in an hour.', actor: leaver, events: exports },
    { name: 'log-tampering', what: 'Recording is switched off for 25 minutes.', actor: admin, events: tampering },
  ];
}
