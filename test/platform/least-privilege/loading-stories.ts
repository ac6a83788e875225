/** Sources are made, asked, changed and removed; files are put and loaded. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startOps } from '#local/ops/server.ts';
import { smallOps } from '../../local/ops/small.ts';
import type { World } from './world.ts';

export async function loaded({ platform, ask }: World): Promise<void> {
  const { apiKey } = await platform.makeTenant('Loads costs');
  const ops = await startOps({ dataset: smallOps, now: () => new Date('2026-11-21T01:00:00Z') });
  try {
    const secret = 'secret of servicenow';
    const settings = { url: `${ops.url}/servicenow`, client_id: 'etl', tables: ['cmdb_ci_appl'] };
    const cmdb = await ask(201, 'POST', '/v1/sources', apiKey, { kind: 'servicenow', name: 'cmdb', settings, secret });
    const codes = await ask(201, 'POST', '/v1/sources', apiKey, { kind: 'h-code', name: 'codes' });
    const offer = await ask(201, 'POST', `/v1/sources/${codes.id}/files`, apiKey, { name: 'a.csv' });
    const put = await fetch(offer.url, { method: 'PUT', body: 'application,h_code\nShop,H1\nTill,\n' });
    if (put.status !== 200) throw new Error(`the file was answered ${put.status}`);
    const price = { package: 'ENTERPRISE', from_day: '2026-01-01', currency: 'EUR', amount: '1' };
    await ask(201, 'POST', '/v1/prices', apiKey, price);
    await ask(200, 'GET', '/v1/prices', apiKey);

    const timing = { every: 'day', time: '03:00' };
    const { id } = await ask(201, 'POST', '/v1/jobs', apiKey, { name: 'load', kind: 'etl', timing });
    await ask(202, 'POST', `/v1/jobs/${id}/run`, apiKey);
    for (let tries = 0; ; tries += 1) {
      const { runs } = await ask(200, 'GET', `/v1/jobs/${id}/history`, apiKey);
      if (runs[0].state === 'succeeded') break;
      if (tries > 300 || runs[0].state === 'failed') throw new Error(`the run is ${JSON.stringify(runs[0])}`);
      await sleep(200);
    }
    await ask(200, 'GET', '/v1/sources', apiKey);
    for (const step of ['', '/quarantine', '/loads', '/files']) {
      await ask(200, 'GET', `/v1/sources/${codes.id}${step}`, apiKey);
    }
    await ask(200, 'PUT', `/v1/sources/${cmdb.id}`, apiKey, { secret: 'another' });
    await ask(204, 'DELETE', `/v1/sources/${cmdb.id}`, apiKey);
    await platform.settled();
  } finally {
    await ops.close();
  }
}
