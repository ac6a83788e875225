/** Usage, licences, costs and a mapping, from other people's HTTP and files to rows and to the trail, through a job. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpsServer, startOps } from '#local/ops/server.ts';
import { type Answer, type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { smallOps } from '../local/ops/small.ts';

let platform: TestPlatform;
let ops: OpsServer;
let key: string;
const secret = 'secret of acme';
beforeAll(async () => {
  [platform, ops] = await Promise.all([
    testPlatform(),
    startOps({ dataset: smallOps, now: () => new Date('2026-11-21T01:00:00Z') }),
  ]);
  key = (await platform.makeTenant('Acme')).apiKey;
});
afterAll(async () => {
  await ops?.close();
  await platform?.end();
});

const call = (method: string, path: string, json?: unknown) =>
  platform.call(method, path, { key, ...(json === undefined ? {} : { json }) });
const made = async (json: object): Promise<string> => {
  const answer = await call('POST', '/v1/sources', json);
  expect(answer.status, answer.text).toBe(201);
  expect(answer.text).not.toContain('secret of');
  return answer.json.id;
};

async function runJob(id: string): Promise<Answer['json']> {
  const run = await call('POST', `/v1/jobs/${id}/run`, {});
  expect(run.status, run.text).toBe(202);
  for (let tries = 0; tries < 300; tries += 1) {
    const { json } = await call('GET', `/v1/jobs/${id}/history`);
    const found = json.runs.find((one: { id: string }) => one.id === run.json.id);
    if (['succeeded', 'failed', 'refused'].includes(found.state)) return found;
    await sleep(200);
  }
  throw new Error('the run does not end');
}

test('sources are asked outside, loaded inside, and told of', { timeout: 120_000 }, async () => {
  const acme = await made({
    ...{ kind: 'appdynamics', name: 'acme', secret },
    settings: { url: `${ops.url}/acme`, client_id: 'etl@acme', from_day: '2026-11-01' },
  });
  await made({
    ...{ kind: 'servicenow', name: 'cmdb', secret: 'secret of servicenow' },
    settings: { url: `${ops.url}/servicenow`, client_id: 'etl', tables: ['cmdb_ci_appl'] },
  });
  const bills = await made({ kind: 'focus', name: 'bills', settings: { application_tag: 'app' } });
  const price = { package: 'ENTERPRISE', from_day: '2026-01-01', currency: 'EUR', amount: '1.25' };
  expect((await call('POST', '/v1/prices', price)).status).toBe(201);
  expect((await call('POST', '/v1/prices', price)).status).toBe(201);
  expect((await call('POST', '/v1/prices', { ...price, amount: '2' })).json.code).toBe('conflict');

  const offer = await call('POST', `/v1/sources/${bills}/files`, { name: '2026-11.csv' });
  expect(offer.status).toBe(201);
  const columns =
    'BilledCost,EffectiveCost,ContractedCost,ListCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ProviderName,ServiceCategory,ServiceName,Tags';
  const good = '0.1,0.1,0.1,0.1,EUR,Usage,2026-11-02,AWS,Compute,EC2,"{""app"": ""Shop""}"';
  const bad = good.replace('0.1', 'ten');
  const put = await fetch(offer.json.url, { method: 'PUT', body: `${columns}\n${good}\n${good}\n${bad}\n` });
  expect(put.status).toBe(200);

  const timing = { every: 'day', time: '03:00' };
  const job = await call('POST', '/v1/jobs', { name: 'nightly load', kind: 'etl', timing });
  expect(job.status, job.text).toBe(201);
  const run = await runJob(job.json.id);
  expect(run).toMatchObject({ state: 'succeeded', error: null });
  expect(run.rows.rejected).toBe(1);

  const { json: shown } = await call('GET', `/v1/sources/${acme}`);
  expect(shown.watermarks.map((one: { stream: string }) => one.stream)).toEqual(['usage']);
  expect((await call('GET', `/v1/sources/${acme}/loads?limit=2`)).json.loads).toHaveLength(2);
  expect((await call('GET', `/v1/sources/${bills}/files`)).json.files).toMatchObject([
    { name: '2026-11.csv', loaded: true },
  ]);
  const aside = (await call('GET', `/v1/sources/${bills}/quarantine`)).json.rows;
  expect(aside).toMatchObject([{ place: 'row 3', code: 'amount_invalid' }]);

  const again = await runJob(job.json.id);
  expect(again).toMatchObject({ state: 'succeeded' });
  expect(again.rows.written).toBeLessThan(run.rows.written);

  await platform.settled();
  const events = (await call('GET', '/v1/events?action=costs.*,job.*&limit=200')).text;
  for (const action of ['costs.source_created', 'costs.file_offered', 'costs.price_set', 'job.succeeded']) {
    expect(events).toContain(action);
  }
  expect(events).not.toContain('secret of');
});

test('a source that is wrong fails its run in words for the tenant, and the others are loaded', {
  timeout: 120_000,
}, async () => {
  const broken = await made({
    ...{ kind: 'appdynamics', name: 'broken', secret: 'not the secret' },
    settings: { url: `${ops.url}/beta`, client_id: 'etl@beta' },
  });
  const config = { sources: [broken] };
  const timing = { every: 'day', time: '03:00' };
  const job = await call('POST', '/v1/jobs', { name: 'broken', kind: 'etl', timing, config, attempts_max: 1 });
  const run = await runJob(job.json.id);
  expect(run).toMatchObject({ state: 'failed', error: { code: 'source_denied' } });
  expect(run.error.message).not.toContain('not the secret');
});

test('another address takes its secret with it', async () => {
  const { json } = await call('GET', '/v1/sources');
  const source = json.sources.find((one: { name: string }) => one.name === 'acme');
  const settings = { ...source.settings, url: 'https://elsewhere.example' };
  const path = `/v1/sources/${source.id}`;
  expect((await call('PUT', path, { settings })).json).toMatchObject({ code: 'request_invalid', pointer: '/secret' });
  expect((await call('PUT', path, { settings, secret: 'new' })).status).toBe(200);
  expect((await call('DELETE', path)).status).toBe(204);
  expect((await call('GET', path)).status).toBe(404);
});
