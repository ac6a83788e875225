/** Stories of the archive: segments become files, files become larger ones, and what is left over goes. */
import { randomBytes } from 'node:crypto';
import { uuidv7 } from '#core/event/uuid.ts';
import { superuser, type World } from './world.ts';

/** Five runs, each after the time that it waits for. */
export async function compacted({ ask, platform }: World): Promise<void> {
  const { tenantId, apiKey: key } = await platform.makeTenant('Compacted');
  const sql = superuser(platform);
  const events = Array.from({ length: 30 }, (_, n) => ({
    id: uuidv7(Date.now(), randomBytes(10)),
    action: n % 3 ? 'document.view' : 'user.login',
    occurred_at: new Date(Date.UTC(2026, 1, 1, 12, n)).toISOString(),
    actor: { type: 'user', id: 'ada' },
  }));
  const send = async (from: number, to: number) => {
    await ask(202, 'POST', '/v1/events', key, events.slice(from, to));
    await platform.settled();
  };
  /** Segments that are this tenant's alone. */
  const own = sql`tenants = array[${tenantId}::uuid]`;
  const sweep = async () => {
    await platform.functions.invoke('archive-compact-sweep', {});
    await platform.settled();
  };
  const compact = async () => {
    await sql`update record.segment set committed_at = committed_at - interval '1 day' where ${own}`;
    await sweep();
  };
  await send(0, 20);
  // Copies, whose leaves are told of.
  await send(15, 20);
  await compact();
  await send(20, 30);
  await compact();
  const files = await sql`select from archive.file where tenant_id = ${tenantId} and day < '2026-03-01'`;
  if (files.length < 4) throw new Error(`${files.length} files of a tenant that was compacted twice`);

  // The day is long over and nothing came for hours: it is merged. Then the readers of the small files are done.
  await sql`update archive.file set written_at = written_at - interval '1 day' where tenant_id = ${tenantId}`;
  await sweep();
  await sql`update archive.doomed set after = now() - interval '1 minute' where tenant_id = ${tenantId}`;
  await sweep();
  const [left] = await sql`select count(*)::int as files, sum(events)::int as events from archive.file
    where tenant_id = ${tenantId} and day < '2026-03-01'`;
  if (left!.files >= files.length || left!.events !== 30) throw new Error(`merged into ${JSON.stringify(left)}`);

  // Forty days on: no poller may need the segments any longer.
  await sql`update record.segment set committed_at = committed_at - interval '40 days' where ${own}`;
  await sweep();
  await sql`update record.segment set segment_id = ('01800000' || substr(segment_id::text, 9))::uuid
    where ${own} and segment_id not in (select segment_id from record.segment_part)`;
  await sweep();
  const segments = await sql`select from record.segment where ${own} and committed_at < now() - interval '40 days'`;
  if (segments.length > 0) throw new Error(`${segments.length} segments stay that nobody needs`);
  await ask(200, 'GET', `/v1/events/${events[7]!.id}`, key);
  await sql.end();
}
