/**
 * Advance: what time does to requests of data subjects.
 *
 * Ends erasures behind their fence, carries on what a hold or a crash stopped, gives notice of the clock, lowers
 * fences and destroys retained keys whose time is over. Two runs at once, or a run again, do no harm.
 */
import type { TenantRegistry } from '#core/access/ports.ts';
import type { PrivacyRequest } from '#core/privacy/request.ts';
import { noticeDue } from '#core/privacy/request.ts';
import type { Holds } from '#core/privacy/request-ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { openBackupDays, openHolds, openTenants } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { execute } from './execute.ts';
import { type FinishPorts, finish } from './finish.ts';
import { privacyOpeners } from './openers.ts';
import { stepEvent, take } from './step.ts';

export interface AdvancePorts extends FinishPorts {
  readonly tenants: Pick<TenantRegistry, 'list'>;
  readonly holds: Pick<Holds, 'covering'>;
}

const tenantsPerPage = 500;
const requestsPerPage = 200;

export async function advance(ports: AdvancePorts): Promise<object> {
  const report = { looked: 0, moved: 0, noticed: 0, failed: 0, vaultShredded: 0, fencesLowered: 0 };
  for (let after: string | undefined; ; ) {
    const page = await ports.tenants.list(after, tenantsPerPage);
    const tenants = page.map(({ id }) => id);
    const stuck = new Set<string>();
    for await (const request of unfinished(ports, tenants)) {
      report.looked++;
      try {
        const noticed = await notice(ports, request);
        if (noticed !== request) report.noticed++;
        if ((await carryOn(ports, noticed)) !== noticed) report.moved++;
      } catch (error) {
        report.failed++;
        stuck.add(request.tenant);
        logger.error('a request of a data subject cannot go on', { request: request.id, error: String(error) });
      }
    }
    for (const tenant of await ports.lifecycle.due(tenants, ports.clock())) {
      report.vaultShredded += await shredVaulted(ports, tenant);
      // Behind a fence that an unfinished erasure needs, nobody may make a key.
      if (!stuck.has(tenant)) report.fencesLowered += await ports.lifecycle.lowerFences(tenant, ports.clock());
    }
    after = tenants.at(-1);
    if (after === undefined || tenants.length < tenantsPerPage) break;
  }
  if (report.failed > 0) metric('privacy', 'requestsStuck', report.failed);
  return report;
}

async function* unfinished({ requests }: AdvancePorts, tenants: readonly string[]): AsyncIterable<PrivacyRequest> {
  for (let after: string | undefined; ; ) {
    const page = await requests.unfinished(tenants, after, requestsPerPage);
    yield* page;
    if (page.length < requestsPerPage) return;
    after = page.at(-1)!.id;
  }
}

async function carryOn(ports: AdvancePorts, request: PrivacyRequest): Promise<PrivacyRequest> {
  switch (request.state) {
    case 'fencing':
      return request.fenceUntil && request.fenceUntil <= ports.clock() ? finish(ports, request) : request;
    case 'held': {
      const hold = request.subjectRef && (await ports.holds.covering(request.tenant, request.subjectRef));
      if (hold !== undefined) return request;
      return execute(ports, await take(ports, request, { step: 'resume', at: ports.clock() }));
    }
    case 'approved':
    case 'executing':
      return execute(ports, request);
    default:
      return request;
  }
}

/** Tells that the answer is due soon, or now. */
async function notice(ports: AdvancePorts, request: PrivacyRequest): Promise<PrivacyRequest> {
  const now = ports.clock();
  const days = noticeDue(request, now);
  if (days === undefined) return request;
  const next = {
    ...request,
    version: request.version + 1,
    notes: { ...request.notes, noticed: [...request.notes.noticed, days] },
  };
  const event = { ...stepEvent(next, 'due'), metadata: { type: request.type, days_left: days } };
  await ports.recorder.record(request.tenant, [event], now);
  logger.warn('the answer to a data subject is due', { request: request.id, daysLeft: days });
  metric('privacy', 'answersDue', 1);
  if (!(await ports.requests.put(next))) throw new Error('the request was changed meanwhile');
  return next;
}

async function shredVaulted(ports: AdvancePorts, tenant: string): Promise<number> {
  const now = ports.clock();
  const ended = await ports.lifecycle.shredVaulted(tenant, now);
  if (ended.length === 0) return 0;
  await ports.recorder.record(
    tenant,
    [
      {
        action: 'privacy.retention_ended',
        actor: { type: 'service', id: 'trailkeep' },
        targets: ended.map((id) => ({ type: 'subject_key', id })),
      },
    ],
    now,
  );
  return ended.length;
}

export const handler = onSchedule((ports: AdvancePorts) => advance(ports), {
  ...privacyOpeners,
  tenants: openTenants,
  holds: openHolds,
  backupDays: openBackupDays,
});
