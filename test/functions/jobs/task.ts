/** A part of a run, as its verb gets it. */
import { randomUUID } from 'node:crypto';
import type { Task } from '#core/jobs/run.ts';
import { tenantA } from '#test/support/events.ts';

export const dueAt = new Date('2026-03-15T06:00:00Z');

export const taskOf = (more: Partial<Task> = {}): Task => ({
  ...{ tenant: tenantA, run: randomUUID(), job: randomUUID(), jobName: 'nightly', createdBy: 'user:ann' },
  ...{ kind: 'export', part: 'plan', attempt: 1, lease: 1, scheduledFor: dueAt, config: {} },
  until: new Date(dueAt.getTime() + 720_000),
  ...more,
});
