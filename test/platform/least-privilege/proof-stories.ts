/** Stories of the log: what is sealed by itself, handed out, exported, swept, and recovered by hand. */
import { superuser, type World } from './world.ts';

const actor = { type: 'user', id: 'ada' };
/** A full tile, and some more: partial ones below it go. */
const more = 300;

export async function proofs(
  { ask, platform }: World,
  { tenantId, apiKey: key }: { readonly tenantId: string; readonly apiKey: string },
): Promise<void> {
  const send = async (count: number) => {
    const events = Array.from({ length: count }, () => ({ action: 'document.view', actor }));
    const { items } = await ask(202, 'POST', '/v1/events', key, events);
    await platform.settled();
    return items[0].id as string;
  };
  await send(1);
  const id = await send(more);
  const { path, published_size: size } = await ask(200, 'GET', '/v1/log', key);
  for (const file of ['checkpoint', 'keys.txt', 'policy.txt', 'tile/0/000', 'tile/entries/000']) {
    await ask(200, 'GET', path + file, key);
  }
  await ask(404, 'GET', `${path}tile/0/999`, key);
  await ask(200, 'GET', `/v1/events/${id}/proof`, key);
  await ask(200, 'GET', `/v1/log/consistency?from=1&to=${size}`, key);
  const to = new Date();
  const period = { from: new Date(to.getTime() - 60_000).toISOString(), to: to.toISOString() };
  await ask(200, 'POST', '/v1/log/range-proof', key, period);
  const made = await ask(202, 'POST', '/v1/exports/auditor', key, { ids: [id] });
  await platform.settled();
  const { state } = await ask(200, 'GET', `/v1/exports/${made.id}`, key);
  if (state !== 'ready') throw new Error(`the export is ${state}`);
  await ask(200, 'GET', `/v1/exports/${made.id}/content`, key);

  // Events as files: through the door, and by addresses that the door's own role signed.
  const files = await ask(202, 'POST', '/v1/exports', key, { format: 'jsonl', actor: actor.id });
  await platform.settled();
  const ready = await ask(200, 'GET', `/v1/exports/${files.id}`, key);
  if (ready.state !== 'ready') throw new Error(`the export of events is ${ready.state}`);
  await ask(200, 'GET', `/v1/exports/${files.id}/content?part=1`, key);
  const fetched = await fetch(ready.files[0].url);
  if (fetched.status !== 200) throw new Error(`the file of an export is answered ${fetched.status}`);

  // A frozen log that somebody freed without telling: nobody announces what waited, so the sweep has to find it.
  const sql = superuser(platform);
  await sql`update proof.log set state = 'frozen', frozen_at = now(), frozen_reason = 'operator' where tenant_id = ${tenantId}`;
  await send(more);
  await sql`update proof.log set state = 'active', frozen_at = null, frozen_reason = null where tenant_id = ${tenantId}`;
  await sql`update proof.outbox set committed_at = now() - interval '1 hour' where tenant_id = ${tenantId}`;
  for (const name of ['proof-sweep', 'proof-anchor-sweep', 'proof-verify']) await platform.functions.invoke(name, {});
  await platform.settled();
  const swept = await ask(200, 'GET', '/v1/log', key);
  if (swept.pending !== 0) throw new Error(`${swept.pending} leaves wait after the sweep`);

  // An operator doubts the log: it is frozen, waits until nobody who sealed it is left, and follows what was signed.
  const recover = `/v1/tenants/${tenantId}/log/recover`;
  await ask(202, 'POST', recover, platform.access.adminKey, { freeze: true });
  await sql`update proof.log set frozen_at = now() - interval '1 hour' where tenant_id = ${tenantId}`;
  await sql.end();
  const recovered = await ask(200, 'POST', recover, platform.access.adminKey);
  if (recovered.state !== 'recovered') throw new Error(`the log is ${recovered.state}`);
  await platform.settled();
}
