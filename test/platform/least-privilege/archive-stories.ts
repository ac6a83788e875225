/** Stories of what is compacted: searched, shown, proved, exported, given to its subject and verified from archive files. */
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { sqsEvent } from '#test/support/events.ts';
import { superuser, type World } from './world.ts';

const actor = { type: 'user', id: 'grace' };

export async function readsArchive({ ask, platform, s3, names }: World): Promise<void> {
  const { tenantId, apiKey: key } = await platform.makeTenant('Reads its archive');
  const { items } = await ask(202, 'POST', '/v1/events', key, [
    { action: 'document.view', actor },
    { action: 'role.assign', actor },
  ]);
  await platform.settled();
  await platform.functions.invoke('archive-compact', sqsEvent([JSON.stringify({ tenant: tenantId })]));
  await platform.settled();

  const { id } = items[0];
  const { events, complete } = await ask(200, 'GET', '/v1/events?actor=grace', key);
  if (events.length !== 2 || !complete) throw new Error(`${events.length} of 2 events are found in the archive`);
  await ask(200, 'GET', `/v1/events/${id}`, key);
  await ask(200, 'GET', `/v1/events/${id}/proof`, key);
  const made = await ask(202, 'POST', '/v1/exports/auditor', key, { ids: [id] });
  await platform.settled();
  const { state } = await ask(200, 'GET', `/v1/exports/${made.id}`, key);
  if (state !== 'ready') throw new Error(`the export of archived events is ${state}`);
  const files = await ask(202, 'POST', '/v1/exports', key, { format: 'csv', actor: 'grace' });
  await platform.settled();
  const built = await ask(200, 'GET', `/v1/exports/${files.id}`, key);
  if (built.state !== 'ready' || built.events !== 2) throw new Error(`archived events as files: ${built.state}`);

  const scopes = ['privacy:request', 'privacy:approve'];
  const { key: second } = await ask(201, 'POST', '/v1/keys', key, { name: 'privacy', scopes });
  const wanted = async () => {
    const { id: request } = await ask(201, 'POST', '/v1/privacy/requests', key, { subject: 'grace', type: 'access' });
    await ask(200, 'POST', `/v1/privacy/requests/${request}/verify`, key, { method: 'in_person' });
    return request as string;
  };
  await ask(200, 'POST', `/v1/privacy/requests/${await wanted()}/approve`, second);
  // Approved by somebody whose function died: the schedule carries on.
  const left = await wanted();
  const sql = superuser(platform);
  await sql`update privacy.request set state = 'approved', approved_by = 'nobody', approved_at = now() where id = ${left}`;
  await sql.end();
  await platform.functions.invoke('privacy-advance', {});
  await platform.functions.invoke('proof-verify', {});
  await platform.settled();

  // A file that is gone is named, and is not taken for one that may not be read.
  const Prefix = 'audit-logs/';
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: names.archive, Prefix }));
  const lost = Contents.map(({ Key = '' }) => Key).filter((one) => one.includes(`tenant=${tenantId}`));
  for (const Key of lost) await s3.send(new DeleteObjectCommand({ Bucket: names.archive, Key }));
  const { missing = [] } = await ask(200, 'GET', '/v1/events?action=document.*', key);
  if (missing.length === 0) throw new Error('an archive file that is gone is not named');
  await ask(503, 'GET', `/v1/events/${id}`, key);
}
