/** What the API does with jobs and their runs; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { jobBody } from '#core/jobs/job-body.ts';
import { jobKinds, runStates } from '#core/jobs/run.ts';
import { timingSchema } from '#core/jobs/timing.ts';
import {
  array,
  body,
  json,
  list,
  maybe,
  type Operation,
  object,
  ok,
  paging,
  pathParameter,
  queryParameter,
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const whole = { type: 'integer' };
const job = object(
  {
    id: text,
    name: text,
    kind: { enum: jobKinds },
    timing: schemaOf(timingSchema),
    time_zone: text,
    expression: { ...text, description: 'The timing, as EventBridge Scheduler has it.' },
    config: { type: 'object' },
    overlap: { enum: ['refuse', 'queue'] },
    attempts_max: whole,
    backoff_seconds: whole,
    enabled: { type: 'boolean' },
    scheduled: {
      type: 'boolean',
      description: 'False: its schedule does not say yet what stands here; it will within minutes.',
    },
    next_run: maybe(time),
    next_runs: array(time),
    left_out: {
      ...array(text),
      description:
        'Runs of the next year that fall into the hour that is left out when the clock is put forward; local times.',
    },
    created_by: text,
    created_at: time,
    changed_at: time,
  },
  ['next_runs'],
);
const madeJob = {
  ...job,
  properties: {
    ...(job.properties as object),
    signing_secret: { ...text, description: 'Of a webhook: what its receiver verifies with. It is shown this once.' },
  },
};
const run = object({
  id: text,
  job: text,
  kind: { enum: jobKinds },
  state: { enum: runStates },
  cause: { enum: ['schedule', 'manual'] },
  asked_by: text,
  scheduled_for: time,
  queued_at: time,
  started_at: maybe(time),
  ended_at: maybe(time),
  duration_ms: { ...maybe(whole), description: 'So far, of a run that is under way.' },
  rows: object({ read: whole, written: whole, rejected: whole }),
  parts: object({ open: whole, done: whole, failed: whole }),
  error: maybe(object({ code: text, message: text })),
  result: maybe({ type: 'object' }),
  trace: { ...maybe(text), description: 'Log group and stream of its first part.' },
});
const jobId = pathParameter('jobId', 'UUIDv7');
const kindNeeds = 'Takes the permission of its kind besides: what a job does is done in its tenant’s name.';

const step = (summary: string, more: Partial<Operation> = {}): Record<string, Operation> => ({
  post: {
    summary,
    scope: 'jobs:manage',
    parameters: [jobId],
    answers: ok('The job as it is now.', job),
    problems: ['not_found'],
    ...more,
  },
});

export const jobPaths: Record<string, Record<string, Operation>> = {
  '/v1/jobs': {
    get: {
      summary: 'List jobs, oldest first',
      scope: 'jobs:read',
      parameters: paging,
      answers: ok('Jobs with their next run.', list('jobs', job)),
      problems: ['request_invalid'],
    },
    post: {
      summary: 'Make a job',
      description: kindNeeds,
      scope: 'jobs:manage',
      body: body(schemaOf(jobBody)),
      answers: { 201: { description: 'The job, with its next five runs.', content: json(madeJob) } },
      problems: ['request_invalid', 'body_missing', 'json_invalid', 'conflict'],
    },
  },
  '/v1/jobs/{jobId}': {
    get: {
      summary: 'One job',
      scope: 'jobs:read',
      parameters: [jobId],
      answers: ok('The job, with its next five runs.', job),
      problems: ['not_found'],
    },
    delete: {
      summary: 'Delete a job',
      description: 'Its history and its events stay. A run that is under way goes on.',
      scope: 'jobs:manage',
      parameters: [jobId],
      answers: { 204: { description: 'It is gone, and its name is free.' } },
      problems: ['not_found'],
    },
  },
  '/v1/jobs/{jobId}/history': {
    get: {
      summary: 'The runs of a job, newest first',
      scope: 'jobs:read',
      parameters: [
        jobId,
        queryParameter('before', text, 'The `next` of the page before.'),
        queryParameter('limit', { type: 'integer', minimum: 1, maximum: 1000 }, 'How many at most.'),
      ],
      answers: ok('Runs.', object({ runs: array(run), next: maybe(text), next_run: maybe(time) })),
      problems: ['not_found', 'request_invalid'],
    },
  },
  '/v1/jobs/{jobId}/enable': step('Enable a job', { description: kindNeeds }),
  '/v1/jobs/{jobId}/disable': step('Disable a job', { description: 'A run that is under way goes on.' }),
  '/v1/jobs/{jobId}/run': step('Run a job now', {
    description: `Also one that is disabled. ${kindNeeds}`,
    answers: { 202: { description: 'The run: queued.', content: json(run) } },
    problems: ['not_found', 'conflict'],
  }),
};
