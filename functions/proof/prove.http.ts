/**
 * Prove: one event with its salt, its entry, and the way from there to a signed checkpoint.
 *
 * An event of a kind that is not for this caller is not there. What is stored is handed out as it is stored: personal
 * fields stay sealed, and a line that is not what the log committed to goes out all the same, because telling that is
 * the verifier's part.
 */
import type { Guard } from '#core/access/guard.ts';
import type { PolicyRegistry } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import type { SubjectKeys } from '#core/privacy/ports.ts';
import { toBase64 } from '#core/proof/bytes.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { proveInclusion, readEntries } from '#core/proof/prove.ts';
import { mergeDelaysOf } from '#core/proof/seal-due.ts';
import { formatProof } from '#core/proof/tlog-proof.ts';
import { confine } from '#core/query/filter.ts';
import { matches } from '#core/query/matches.ts';
import type { BlockReader } from '#core/query/ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { onHttp } from '#functions/runtime/http.ts';
import {
  openBlocks,
  openGuard,
  openLeaves,
  openLogStore,
  openPolicies,
  openProofCrypto,
  openRecorder,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { erasedFields } from './erased.ts';
import { type FoundLeaf, findLeaf } from './find-leaf.ts';
import { recordLook } from './look.ts';
import { type LogPorts, noSuchCheckpoint, publishedLog, sizeOf } from './published.ts';
import { wantsText } from './wants-text.ts';

export interface ProvePorts extends LogPorts {
  readonly guard: Pick<Guard, 'require' | 'sight'>;
  readonly policies: Pick<PolicyRegistry, 'get'>;
  readonly blocks: BlockReader;
  readonly subjectKeys: Pick<SubjectKeys, 'open'>;
  readonly crypto: ProofCrypto;
  readonly recorder: Recorder;
}

/** `?size=`: in the checkpoint of this size instead of the newest one. */
export async function prove(ports: ProvePorts, request: HttpRequest): Promise<HttpResponse> {
  const at = circumstancesOf(request);
  await ports.guard.require(request, 'proofs:read', at);
  const caller = await ports.guard.require(request, 'events:read', at);
  const { tenant } = caller;
  const atSize = request.query.has('size') ? sizeOf(request.query.get('size')!, 'size') : undefined;
  const id = (request.params.eventId ?? '').toLowerCase();
  const [found, status, sight] = await Promise.all([
    isUuid(id) ? findLeaf(ports, tenant, id) : undefined,
    ports.leaves.status(tenant),
    ports.guard.sight(caller, at),
  ]);
  const event = found?.event;
  if (!event || !matches(confine({}, caller), event) || !sight.view(event.category, event.data_class)) {
    throw new Problem('not_found', 'There is no event with this id.');
  }
  const { index, line } = found;
  if (index === undefined) throw new Problem('proof_unavailable', 'It was stored before there was a log.');
  const published = await publishedLog(ports, status, atSize);
  if (!published && atSize !== undefined) throw noSuchCheckpoint();
  if (!published || index >= published.size) throw await pending(ports, tenant, found, atSize);
  const { origin, size, note, verifier, read } = published;
  const [[entry], hashes, erased] = await Promise.all([
    readEntries(read, index, index + 1, size),
    proveInclusion(ports.crypto, read, index, size),
    erasedFields(ports, tenant, event),
  ]);
  await recordLook(ports, caller, at, 'audit_log.proof', { event: event.id, index, size });
  if (wantsText(request.headers, 'text/plain')) {
    return {
      status: 200,
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'content-disposition': `attachment; filename="${event.id}.tlog-proof"`,
      },
      body: formatProof({ index, hashes, checkpoint: note, extra: entry! }),
    };
  }
  return {
    status: 200,
    body: {
      v: 1,
      origin,
      line,
      entry: new TextDecoder().decode(entry),
      index,
      size,
      hashes: hashes.map(toBase64),
      checkpoint: note,
      verifier,
      ...(erased.length === 0 ? {} : { erased }),
    },
  };
}

async function pending(ports: ProvePorts, tenant: string, { part }: FoundLeaf, atSize?: number): Promise<Problem> {
  if (atSize !== undefined) {
    return new Problem('request_invalid', `The tree of size ${atSize} ends before this event.`);
  }
  const delays = mergeDelaysOf((await ports.policies.get(tenant)).settings);
  const due = new Date(part.committedAt.getTime() + delays[part.tier] * 1000);
  return new Problem('proof_pending', `It will be in a published checkpoint by ${due.toISOString()}.`, {
    retryAfterSeconds: 5,
    extensions: { due_at: due.toISOString() },
  });
}

export const handler = onHttp(prove, {
  guard: openGuard,
  policies: openPolicies,
  leaves: openLeaves,
  store: openLogStore,
  blocks: openBlocks,
  subjectKeys: openSubjectKeys,
  crypto: openProofCrypto,
  recorder: openRecorder,
});
