/** Stories of a loss: archive files and rows that the database forgot come back. */
import { sqsEvent } from '#test/support/events.ts';
import { superuser, type World } from './world.ts';

const actor = { type: 'user', id: 'ada' };

export async function losses({ ask, platform }: World): Promise<void> {
  const { tenantId, apiKey: key } = await platform.makeTenant('Lost');
  const send = async () => {
    await ask(202, 'POST', '/v1/events', key, [
      { action: 'role.assign', actor },
      { action: 'document.view', actor },
    ]);
    await platform.settled();
  };
  const path = `/v1/tenants/${tenantId}`;
  await ask(404, 'POST', '/v1/tenants/01890000-0000-7000-8000-0000000000ff/archive/rebuild', platform.access.adminKey);
  await send();
  await platform.functions.invoke('archive-compact', sqsEvent([JSON.stringify({ tenant: tenantId })]));
  await platform.settled();
  await send();
  const sql = superuser(platform);
  // A backup of before the compaction: the files lie on S3, and nobody knows them.
  for (const table of ['archive.chunk', 'archive.file', 'archive.progress', 'archive.doomed', 'record.event']) {
    await sql.unsafe(`delete from ${table} where tenant_id = '${tenantId}'`);
  }
  await sql.end();
  const rebuilt = await ask(200, 'POST', `${path}/archive/rebuild`, platform.access.adminKey);
  if (rebuilt.files.added === 0 || rebuilt.missing_leaves > 0) throw new Error(JSON.stringify(rebuilt));
  const replayed = await ask(200, 'POST', `${path}/replay`, platform.access.adminKey);
  if (replayed.added < 2 || !replayed.same) throw new Error(JSON.stringify(replayed));
  await platform.settled();
}
