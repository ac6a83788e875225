/**
 * Range: the leaves of a period, and the proof that the log has no others in it.
 *
 * Every leaf is listed, those of events that the caller may not read too: an entry holds an id, a time and a digest.
 */
import * as z from 'zod';
import type { Guard } from '#core/access/guard.ts';
import { Problem } from '#core/event/problem.ts';
import { toBase64 } from '#core/proof/bytes.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { readEntries } from '#core/proof/prove.ts';
import { findPeriod, proveRange } from '#core/proof/range.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openLeaves, openLogStore, openProofCrypto, openRecorder } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { recordLook } from './look.ts';
import { type LogPorts, nothingPublished, publishedLog } from './published.ts';

export interface RangePorts extends LogPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly crypto: ProofCrypto;
  readonly recorder: Recorder;
}

/** An entry is about 150 bytes in JSON, and Lambda answers 6 MB: half of that leaves room. */
export const rangeLeavesMax = 20_000;

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
export const periodBody = z.strictObject({
  from: time.describe('Commit time of the first event, inclusive'),
  to: time.describe('Exclusive'),
});

export async function range(ports: RangePorts, request: HttpRequest): Promise<HttpResponse> {
  const at = circumstancesOf(request);
  const caller = requireWholeTenant(await ports.guard.require(request, 'proofs:read', at));
  const { from, to } = jsonBody(request, periodBody);
  if (from > to) throw new Problem('request_invalid', 'from must not be later than to.', { pointer: '/from' });
  const published = await publishedLog(ports, await ports.leaves.status(caller.tenant));
  if (!published || published.size === 0) throw nothingPublished();
  const { origin, size, note, verifier, read } = published;
  const period = await findPeriod(read, from.getTime(), to.getTime(), size);
  const { start, end, first, last } = period;
  if (end - start > rangeLeavesMax) {
    throw new Problem('range_too_large', `The period has ${end - start} leaves; an answer has ${rangeLeavesMax}.`, {
      extensions: { leaves: end - start },
    });
  }
  const [entries, { left, right }] = await Promise.all([
    readEntries(read, first, last, size),
    proveRange(ports.crypto, read, { first, last, size }),
  ]);
  const asked = { from: from.toISOString(), to: to.toISOString() };
  await recordLook(ports, caller, at, 'audit_log.range_proof', { ...asked, size, leaves: end - start });
  const decoder = new TextDecoder();
  return {
    status: 200,
    body: {
      v: 1,
      origin,
      size,
      ...asked,
      ...period,
      left: left.map(toBase64),
      right: right.map(toBase64),
      entries: entries.map((entry) => decoder.decode(entry)),
      checkpoint: note,
      verifier,
    },
  };
}

export const handler = onHttp(range, {
  guard: openGuard,
  leaves: openLeaves,
  store: openLogStore,
  crypto: openProofCrypto,
  recorder: openRecorder,
});
