/** How a verb meets EventBridge Scheduler. A run that throws is tried again, twice and within minutes. */
import { setTimeout as sleep } from 'node:timers/promises';
import middy from '@middy/core';
import { Unavailable } from '#core/record/ports.ts';
import { Breaker } from './breaker.ts';
import { logger } from './observe.ts';
import { type Openers, openOnce } from './ports.ts';

/** What one more try may take. */
const tryMs = 15_000;

export type ScheduleVerb<Ports> = (
  ports: Ports,
  at: { readonly now: Date; readonly input: unknown },
) => Promise<object>;

export interface ScheduleOptions {
  /** An outage is waited out inside the run: for schedules that nobody repeats. */
  readonly patient?: boolean;
}

/** Turns a verb over ports into a Lambda handler; what it resolves with is traced. `input` is the schedule's. */
export function onSchedule<Ports>(verb: ScheduleVerb<Ports>, openers: Openers<Ports>, options: ScheduleOptions = {}) {
  const open = openOnce(openers);
  const breaker = new Breaker();
  return middy<unknown, object>().handler(async (input, context) => {
    for (;;) {
      try {
        const report = await verb(await open(), { now: new Date(), input });
        breaker.closed();
        logger.info('run finished', { report });
        return report;
      } catch (error) {
        if (!(error instanceof Unavailable && options.patient)) throw error;
        breaker.tripped(error, Date.now());
        const pauseMs = breaker.pauseMs(Date.now());
        if (context.getRemainingTimeInMillis() < pauseMs + tryMs) throw error;
        await sleep(pauseMs);
      }
    }
  });
}
