/** Reading AppDynamics and ServiceNow over HTTP, on good days and on bad ones. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Page, readInventory, readUsage } from '#core/costs/appdynamics.ts';
import { chargeDay } from '#core/costs/charge.ts';
import type { Connector, FetchOrder } from '#core/costs/fetch-ports.ts';
import { SourceFault } from '#core/costs/fetch-ports.ts';
import { readTable } from '#core/costs/servicenow.ts';
import type { JsonObject } from '#core/event/event.ts';
import { type OpsServer, startOps } from '#local/ops/server.ts';
import { createAppDynamics } from '#stores/http/appdynamics.ts';
import { createOutside } from '#stores/http/outside.ts';
import { createServiceNow } from '#stores/http/servicenow.ts';
import { smallOps } from '../../local/ops/small.ts';

let ops: OpsServer;
const outside = createOutside({ plaintextHosts: ['127.0.0.1'], timeoutMs: 2_000, bytesMax: 1_000_000 });
const time = { clock: Date.now, workMs: 20_000 };
const appDynamics = createAppDynamics(outside, time);
const serviceNow = createServiceNow(outside, time, 3);
beforeAll(async () => {
  ops = await startOps({ dataset: smallOps, now: () => new Date('2026-11-21T01:00:00Z') });
});
afterAll(() => ops.close());
const asked = (path: RegExp) => ops.requests.filter((one) => path.test(one)).length;
let before = 0;
beforeEach(() => {
  before = ops.requests.length;
});

const order = (more: Partial<FetchOrder> & { readonly settings: JsonObject }): FetchOrder => ({
  ...{ v: 1, source: 's', kind: 'appdynamics', stream: 'inventory' },
  question: { v: 1, tenant: 't', run: 'r', part: 'p' },
  ...more,
});
const acme = () => ({ url: `${ops.url}/acme`, client_id: 'etl@acme' });
const usageOrder = () => order({ settings: acme(), stream: 'usage', from: '2026-11-19', to: '2026-11-20' });
async function pagesOf(connector: Connector, one: FetchOrder, secret = 'secret of acme'): Promise<Page[]> {
  return Array.fromAsync(connector.fetch(one, secret));
}
const faultOf = async (work: Promise<unknown>): Promise<SourceFault> => {
  const fault = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(fault).toBeInstanceOf(SourceFault);
  return fault as SourceFault;
};

test('an inventory has applications with tiers, nodes and tags', async () => {
  const { applications, rejected } = readInventory('acme', await pagesOf(appDynamics, order({ settings: acme() })));
  expect(rejected).toEqual([]);
  expect(applications).toHaveLength(3);
  expect(applications[0]).toEqual({
    ...{ controller: 'acme', key: '1', name: 'Checkout', tiers: 1, nodes: 3 },
    tags: { 'h-code': 'H100', sector: 'Retail' },
  });
});

test('units and amounts of applications add up to the account’s', async () => {
  const window = { from: '2026-11-19', to: '2026-11-20', snapshotDay: '2026-11-20', agentPackage: 'AGENT' };
  const { days } = readUsage('acme', await pagesOf(appDynamics, usageOrder()), window);
  expect(days.map(({ day }) => day)).toEqual(['2026-11-19', '2026-11-20']);
  const prices = [{ package: 'ENTERPRISE', fromDay: '2026-01-01', currency: 'EUR', amount: '1.25' }];
  const [odd, even] = days.map((day) => chargeDay('acme', 'acme-prod', day, prices));
  // 4 + 2 + 1 nodes with two vCPUs each, and one less on the next day.
  expect(odd!.licences[0]).toMatchObject({ usedAvg: '14', usedMax: '15', provisioned: '100' });
  const nodes = ({ usage }: typeof odd & object) =>
    usage.filter(({ measure }) => measure === 'nodes').map((one) => Number(one.amount));
  expect(nodes(odd!)).toEqual([4, 2, 1]);
  expect(nodes(even!)).toEqual([3, 2, 1]);
  expect(
    even!.usage.filter(({ measure }) => measure === 'vcpu').map(({ amount, estimated }) => [Number(amount), estimated]),
  ).toEqual([
    [6, false],
    [4, false],
    [2, false],
  ]);
  expect(odd!.usage.find(({ measure }) => measure === 'vcpu')).toMatchObject({ estimated: true });
  const sum = (rows: readonly { readonly billed: string }[]) =>
    rows.reduce((all, { billed }) => all + Number(billed), 0);
  expect(sum(odd!.charges)).toBeCloseTo(17.5, 8);
  expect(sum(even!.charges)).toBeCloseTo(15, 8);
  expect(chargeDay('acme', 'acme-prod', days[0]!, []).rejected).toMatchObject([{ code: 'price_missing' }]);
});

test('accounts that count agents say so, and their rows are estimated', async () => {
  ops.fail({ path: /licensing/, status: 500, body: '{"message":"Not supported for Agent"}', times: 2 });
  const pages = await pagesOf(appDynamics, usageOrder());
  const window = { from: '2026-11-19', to: '2026-11-20', snapshotDay: '2026-11-20', agentPackage: 'AGENT' };
  const { days } = readUsage('acme', pages, window);
  expect(days[0]!.packages).toMatchObject([
    { package: 'AGENT', estimated: true, usedAvg: { units: 70000n, scale: 4 } },
  ]);
});

test('a table is read by key, page by page, and the next time from ten minutes before its end', async () => {
  const settings = { url: `${ops.url}/servicenow`, client_id: 'etl' };
  const one = order({ kind: 'servicenow', settings, stream: 'cmdb_ci_appl' });
  const all = readTable('cmdb_ci_appl', await pagesOf(serviceNow, one, 'secret of servicenow'));
  expect(all.items).toHaveLength(10);
  expect(all.items.find(({ name }) => name === 'Payment Gateway')!.attributes).toMatchObject({
    ...{ owned_by: 'Payments Team', u_h_code: 'H300' },
  });
  expect(all.items.filter(({ gone }) => gone).map(({ name }) => name)).toEqual(['Old Ledger']);
  const position = `${all.last!.updatedOn} ${all.last!.sysId}`;
  const next = readTable('cmdb_ci_appl', await pagesOf(serviceNow, { ...one, position }, 'secret of servicenow'));
  expect(next.items.map(({ name }) => name)).toEqual(['Old Ledger', 'Other 4']);
  expect(next.last).toEqual(all.last);
});

test('a busy source is waited for as it asks', async () => {
  ops.fail({ path: /tiers/, status: 429, retryAfter: '0', times: 2 });
  expect(await pagesOf(appDynamics, order({ settings: acme() }))).toHaveLength(7);
});

test('a source that wants a longer wait is left alone until then', async () => {
  ops.fail({ path: /tiers/, status: 503, retryAfter: '3600' });
  const fault = await faultOf(pagesOf(appDynamics, order({ settings: acme() })));
  expect(fault).toMatchObject({ code: 'source_busy', again: true });
  expect(fault.notBefore!.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
});

test('a token that ends in the middle is renewed, once for all questions', async () => {
  const signIns = asked(/oauth/);
  const pages: Page[] = [];
  for await (const page of appDynamics.fetch(order({ settings: acme() }), 'secret of acme')) {
    if (pages.length === 0) ops.expireTokens();
    pages.push(page);
  }
  expect(pages).toHaveLength(7);
  expect(asked(/oauth/) - signIns).toBe(2);
});

test('a wrong secret is told as such, and not tried again', async () => {
  const fault = await faultOf(pagesOf(appDynamics, order({ settings: acme() }), 'wrong'));
  expect(fault).toMatchObject({ code: 'source_denied', again: false });
  expect(asked(/oauth/) - ops.requests.slice(0, before).filter((one) => /oauth/.test(one)).length).toBe(1);
  expect(fault.message).not.toContain('wrong');
});

test.each([
  ['half of an object', { body: '[{"id": 1, "na' }, 'source_garbage'],
  ['a page for people', { body: '<html>Maintenance</html>' }, 'source_garbage'],
  ['the same key twice', { body: '[{"id": 1, "id": 2, "name": "x"}]' }, 'source_garbage'],
  ['no list', { body: '{"applications": []}' }, 'source_garbage'],
  ['too much', { body: `["${'x'.repeat(1_100_000)}"]` }, 'source_unreachable'],
  ['a redirect', { status: 302 }, 'source_refused'],
])('%s is no answer', async (_, fault, code) => {
  ops.fail({ path: /applications\?/, ...fault });
  expect(await faultOf(pagesOf(appDynamics, order({ settings: acme() })))).toMatchObject({ code });
});

test('a broken connection is tried again', async () => {
  ops.fail({ path: /applications\?/, cut: true });
  expect(await pagesOf(appDynamics, order({ settings: acme() }))).toHaveLength(7);
});

test.each([
  'http://127.0.0.2:9/x',
  'https://169.254.169.254/latest',
  'https://[::1]/x',
  'https://user:pass@example.com/x',
  'http://example.com/x',
])('%s is never called', async (url) => {
  const fault = await faultOf(pagesOf(appDynamics, order({ settings: { url, client_id: 'x' } })));
  expect(fault).toMatchObject({ code: 'source_unreachable', again: false });
});
