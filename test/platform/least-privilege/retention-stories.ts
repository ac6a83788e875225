/** Two persons decide how long events are kept, and time passes. */
import { randomBytes } from 'node:crypto';
import { uuidv7 } from '#core/event/uuid.ts';
import { putInCatalogue } from '#test/support/archived.ts';
import { superuser, type World } from './world.ts';

const policy = {
  classes: {
    critical: { hot: 90, warm: 365, cold: 2555, archive_format: 'glacier' },
    standard: { hot: 90, cold: 365, archive_format: 's3' },
    activity: { cold: 90, archive_format: 'gzip' },
  },
};

export async function retention({ platform, ask }: World): Promise<void> {
  const { tenantId: tenant, apiKey: first } = await platform.makeTenant('Keeps for a while');
  const scopes = ['retention:read', 'retention:manage'];
  const { key: second } = await ask(201, 'POST', '/v1/keys', first, { name: 'second', scopes });
  const { version } = await ask(202, 'PUT', '/v1/retention', first, policy);
  await ask(403, 'POST', '/v1/retention/approve', first, { version });
  await ask(200, 'POST', '/v1/retention/approve', second, { version });
  await ask(200, 'GET', '/v1/retention', second);
  const sql = superuser(platform);
  const id = uuidv7(Date.parse('2015-01-01'), randomBytes(10));
  await putInCatalogue(sql, { tenant, id, day: '2015-01-01' });
  const purged = (await platform.functions.invoke('archive-purge', {})) as { files: number };
  if (purged.files !== 1) throw new Error(`purged ${JSON.stringify(purged)}`);
  const { purges } = await ask(200, 'GET', '/v1/retention/purges', second);
  if (purges.length !== 1) throw new Error(`purges ${JSON.stringify(purges)}`);
  // The object is clean-up's.
  await sql`delete from archive.doomed where tenant_id = ${tenant}`;
  await sql.end();
  await platform.functions.invoke('archive-age', {});
  await platform.settled();
}
