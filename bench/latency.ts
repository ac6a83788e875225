/**
 * Latency: the receipt of one warm critical event against the round trip of one SQS message, and the time from
 * the receipt to the event's being readable by its id, through the whole local platform over HTTP.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Limiter } from '#core/record/limiter.ts';
import { type AcceptPorts, accept } from '#functions/record/accept.http.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { SqsOutlet } from '#stores/sqs/outlet.ts';
import { testPlatform } from '#test/support/platform.ts';
import { generate } from './generate.ts';
import { startPlace } from './place.ts';
import { policyOf, tenantId } from './prepared.ts';
import { type Line, percentile, report } from './report.ts';

const full = process.argv.includes('--full');
const acks = full ? 2_000 : 500;
const journeys = full ? 300 : 60;
const critical = generate({ seed: 1, tenants: 1, fromMs: Date.now() - 60_000, toMs: Date.now(), criticalShare: 1 });
const body = () => JSON.stringify(critical.next().value!.input);

/** The two take turns, so that a busy neighbour disturbs both alike. */
async function ackLatency(): Promise<Line[]> {
  const place = await startPlace();
  const client = new SQSClient(clientSettings);
  const outlet = new SqsOutlet(client, place.queueUrl);
  const tenant = tenantId(0);
  const ports: AcceptPorts = {
    control: { tenant: async () => policyOf(tenant) },
    claims: { claim: async (_tenant, _key, claim) => claim },
    outlets: { critical: outlet, bulk: outlet },
    limiter: new Limiter(),
  };
  const receipt = (text: string) =>
    accept(ports, {
      method: 'POST',
      path: '/v1/events',
      params: {},
      query: new URLSearchParams(),
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(text),
      caller: { tenant, kind: 'key', keyId: 'aaaaaaaaaaaaaaaaaaaa', scopes: ['events:write'], eventsPerSecond: 1e9 },
      requestId: 'bench',
      sourceIp: '127.0.0.1',
      now: new Date(),
    });
  const ours: number[] = [];
  const sqs: number[] = [];
  for (let n = -100; n < acks; n++) {
    const text = body();
    const first = performance.now();
    await client.send(new SendMessageCommand({ QueueUrl: place.queueUrl, MessageBody: text, MessageGroupId: tenant }));
    const second = performance.now();
    await receipt(text);
    const third = performance.now();
    if (n < 0) continue;
    sqs.push(second - first);
    ours.push(third - second);
  }
  client.destroy();
  await place.close();
  return [50, 95].map((p) => ({
    path: `receipt of one critical event, p${p}`,
    figure: percentile(ours, p),
    unit: 'ms',
    against: { name: 'SQS SendMessage', figure: percentile(sqs, p) },
    goal: p === 95 ? '< 10 ms above it' : '–',
  }));
}

/** From the sending and from the receipt of each event until GET /v1/events/{id} has it, one event at a time. */
async function journeyLatency(): Promise<Line[]> {
  const platform = await testPlatform();
  try {
    const { apiKey } = await platform.makeTenant('bench');
    const received: number[] = [];
    const readable: number[] = [];
    for (let n = -10; n < journeys; n++) {
      const sent = performance.now();
      const answer = await platform.call('POST', '/v1/events', {
        key: apiKey,
        body: body(),
        headers: { 'content-type': 'application/json' },
      });
      if (answer.status !== 202) throw new Error(answer.text);
      const acked = performance.now();
      for (;;) {
        const shown = await platform.call('GET', `/v1/events/${answer.json.id}`, { key: apiKey });
        if (shown.status === 200) break;
        if (performance.now() - acked > 30_000) throw new Error('an event is not readable after 30 s');
        await sleep(2);
      }
      if (n < 0) continue;
      received.push(acked - sent);
      readable.push(performance.now() - acked);
    }
    const line = (path: string, values: readonly number[], p: number): Line => ({
      path: `${path}, p${p}`,
      figure: percentile(values, p),
      unit: 'ms',
    });
    return [
      ...[50, 95].map((p) => line('POST /v1/events over HTTP, local platform', received, p)),
      ...[50, 99].map((p) => line('receipt to readable by id, local platform', readable, p)),
    ];
  } finally {
    await platform.end();
  }
}

const lines = await ackLatency();
try {
  lines.push(...(await journeyLatency()));
} catch (error) {
  console.log(`skipped: the local platform does not start here (${(error as Error).message})`);
}
report(`Latency, ${acks} receipts and ${journeys} journeys, one at a time`, lines);
