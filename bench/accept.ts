/** Accept: events a second through the verb (authenticated, validated, classified, packed), against JSON.parse + JSON.stringify of the same bytes. */
import type { TenantPolicy } from '#core/access/access.ts';
import { Limiter } from '#core/record/limiter.ts';
import { type AcceptPorts, accept } from '#functions/record/accept.http.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { generate } from './generate.ts';
import { median, report } from './report.ts';

const events = 20_000;
const batch = 500;
const rounds = 7;
const tenant = '01890000-0000-7000-8000-00000000000a';

const bodies: Buffer[] = [];
const now = new Date();
const traffic = generate({
  seed: 42,
  tenants: 1,
  fromMs: now.getTime() - 3_600_000,
  toMs: now.getTime(),
  criticalShare: 0.05,
});
for (let at = 0; at < events; at += batch) {
  bodies.push(Buffer.from(JSON.stringify(Array.from({ length: batch }, () => traffic.next().value!.input))));
}

const policy: TenantPolicy = { v: 1, tenant, name: 'bench', catalogue: [], tiers: {}, schemaMode: 'flag', schemas: [] };
const ports: AcceptPorts = {
  control: { tenant: async () => policy },
  claims: { claim: async (_tenant, _key, claim) => claim },
  outlets: { critical: { send: async () => {} }, bulk: { send: async () => {} } },
  limiter: new Limiter(),
};
const requestOf = (body: Buffer): HttpRequest => ({
  method: 'POST',
  path: '/v1/events',
  params: {},
  query: new URLSearchParams(),
  headers: { 'content-type': 'application/json' },
  body,
  caller: { tenant, kind: 'key', keyId: 'k', scopes: ['events:write'], eventsPerSecond: 1e9 },
  requestId: 'bench',
  sourceIp: '127.0.0.1',
  now,
});

async function acceptRound(): Promise<number> {
  const start = performance.now();
  for (const body of bodies) {
    const answer = await accept(ports, requestOf(body));
    if ((answer.body as { accepted: number }).accepted !== batch) throw new Error('a bench event was refused');
  }
  return (events / (performance.now() - start)) * 1000;
}

function jsonRound(): number {
  const start = performance.now();
  let bytes = 0;
  for (const body of bodies) bytes += JSON.stringify(JSON.parse(body.toString())).length;
  if (bytes === 0) throw new Error('nothing was done');
  return (events / (performance.now() - start)) * 1000;
}

const ours: number[] = [];
const limit: number[] = [];
// Once for the compiler, uncounted.
jsonRound();
await acceptRound();
for (let round = 0; round < rounds; round++) {
  limit.push(jsonRound());
  ours.push(await acceptRound());
}
const bytes = bodies.reduce((sum, body) => sum + body.length, 0) / events;
report(`Accept, ${events.toLocaleString('en-GB')} events of ${Math.round(bytes)} bytes in batches of ${batch}`, [
  {
    path: 'accept',
    figure: median(ours),
    unit: 'events/s',
    against: { name: 'JSON.parse + JSON.stringify', figure: median(limit) },
    goal: '≥ 0.25',
  },
]);
