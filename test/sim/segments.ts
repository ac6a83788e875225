/** The bucket of events in the simulation: a segment and its sidecar are two objects, written at once as the driver does. */
import { Problem } from '#core/event/problem.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { Missing, type Segments } from '#core/record/ports.ts';
import type { Segment, SegmentPlan } from '#core/record/segment.ts';
import { segmentOf } from '#stores/s3/segment-index.ts';
import type { Scheduler, Worker } from './scheduler.ts';

/** What is stored of a segment: its body, its sidecar, or both. */
interface Objects {
  body?: readonly EventLine[];
  sidecar?: Segment;
}

export type SegmentObjects = Map<string, Objects>;

export function segmentsOf(scheduler: Scheduler, worker: Worker, stored: SegmentObjects): Segments {
  const call = <T>(effect: () => T, reads = false) => scheduler.call(worker, 'S3 segments', effect, { reads });
  const change = (key: string, objects: Objects) => void stored.set(key, { ...stored.get(key), ...objects });

  return {
    async write(plan: SegmentPlan) {
      const bytes = plan.blocks.reduce((sum, { text }) => sum + text.length, 0);
      let at = 0;
      const offsets = plan.blocks.map(({ text }) => {
        const range = { offset: at, bytes: text.length };
        at += text.length;
        return range;
      });
      const segment = segmentOf(plan, { bytes, sha256: '00'.repeat(32), offsets });
      if (stored.has(plan.key)) throw new Problem('conflict', `The segment ${plan.key} exists already.`);
      const body = plan.blocks.flatMap(({ lines }) => [...lines]);
      await Promise.all([call(() => change(plan.key, { body })), call(() => change(plan.key, { sidecar: segment }))]);
      return segment;
    },

    read: (key) =>
      call(() => {
        throw new Missing(key);
      }, true),

    async load(key) {
      const [body, sidecar] = await Promise.all([
        call(() => stored.get(key)?.body, true),
        call(() => stored.get(key)?.sidecar, true),
      ]);
      return body && sidecar ? { segment: sidecar, lines: body } : undefined;
    },

    async *list(from, to) {
      const keys = await call(
        () =>
          [...stored.keys()]
            .filter((key) => timeOf(key) >= from.getTime() && timeOf(key) < to.getTime())
            .sort((a, b) => timeOf(a) - timeOf(b)),
        true,
      );
      for (const key of keys) yield { key, bytes: 1 };
    },

    remove: (key) => call(() => void stored.delete(key)),
  };
}

/** The time inside a segment's UUIDv7, ms since 1970. */
const timeOf = (key: string): number => Number.parseInt(key.split('/').at(-1)!.replace('-', '').slice(0, 12), 16);
