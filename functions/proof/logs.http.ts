/** Logs: how far the tenant's log is, and the proof that one of its checkpoints continues another. */
import type { Guard } from '#core/access/guard.ts';
import type { PolicyRegistry } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { toBase64 } from '#core/proof/bytes.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { proveConsistency } from '#core/proof/prove.ts';
import { mergeDelaysOf } from '#core/proof/seal-due.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { openGuard, openLeaves, openLogStore, openPolicies, openProofCrypto } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { type LogPorts, noSuchCheckpoint, nothingPublished, publishedLog, sizeOf } from './published.ts';
import { wantsText } from './wants-text.ts';

export interface LogsPorts extends LogPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly policies: Pick<PolicyRegistry, 'get'>;
  readonly crypto: ProofCrypto;
}

export async function logs(ports: LogsPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'proofs:read', circumstancesOf(request)));
  return request.path.endsWith('/consistency')
    ? consistency(ports, request, caller.tenant)
    : state(ports, caller.tenant);
}

async function state(ports: LogsPorts, tenant: string): Promise<HttpResponse> {
  const [status, policy] = await Promise.all([ports.leaves.status(tenant), ports.policies.get(tenant)]);
  const delays = mergeDelaysOf(policy.settings);
  const { log } = status;
  const published = await publishedLog(ports, status);
  const due = [
    status.oldestCritical && status.oldestCritical.getTime() + delays.critical * 1000,
    status.oldestBulk && status.oldestBulk.getTime() + delays.bulk * 1000,
  ].filter((time) => time !== undefined);
  return {
    status: 200,
    body: {
      state: log?.state ?? 'initializing',
      ...(log?.frozenReason === undefined ? {} : { frozen_reason: log.frozenReason }),
      origin: log?.origin ?? null,
      path: log ? `/t/${log.slug}/` : null,
      verifier: published?.verifier ?? null,
      leaves: status.leaves,
      integrated_size: log?.integratedSize ?? 0,
      archived_size: log?.archivedSize ?? 0,
      // What everybody can check is what S3 shows, whatever the database says.
      published_size: published?.size ?? 0,
      pending: status.leaves - (log?.publishedSize ?? 0),
      pending_due_at: due.length === 0 ? null : new Date(Math.min(...due)).toISOString(),
      merge_delay_seconds: delays,
      created_at: log?.createdAt.toISOString() ?? null,
    },
  };
}

/** `?from=&to=`: sizes of trees. Without `to` up to the newest published one. */
async function consistency(ports: LogsPorts, { query, headers }: HttpRequest, tenant: string): Promise<HttpResponse> {
  const published = await publishedLog(ports, await ports.leaves.status(tenant));
  if (!published) throw nothingPublished();
  const from = sizeOf(query.get('from') ?? '', 'from');
  const to = query.has('to') ? sizeOf(query.get('to')!, 'to') : published.size;
  if (from > to) throw new Problem('request_invalid', 'from must not be larger than to.');
  if (to > published.size) throw noSuchCheckpoint();
  const proof = from === 0 || from === to ? [] : await proveConsistency(ports.crypto, published.read, from, to);
  const hashes = proof.map(toBase64);
  if (!wantsText(headers, 'text/plain')) return { status: 200, body: { origin: published.origin, from, to, hashes } };
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: hashes.map((hash) => `${hash}\n`).join(''),
  };
}

export const handler = onHttp(logs, {
  guard: openGuard,
  policies: openPolicies,
  leaves: openLeaves,
  store: openLogStore,
  crypto: openProofCrypto,
});
