/**
 * Jobs: what a tenant has done by the clock; defined, looked at, switched on and off, and run by hand.
 *
 * The row is the job, and its schedule follows it: one that cannot be put now is put by the schedule of
 * put-schedules.schedule.ts within minutes, and `scheduled` says so. Each change is recorded before it is made. Who makes
 * a job act needs what its kind needs, besides `jobs:manage`: nobody exports by a job what they may not export.
 */
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard, OwnPermission } from '#core/access/guard.ts';
import type { JsonObject } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import { configFault } from '#core/jobs/config.ts';
import type { Job } from '#core/jobs/job.ts';
import { jobBody } from '#core/jobs/job-body.ts';
import type { Jobs, Runs, TenantSecrets } from '#core/jobs/ports.ts';
import type { JobKind } from '#core/jobs/run.ts';
import { expressionOf, timingFault } from '#core/jobs/timing.ts';
import { type Recorder, Unavailable } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import type { Onward } from '#functions/runtime/onward.ts';
import {
  openGuard,
  openJobs,
  openNewId,
  openOnward,
  openRandom,
  openRecorder,
  openRuns,
  openSchedules,
  openTenantSecrets,
} from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { type AlignPorts, align } from './align.ts';
import { jobView, runView } from './views.ts';

export interface DefinitionsPorts extends AlignPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly jobs: Jobs;
  readonly runs: Pick<Runs, 'start'>;
  readonly onward: Onward;
  readonly recorder: Recorder;
  readonly newId: (now: Date) => string;
  readonly secrets: Pick<TenantSecrets, 'put' | 'remove'>;
  readonly random: (bytes: number) => Uint8Array;
}

/** What a job of a kind does in its tenant's name. */
const kindNeeds: Readonly<Record<JobKind, OwnPermission>> = {
  etl: 'costs:manage',
  refresh: 'costs:manage',
  forecast: 'costs:read',
  compare: 'costs:read',
  report: 'costs:read',
  export: 'events:export',
  retention: 'retention:manage',
  verify: 'proofs:read',
  'custom-webhook': 'jobs:manage',
};
const runsAhead = 5;
const listDefault = 100;
const listMax = 1000;

export async function definitions(ports: DefinitionsPorts, request: HttpRequest): Promise<HttpResponse> {
  const { method, path, params } = request;
  const permission = method === 'GET' ? 'jobs:read' : 'jobs:manage';
  const caller = requireWholeTenant(await ports.guard.require(request, permission, circumstancesOf(request)));
  const { jobId } = params;
  if (jobId === undefined) {
    if (method === 'POST') return create(ports, request, caller);
    if (method === 'GET') return list(ports, request, caller);
  } else {
    const job = await ports.jobs.get(caller.tenant, jobId);
    if (!job) throw new Problem('not_found', 'There is no job with this id.');
    const step = path.split('/').at(-1);
    if (method === 'GET') return step === 'history' ? history(ports, request, job) : show(request, job);
    if (method === 'DELETE') return remove(ports, request, caller, job);
    if (step === 'enable' || step === 'disable') return turn(ports, request, caller, job, step === 'enable');
    if (step === 'run') return run(ports, request, caller, job);
  }
  throw new Problem('method_not_allowed', 'This path does not take that method.');
}

const requireKind = ({ guard }: DefinitionsPorts, request: HttpRequest, kind: JobKind) =>
  guard.require(request, kindNeeds[kind], circumstancesOf(request));

async function create(ports: DefinitionsPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { timing, ...body } = jsonBody(request, jobBody);
  const { now } = request;
  await requireKind(ports, request, body.kind);
  const fault = timingFault(timing, body.time_zone, now);
  if (fault !== undefined) throw new Problem('request_invalid', `/timing: ${fault}.`, { pointer: '/timing' });
  const wrong = configFault(body.kind, body.config as JsonObject);
  if (wrong) throw new Problem('request_invalid', `${wrong.pointer}: ${wrong.sentence}.`, { pointer: wrong.pointer });
  const job: Job = {
    tenant: caller.tenant,
    id: ports.newId(now),
    name: body.name,
    kind: body.kind,
    timing,
    timeZone: body.time_zone,
    config: body.config as JsonObject,
    overlap: body.overlap,
    attemptsMax: body.attempts_max,
    backoffSeconds: body.backoff_seconds,
    enabled: body.enabled,
    createdBy: principalName(caller),
    createdAt: now,
    changedAt: now,
  };
  await record(ports, request, caller, job, 'job_definition.created', settingsOf(job));
  // Before the job is there: none is called that nobody could verify.
  const secret = job.kind === 'custom-webhook' ? await makeSecret(ports, job) : undefined;
  let made: Job;
  try {
    await ports.jobs.create(job);
    made = await aligned(ports, job, now);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // The trail has it already: its name is taken, or the scheduler does not take its timing.
    await record(ports, request, caller, job, 'job_definition.deleted', { reason: error.fault.detail });
    if (secret !== undefined) await ports.secrets.remove(job.tenant, job.id);
    await ports.jobs.change(job.tenant, job.id, { deleted: true }, now);
    throw error;
  }
  return {
    status: 201,
    headers: { location: `/v1/jobs/${job.id}` },
    body: { ...jobView(made, now, runsAhead), ...(secret === undefined ? {} : { signing_secret: secret }) },
  };
}

/** What the receiver of a webhook verifies with; it is shown once, as an API key is. */
async function makeSecret({ secrets, random }: DefinitionsPorts, { tenant, id }: Job): Promise<string> {
  const secret = `whsec_${Buffer.from(random(32)).toString('base64')}`;
  await secrets.put(tenant, id, secret);
  return secret;
}

/** The job with its schedule; without it when the scheduler is not to be had: the sweep puts it. */
async function aligned(ports: DefinitionsPorts, job: Job, now: Date): Promise<Job> {
  try {
    return await align(ports, job, now);
  } catch (error) {
    if (error instanceof Problem) throw error;
    const say = error instanceof Unavailable ? 'warn' : 'error';
    logger[say]('a schedule waits for the sweep', { job: job.id, error: error as Error });
    metric('jobs', 'schedulesBehind', 1);
    return job;
  }
}

async function list(ports: DefinitionsPorts, { query, now }: HttpRequest, { tenant }: Caller): Promise<HttpResponse> {
  const { from, limit } = pageOf(query, 'after');
  const page = await ports.jobs.list(tenant, from, limit);
  const next = page.length === limit ? page.at(-1)!.id : null;
  return { status: 200, body: { jobs: page.map((job) => jobView(job, now)), next } };
}

function show({ now }: HttpRequest, job: Job): HttpResponse {
  return { status: 200, body: jobView(job, now, runsAhead) };
}

async function history(ports: DefinitionsPorts, { query, now }: HttpRequest, job: Job): Promise<HttpResponse> {
  const { from, limit } = pageOf(query, 'before');
  const page = await ports.jobs.history(job.tenant, job.id, from, limit);
  const next = page.length === limit ? page.at(-1)!.id : null;
  return {
    status: 200,
    body: { runs: page.map((one) => runView(one, now)), next, next_run: jobView(job, now).next_run },
  };
}

async function turn(
  ports: DefinitionsPorts,
  request: HttpRequest,
  caller: Caller,
  job: Job,
  enabled: boolean,
): Promise<HttpResponse> {
  const { now } = request;
  if (enabled) await requireKind(ports, request, job.kind);
  let current: Job | undefined = job;
  if (job.enabled !== enabled) {
    await record(ports, request, caller, job, enabled ? 'job_definition.enabled' : 'job_definition.disabled', {});
    current = await ports.jobs.change(job.tenant, job.id, { enabled }, now);
    if (!current) throw new Problem('not_found', 'There is no job with this id.');
  }
  return { status: 200, body: jobView(await aligned(ports, current, now), now, runsAhead) };
}

async function remove(ports: DefinitionsPorts, request: HttpRequest, caller: Caller, job: Job): Promise<HttpResponse> {
  await record(ports, request, caller, job, 'job_definition.deleted', settingsOf(job));
  // Before the job: who deletes again after a fault still finds it, and no secret is left behind.
  if (job.kind === 'custom-webhook') await ports.secrets.remove(job.tenant, job.id);
  const gone = await ports.jobs.change(job.tenant, job.id, { deleted: true }, request.now);
  if (gone) await aligned(ports, gone, request.now);
  return { status: 204 };
}

async function run(ports: DefinitionsPorts, request: HttpRequest, caller: Caller, job: Job): Promise<HttpResponse> {
  const { now } = request;
  await requireKind(ports, request, job.kind);
  const started = await ports.runs.start({
    ...{ tenant: job.tenant, id: ports.newId(now), job: job.id, cause: 'manual', askedBy: principalName(caller) },
    ...{ scheduledFor: now, at: now },
  });
  if (!started) throw new Problem('not_found', 'There is no job with this id.');
  try {
    await ports.onward(started.due, now);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    // The run is made; a second try would make another.
    logger.warn('a run waits for the sweep', { job: job.id, run: started.run.id, error });
  }
  if (started.run.state === 'refused') {
    const why = started.run.error?.message ?? 'Another run of this job is under way.';
    throw new Problem('conflict', why, { extensions: { run: started.run.id } });
  }
  return { status: 202, body: runView(started.run, now) };
}

/** `?after=&limit=` of jobs, oldest first; `?before=&limit=` of runs, newest first. */
function pageOf(query: URLSearchParams, name: 'after' | 'before') {
  const refuse = (detail: string, pointer?: string) =>
    new Problem('request_invalid', detail, pointer === undefined ? {} : { pointer });
  for (const given of query.keys()) {
    if (given !== name && given !== 'limit') throw refuse(`This list takes ${name} and limit, and nothing else.`);
  }
  const limit = Number(query.get('limit') ?? listDefault);
  if (!Number.isInteger(limit) || limit < 1 || limit > listMax) {
    throw refuse(`limit must be a whole number from 1 to ${listMax}.`, '/limit');
  }
  const from = query.get(name) ?? undefined;
  if (from !== undefined && !isUuid(from)) throw refuse(`${name} must be the next of the page before.`, `/${name}`);
  return { from, limit };
}

/** What an auditor asks of a job afterwards: what it did, for whom, and when. */
const settingsOf = (job: Job): JsonObject => ({
  kind: job.kind,
  timing: expressionOf(job.timing),
  time_zone: job.timeZone,
  overlap: job.overlap,
  attempts_max: job.attemptsMax,
  backoff_seconds: job.backoffSeconds,
  enabled: job.enabled,
  config: job.config,
});

async function record(
  { recorder }: DefinitionsPorts,
  { now }: HttpRequest,
  caller: Caller,
  { tenant, id, name }: Job,
  action: string,
  metadata: JsonObject,
): Promise<void> {
  await recorder.record(tenant, [eventBy(caller, { action, targets: [{ type: 'job', id, name }], metadata })], now);
}

export const handler = onHttp(definitions, {
  guard: openGuard,
  jobs: openJobs,
  runs: openRuns,
  schedules: openSchedules,
  onward: openOnward,
  recorder: openRecorder,
  newId: openNewId,
  secrets: openTenantSecrets,
  random: openRandom,
});
