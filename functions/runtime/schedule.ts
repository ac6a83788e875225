/** How a verb meets EventBridge Scheduler. A run that throws is tried again by the schedule's retry policy. */
import middy from '@middy/core';
import { logger } from './observe.ts';
import { type Openers, openOnce } from './ports.ts';

export type ScheduleVerb<Ports> = (ports: Ports, at: { readonly now: Date }) => Promise<object>;

/** Turns a verb over ports into a Lambda handler; what it resolves with is traced. */
export function onSchedule<Ports>(verb: ScheduleVerb<Ports>, openers: Openers<Ports>) {
  const open = openOnce(openers);
  return middy<unknown, object>().handler(async () => {
    const report = await verb(await open(), { now: new Date() });
    logger.info('run finished', { report });
    return report;
  });
}
