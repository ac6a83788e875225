/** Costs are looked at, corrected by two persons, charged and locked, and traced back. */
import { costsMaker } from '#test/support/costs.ts';
import { superuser, type World } from './world.ts';

export async function charged({ platform, ask }: World): Promise<void> {
  const { apiKey, tenantId } = await platform.makeTenant('Has costs');
  const sql = superuser(platform);
  const maker = await costsMaker(sql, tenantId);
  const application = await maker.application('shop');
  await maker.map(application, { sector: 'Retail', h_code: 'H-1' });
  const load = await maker.load([{ day: '2026-01-05', application, billed: '10.25' }]);
  await sql.end();
  const scopes = ['costs:read', 'costs:override', 'costs:approve'];
  const second = (await ask(201, 'POST', '/v1/keys', apiKey, { name: 'second person', scopes })).key;

  // So long ago that nothing is foretold; a job that runs does the rest.
  await ask(200, 'GET', '/v1/forecasts?scope=application', apiKey);
  await ask(200, 'GET', '/v1/costs?from=2026-01&to=2026-01&by=sector', apiKey);
  const body = { kind: 'mapping', application, from: '2026-01-01', set: { h_code: null }, reason: 'wrong team' };
  const { id } = await ask(201, 'POST', '/v1/overrides', apiKey, body);
  await ask(403, 'POST', `/v1/overrides/${id}/approve`, apiKey, {});
  await ask(200, 'POST', `/v1/overrides/${id}/approve`, second, {});
  await ask(200, 'GET', '/v1/overrides', apiKey);
  await ask(200, 'GET', `/v1/lineage/impact?override=${id}`, apiKey);
  await ask(200, 'POST', `/v1/overrides/${id}/withdraw`, apiKey);

  const { sha256 } = await ask(200, 'GET', '/v1/costs/statement?month=2026-01', apiKey);
  await ask(200, 'POST', '/v1/costs/statement/approve', apiKey, { month: '2026-01', sha256 });
  await ask(200, 'POST', '/v1/costs/statement/lock', second, { month: '2026-01', sha256 });
  await ask(200, 'GET', '/v1/costs/statement?month=2026-01&format=html', apiKey);
  await ask(200, 'GET', '/v1/costs/statements', apiKey);
  await ask(200, 'GET', '/v1/lineage', apiKey);
  await ask(200, 'GET', '/v1/lineage/figure?from=2026-01&to=2026-01', apiKey);
  await ask(200, 'GET', `/v1/lineage/impact?load=${load}`, apiKey);
  await platform.settled();
}
