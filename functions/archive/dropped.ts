/** Copies that end at compaction: their leaves stay in the log, and an event of our own says why their lines are gone. */
import type { LinesSum } from '#core/archive/lines-sum.ts';
import { type ArchiveLine, leafRuns } from '#core/archive/merge.ts';
import type { EventInput } from '#core/event/event.ts';
import { purgeAction } from '#core/proof/purge.ts';
import type { Recorder } from '#core/record/ports.ts';

/** Metadata is limited as every event's; a run takes 20 bytes and three values. */
const runsMax = 300;

/** Gathers what was dropped. */
export class Dropped {
  count = 0;
  readonly #leaves: number[] = [];
  readonly #sum: LinesSum;

  /** `sum` takes the digests of dropped lines, so that what was read is accounted for. */
  constructor(sum: LinesSum) {
    this.#sum = sum;
  }

  readonly add = ({ leaf, digest }: ArchiveLine): void => {
    this.count++;
    this.#sum.add(digest);
    if (leaf !== undefined) this.#leaves.push(leaf);
  };

  /** Durable on return; telling it twice tells the same of the same leaves. */
  async tell(recorder: Recorder, tenant: string, now: Date): Promise<void> {
    const runs = leafRuns(this.#leaves);
    const events: EventInput[] = [];
    for (let at = 0; at < runs.length; at += runsMax) {
      events.push({
        action: purgeAction,
        occurred_at: now.toISOString(),
        actor: { type: 'service', id: 'trailkeep' },
        targets: [{ type: 'tenant', id: tenant }],
        metadata: { policy: 'duplicate', leaves: runs.slice(at, at + runsMax) },
      });
    }
    if (events.length > 0) await recorder.record(tenant, events, now);
  }
}
