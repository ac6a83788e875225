/**
 * Recover: an operator brings a tenant's log back after a restore, or looks whether it has to be.
 *
 * One route that is asked again until it says `recovered` or `active`. The work can take longer than HTTP waits; it goes
 * on, and who asks again meanwhile hears `recovering`.
 */
import * as z from 'zod';
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import { Stuck } from '#core/proof/recover-plan.ts';
import { jsonBody, onHttp, requireScope } from '#functions/runtime/http.ts';
import {
  openClock,
  openLogDrainMs,
  openLogLedger,
  openLogRecovery,
  openLogSigner,
  openLogStore,
  openNewId,
  openNewIncarnation,
  openProofCrypto,
  openRecorder,
  openSegments,
} from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { type RecoverPorts, type RecoveryOutcome, recover } from './recover.ts';

/** `freeze`: freeze a log that is not frozen. Without it such a log is left alone. */
export const recoverBody = z.strictObject({ freeze: z.boolean().default(false) });

export async function recoverLog(ports: RecoverPorts, request: HttpRequest): Promise<HttpResponse> {
  requireScope(request, 'admin');
  const tenant = (request.params.tenantId ?? '').toLowerCase();
  const options = request.body?.length ? jsonBody(request, recoverBody) : {};
  const now = ports.clock();
  try {
    const outcome = isUuid(tenant) ? await recover(ports, tenant, now, options) : undefined;
    if (!outcome) throw new Problem('not_found', 'There is no log of this tenant.');
    return answer(outcome, now);
  } catch (error) {
    throw error instanceof Stuck ? new Problem('recovery_stuck', `${error.message}.`, { cause: error }) : error;
  }
}

function answer(outcome: RecoveryOutcome, now: Date): HttpResponse {
  if (outcome.state === 'draining' || outcome.state === 'recovering') {
    const seconds = Math.max(1, Math.ceil((outcome.until.getTime() - now.getTime()) / 1000));
    return {
      status: 202,
      headers: { 'retry-after': String(outcome.state === 'draining' ? seconds : Math.min(seconds, 30)) },
      body: { state: outcome.state, until: outcome.until.toISOString() },
    };
  }
  if (outcome.state !== 'recovered') return { status: 200, body: { state: outcome.state } };
  const { size, found, foundEvents, missing, moved, dropped, tilesRemoved } = outcome.counts;
  return {
    status: 200,
    body: {
      state: outcome.state,
      epoch: outcome.epoch,
      archived_size: size,
      found_segments: found,
      found_events: foundEvents,
      missing_events: missing,
      moved_segments: moved,
      dropped_segments: dropped,
      tiles_removed: tilesRemoved,
    },
  };
}

export const handler = onHttp(recoverLog, {
  ledger: openLogLedger,
  recovery: openLogRecovery,
  logs: openLogStore,
  segments: openSegments,
  signer: openLogSigner,
  crypto: openProofCrypto,
  recorder: openRecorder,
  newIncarnation: openNewIncarnation,
  newId: openNewId,
  clock: openClock,
  drainMs: openLogDrainMs,
});
