/** From a bill to a locked month, and back: a file is loaded, a figure corrected by two persons, charged, and traced. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let ann: string;
let bob: string;
beforeAll(async () => {
  platform = await testPlatform();
  ann = (await platform.makeTenant('Pays bills')).apiKey;
  const scopes = ['costs:read', 'costs:override', 'costs:approve'];
  bob = (await platform.call('POST', '/v1/keys', { key: ann, json: { name: 'second person', scopes } })).json.key;
});
afterAll(() => platform?.end());

async function ask(key: string, status: number, method: string, path: string, json?: unknown) {
  const answer = await platform.call(method, path, { key, ...(json === undefined ? {} : { json }) });
  expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
  return answer.json;
}

async function loaded(kind: 'focus' | 'h-code', settings: object, name: string, text: string): Promise<void> {
  const { id } = await ask(ann, 201, 'POST', '/v1/sources', { kind, name: kind, settings });
  const { url } = await ask(ann, 201, 'POST', `/v1/sources/${id}/files`, { name });
  expect((await fetch(url, { method: 'PUT', body: text })).status).toBe(200);
}

test('a month is loaded, corrected, charged and locked, and every figure leads back to its file', {
  timeout: 120_000,
}, async () => {
  const head =
    'BilledCost,EffectiveCost,ContractedCost,ListCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ProviderName,ServiceCategory,ServiceName,Tags';
  const line = (cost: string, app: string, day = '2026-01-02') =>
    `${cost},${cost},${cost},${cost},EUR,Usage,${day},AWS,Compute,EC2,"{""app"": ""${app}""}"`;
  const bill = [head, line('10.00000000001', 'Shop'), line('20.5', 'Till'), line('4', 'Stray')].join('\n');
  await loaded('focus', { application_tag: 'app' }, '2026-01.csv', `${bill}\n`);
  const codes = 'application,h_code,cost_centre,sector,owner\nShop,H-1,CC 1,Retail,Ann\nTill,H-2,CC 2,Online,Bob\n';
  await loaded('h-code', {}, 'codes.csv', codes);
  const timing = { every: 'day', time: '03:00' };
  const job = await ask(ann, 201, 'POST', '/v1/jobs', { name: 'load', kind: 'etl', timing });
  const { id: run } = await ask(ann, 202, 'POST', `/v1/jobs/${job.id}/run`, {});
  for (let state = ''; state !== 'succeeded'; await sleep(200)) {
    ({ state } = (await ask(ann, 200, 'GET', `/v1/jobs/${job.id}/history`)).runs[0]);
    expect(state).not.toBe('failed');
  }

  const month = 'from=2026-01&to=2026-01';
  const figures = await ask(ann, 200, 'GET', `/v1/costs?${month}&by=sector,application`);
  const shown = figures.figures.map(
    (one: Record<string, string>) => `${one.sector} ${one.application} ${one.effective}`,
  );
  expect(shown).toEqual(['Online Till 20.5', 'Retail Shop 10.00000000001', '(unmapped) Stray 4']);

  const application = figures.figures.find((one: Record<string, string>) => one.application === 'Stray').application_id;
  const moved = {
    kind: 'mapping',
    application,
    from: '2026-01-01',
    set: { h_code: 'H-1', sector: 'Retail' },
    reason: 'ours',
  };
  const { id } = await ask(ann, 201, 'POST', '/v1/overrides', moved);
  const self = await ask(ann, 403, 'POST', `/v1/overrides/${id}/approve`, {});
  expect(self.code).toBe('second_person_required');
  await ask(bob, 200, 'POST', `/v1/overrides/${id}/approve`, {});

  const draft = await ask(ann, 200, 'GET', '/v1/costs/statement?month=2026-01');
  expect(draft.statement).toMatchObject({
    totals: [{ currency: 'EUR', total: '34.50000000001', charged: '34.50', unmapped: '0' }],
    coverage: { applications: 3, mapped: 3, rules: { explicit: 2, override: 1 } },
    overrides: [{ id, reason: 'ours' }],
  });
  const seen = { month: '2026-01', sha256: draft.sha256 };
  await ask(ann, 200, 'POST', '/v1/costs/statement/approve', seen);
  await ask(bob, 200, 'POST', '/v1/costs/statement/lock', seen);
  await ask(ann, 200, 'POST', `/v1/overrides/${id}/withdraw`);
  const next = await ask(ann, 200, 'GET', '/v1/costs/statement?month=2026-02');
  expect(
    next.statement.corrections.map((one: { h_code: string; amount: string }) => `${one.h_code} ${one.amount}`),
  ).toEqual(['H-1 -4', '(unmapped) 4']);

  const origin = await ask(ann, 200, 'GET', `/v1/lineage/figure?${month}&sector=Retail`);
  expect(origin.loads).toMatchObject([{ run, effective: '10.00000000001', lines: [1] }]);
  const ran = (await ask(ann, 200, 'GET', `/v1/lineage?run=${run}`)).events;
  const events = ran.filter(({ job: { name } }: { job: { name: string } }) => name.startsWith('etl.focus'));
  const bucket = { namespace: 's3://imports', name: expect.stringContaining('2026-01.csv') };
  expect(events).toMatchObject([{ eventType: 'COMPLETE', inputs: [bucket], outputs: [{ name: 'costs.cost_daily' }] }]);
  const file = new URLSearchParams({ namespace: 's3://imports', name: events[0].inputs[0].name, direction: 'forward' });
  const { edges } = await ask(ann, 200, 'GET', `/v1/lineage/graph?${file}`);
  expect(edges.map((edge: { output: { name: string } }) => edge.output.name)).toContain('2026-01');
  const impact = await ask(ann, 200, 'GET', `/v1/lineage/impact?load=${origin.loads[0].load}`);
  expect(impact.statements).toEqual([{ month: '2026-01', version: 1, locked: true }]);

  await platform.settled();
  const told = await ask(ann, 200, 'GET', '/v1/events?action=costs.*&limit=100');
  const actions = told.events.map(({ action }: { action: string }) => action);
  for (const what of [
    'override_proposed',
    'override_approved',
    'override_withdrawn',
    'statement_approved',
    'statement_locked',
  ]) {
    expect(
      actions.filter((action: string) => action === `costs.${what}`),
      what,
    ).toHaveLength(1);
  }
  const proposed = told.events.find(({ action }: { action: string }) => action === 'costs.override_proposed');
  expect(proposed).toMatchObject({
    category: 'critical',
    data_class: 'financial',
    targets: [{ id }, { name: 'Stray' }],
  });
});
