/** One step of a purge: some files of one tenant, the record of what goes with them, and what becomes of both. */

import { leafRuns } from '#core/archive/merge.ts';
import type { ArchiveFileCatalogue } from '#core/archive/ports.ts';
import type { PurgeStep, Purges } from '#core/archive/purge-ports.ts';
import type { ExpiredFile, RetentionVersion } from '#core/archive/retention-ports.ts';
import type { EventInput } from '#core/event/event.ts';
import { purgeAction } from '#core/proof/purge.ts';
import type { BlockReader } from '#core/query/ports.ts';

export interface PurgeStepPorts {
  readonly purges: Purges;
  readonly files: Pick<ArchiveFileCatalogue, 'chunks'>;
  readonly blocks: BlockReader;
  readonly ids: { uuidv7(now: Date): string };
}

/** An event may have 256 KB; a run has 36 bytes at most. */
const runsMax = 5_000;

/** Everything that a step needs to know before its transaction: what is asked of S3 and Postgres takes no lock. */
export async function planStep(
  ports: PurgeStepPorts,
  tenant: string,
  { version, approved }: RetentionVersion,
  files: readonly ExpiredFile[],
  now: Date,
): Promise<PurgeStep> {
  const leaves: number[] = [];
  const rows: string[] = [];
  for (const file of files) {
    for (const leaf of await ports.purges.leaves(tenant, file.id)) leaves.push(leaf);
    if (file.tier === 'critical' && (await ports.purges.hasRows(tenant, file))) {
      for await (const id of idsOf(ports, tenant, file)) rows.push(id);
    }
  }
  const earlier = await toldBy(ports, tenant, files);
  const total = (of: (file: ExpiredFile) => number) => files.reduce((sum, file) => sum + of(file), 0);
  return {
    files,
    rows,
    toldAgain: [...earlier.keys()],
    record: {
      id: ports.ids.uuidv7(now),
      policyVersion: version,
      approvedBy: approved!.by,
      files: files.length,
      events: total(({ events }) => events),
      bytes: total(({ bytes }) => bytes),
      newest: Math.max(...files.map(({ maxTime }) => maxTime)),
      leaves: joined([...leafRuns(leaves), ...[...earlier.values()].flat()]),
      startedAt: now,
    },
  };
}

/** Ids of a file's events. Rejects with `Archived` when the file has to be restored first. */
async function* idsOf({ files, blocks }: PurgeStepPorts, tenant: string, file: ExpiredFile): AsyncGenerator<string> {
  for (const chunk of await files.chunks(tenant, file.id)) {
    for (const text of await blocks.read(chunk, chunk.blocks)) {
      for (const line of text.split('\n').slice(0, -1)) yield (JSON.parse(line) as { readonly id: string }).id;
    }
  }
}

/**
 * Records of purges, and of copies that ended at compaction, are critical events, and end as these do. What they said is
 * said again by the record that ends them, or else their leaves would be missing without a reason.
 */
async function toldBy({ purges }: PurgeStepPorts, tenant: string, files: readonly ExpiredFile[]) {
  const earlier = new Map<string, readonly (readonly [number, number])[]>();
  for (const { category, minTime, maxTime } of files) {
    if (category !== 'critical') continue;
    for (const { id, leaves } of await purges.tellable(tenant, minTime, maxTime)) earlier.set(id, leaves);
  }
  return earlier;
}

/** Runs in order, those that touch as one. */
function joined(runs: readonly (readonly [number, number])[]): [from: number, to: number][] {
  const whole: [number, number][] = [];
  for (const [from, to] of runs.toSorted(([a], [b]) => a - b)) {
    const last = whole.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else whole.push([from, to]);
  }
  return whole;
}

/** What the trail says of a step: which leaves lost their events, by which policy, and who approved it. */
export function purgeEvents({ record }: PurgeStep): EventInput[] {
  const { id, leaves, policyVersion, approvedBy, files, events, startedAt } = record;
  const parts = Math.max(1, Math.ceil(leaves.length / runsMax));
  return Array.from({ length: parts }, (_, part) => ({
    action: purgeAction,
    occurred_at: startedAt.toISOString(),
    operation_id: id,
    actor: { type: 'service', id: 'trailkeep' },
    targets: [{ type: 'retention_policy', id: String(policyVersion) }],
    metadata: {
      policy: `retention:${policyVersion}`,
      approved_by: approvedBy,
      files,
      events,
      leaves: leaves.slice(part * runsMax, (part + 1) * runsMax),
    },
  }));
}
