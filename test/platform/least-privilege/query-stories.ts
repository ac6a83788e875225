/** Questions to the whole archive: one from a tenant that never sent anything, one that Athena answers, one for what is not there. */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { uuidv7 } from '#core/event/uuid.ts';
import { putInCatalogue } from '#test/support/archived.ts';
import { eventAt } from '#test/support/lines.ts';
import { superuser, type World } from './world.ts';

export async function archiveQueries({ platform, names, s3, ask }: World): Promise<void> {
  const path = '/v1/queries';
  await ask(202, 'POST', path, (await platform.makeTenant('Asks the archive first')).apiKey, { actor: 'ada' });

  const { tenantId: tenant, apiKey } = await platform.makeTenant('Asks the archive');
  const sql = superuser(platform);
  const day = '2024-02-01';
  const id = uuidv7(Date.parse(day), randomBytes(10));
  // Old enough to be looked at before Athena is asked, and still where it can be read.
  const Key = await putInCatalogue(sql, { tenant, id, day });
  await sql`update archive.file set written_at = now() - interval '2 years' where file_id = ${id}`;
  const iso = `${day}T12:00:00.000Z`;
  const event = eventAt(1, {
    id,
    tenant,
    occurred_at: iso,
    received_at: iso,
    category: 'system',
    data_class: 'pii',
    sealed: [],
  });
  await s3.send(new PutObjectCommand({ Bucket: names.archive, Key, Body: gzipSync(`${JSON.stringify(event)}\n`) }));
  let view = await ask(202, 'POST', path, apiKey, { from: '2024-01-01T00:00:00Z', to: '2024-03-01T00:00:00Z' });
  while (view.state === 'queued' || view.state === 'running')
    view = await ask(200, 'GET', `${path}/${view.id}`, apiKey);
  // Unmasking is recorded as critical.
  const why = { 'trailkeep-purpose': 'story' };
  const { events } = await ask(200, 'GET', `${path}/${view.id}/results`, apiKey, undefined, why);
  if (events.length !== 1) throw new Error(`the query found ${events.length} events, not one: ${JSON.stringify(view)}`);
  await ask(204, 'DELETE', `${path}/${view.id}`, apiKey);
  await ask(404, 'GET', `${path}/01890000-0000-7000-8000-000000000000`, apiKey);
  await sql`delete from archive.file where file_id = ${id}`;
  await sql.end();
  await platform.settled();
}
