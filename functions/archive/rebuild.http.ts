/**
 * Rebuild, asked by an operator: the catalogue of archive files comes back from S3, and it is counted what it holds.
 *
 * API Gateway stops listening after 29 s. The work goes on, and asking again finds what is done and does the rest.
 */
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import type { Recorder } from '#core/record/ports.ts';
import { onHttp, requireScope } from '#functions/runtime/http.ts';
import { openArchiveObjects, openBlocks, openClock, openRebuildLedger, openRecorder } from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { LogBehind, Overtaken, type RebuildPorts, type Rebuilt, rebuild } from './rebuild.ts';

export interface RebuildArchivePorts extends RebuildPorts {
  readonly recorder: Recorder;
}

export async function rebuildArchive(ports: RebuildArchivePorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireScope(request, 'admin');
  const tenant = (request.params.tenantId ?? '').toLowerCase();
  const done = isUuid(tenant) ? await rebuildOnce(ports, tenant) : undefined;
  if (!done) throw new Problem('not_found', 'There is no log of this tenant.');
  const body = bodyOf(done);
  if (done.files.added + done.files.twice > 0) {
    const { leaves, in_files, in_parts, purged, missing_leaves, files } = body;
    const metadata = { leaves, in_files, in_parts, purged, missing_leaves, files };
    const event = eventBy(caller, {
      action: 'audit.archive_rebuilt',
      targets: [{ type: 'archive', id: tenant }],
      metadata,
    });
    await ports.recorder.record(tenant, [event], request.now);
  }
  return { status: 200, body };
}

async function rebuildOnce(ports: RebuildPorts, tenant: string): Promise<Rebuilt | undefined> {
  try {
    return await rebuild(ports, tenant);
  } catch (error) {
    if (error instanceof LogBehind) {
      const detail = 'Files have events that the log does not know of. Recover the log first: trailkeep log recover.';
      throw new Problem('conflict', detail, { cause: error });
    }
    if (!(error instanceof Overtaken)) throw error;
    throw new Problem('unavailable', 'Files are being compacted; ask again.', { retryAfterSeconds: 30, cause: error });
  }
}

function bodyOf(done: Rebuilt) {
  const { missing, totals, broken, files } = done;
  return {
    leaves: done.leaves,
    in_files: done.inFiles,
    in_parts: done.inParts,
    purged: done.purged,
    missing_leaves: missing.leaves,
    missing: missing.runs.map(([from, to]) => ({ from, to })),
    files: { ...files },
    broken: broken.slice(0, 100),
    totals,
    compacted_seq: String(done.compactedSeq),
  };
}

export const handler = onHttp(rebuildArchive, {
  ledger: openRebuildLedger,
  objects: openArchiveObjects,
  blocks: openBlocks,
  recorder: openRecorder,
  clock: openClock,
});
