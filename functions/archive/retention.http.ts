/**
 * Retention: how long a tenant's events are kept. One person proposes a policy, another approves it.
 *
 * Proposals and approvals are recorded before they happen, so a record may tell of one that failed, and none happens
 * unrecorded. An approved policy is published to S3, where compaction reads it; if publishing fails the answer is 503,
 * and approving again publishes again. Nothing is purged before a tenant has approved a policy.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import type { PolicyRegistry, TenantRegistry } from '#core/access/ports.ts';
import {
  defaultRetention,
  endsOf,
  expiryOf,
  type RetentionPolicy,
  retentionBody,
  retentionView,
} from '#core/archive/retention.ts';
import type {
  Ages,
  PurgeRecord,
  RetentionLedger,
  RetentionPolicies,
  RetentionVersion,
} from '#core/archive/retention-ports.ts';
import { categories } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import type { Publisher, Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import {
  openGuard,
  openPolicies,
  openPublisher,
  openRecorder,
  openRetentionLedger,
  openRetentionPolicies,
  openTenants,
} from '#functions/runtime/open.ts';
import { publishTenant } from '#functions/runtime/publish-tenant.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';

export interface RetentionPorts {
  readonly guard: Guard;
  readonly retention: RetentionPolicies;
  readonly ledger: RetentionLedger;
  readonly tenants: Pick<TenantRegistry, 'get'>;
  readonly policies: Pick<PolicyRegistry, 'get'>;
  readonly publisher: Pick<Publisher, 'putTenant'>;
  readonly recorder: Recorder;
}

/** Which version is approved: the one that the approver has read. */
export const approveBody = z.strictObject({ version: z.number().int().min(1) });

export async function retention(ports: RetentionPorts, request: HttpRequest): Promise<HttpResponse> {
  const permission = request.method === 'GET' ? 'retention:read' : 'retention:manage';
  const caller = requireWholeTenant(await ports.guard.require(request, permission, circumstancesOf(request)));
  switch (`${request.method} ${request.path.split('/').at(-1)}`) {
    case 'GET retention':
      return { status: 200, body: await viewOf(ports, caller.tenant, request.now) };
    case 'PUT retention':
      return propose(ports, request, caller);
    case 'POST approve':
      return approve(ports, request, caller);
    case 'GET purges':
      return purges(ports, request, caller);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function propose(ports: RetentionPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const policy = jsonBody(request, retentionBody);
  const { approved, waiting } = await ports.retention.current(caller.tenant);
  const newest = Math.max(approved?.version ?? 0, waiting?.version ?? 0);
  await record(ports, request, caller, 'retention.proposed', newest + 1, policy, approved?.policy);
  const by = principalName(caller);
  const proposed = await ports.retention.propose(caller.tenant, newest, {
    policy,
    proposedBy: by,
    proposedAt: request.now,
  });
  return { status: 202, body: versionView(proposed) };
}

async function approve(ports: RetentionPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { version } = jsonBody(request, approveBody);
  const by = principalName(caller);
  const { approved, waiting } = await ports.retention.current(caller.tenant);
  if (approved?.version === version && approved.approved?.by === by) {
    // Approved by the same before, and maybe not published then.
    await publishTenant(ports, caller.tenant);
    return { status: 200, body: versionView(approved) };
  }
  if (waiting?.version !== version) {
    throw new Problem('conflict', 'This version does not wait for approval. Read what does, and approve that.');
  }
  if (waiting.proposedBy === by) {
    throw new Problem('second_person_required', 'You proposed this policy; somebody else must approve it.');
  }
  await record(ports, request, caller, 'retention.approved', version, waiting.policy, approved?.policy);
  const after = await ports.retention.approve(caller.tenant, version, by, request.now);
  if (!after) throw new Problem('conflict', 'The policy was changed meanwhile; read it again.');
  await publishTenant(ports, caller.tenant);
  return { status: 200, body: versionView(after) };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const purgesDefault = 100;
const purgesMax = 1000;

/** `?after=&limit=`; `after` is the id of the last purge of the page before. */
async function purges(ports: RetentionPorts, { query }: HttpRequest, { tenant }: Caller): Promise<HttpResponse> {
  for (const name of query.keys()) {
    if (name === 'after' || name === 'limit') continue;
    throw new Problem('request_invalid', 'This list takes after, limit, and nothing else.');
  }
  const limit = query.get('limit') ?? String(purgesDefault);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > purgesMax) {
    const detail = `limit must be a whole number from 1 to ${purgesMax}.`;
    throw new Problem('request_invalid', detail, { pointer: '/limit' });
  }
  const after = query.get('after') ?? undefined;
  if (after !== undefined && !uuid.test(after)) {
    throw new Problem('request_invalid', 'after must be the id of the last item.', { pointer: '/after' });
  }
  const page = await ports.ledger.purges(tenant, after, Number(limit));
  const next = page.length === Number(limit) ? page.at(-1)!.id : null;
  return { status: 200, body: { purges: page.map(purgeView), next } };
}

/** What counts, what waits, and what comes of it. */
async function viewOf(ports: RetentionPorts, tenant: string, now: Date): Promise<object> {
  const { approved, waiting } = await ports.retention.current(tenant);
  const policy = approved?.policy ?? defaultRetention;
  const ages = await ports.ledger.ages(tenant, approved ? endsOf(policy, now) : {});
  const overdue = ages.reduce((sum, one) => sum + one.overdue, 0);
  const oldest = ages.flatMap(({ oldestOverdue }) => oldestOverdue ?? []).sort((a, b) => a - b)[0];
  return {
    policy: approved ? versionView(approved) : { version: 0, ...retentionView(defaultRetention) },
    waiting: waiting ? versionView(waiting) : null,
    // Who decided that it may be deleted? Without an answer nothing is.
    purging: approved !== undefined,
    overdue: { files: overdue, oldest: oldest === undefined ? null : new Date(oldest).toISOString() },
    held: ages.reduce((sum, one) => sum + one.held, 0),
    next: Object.keys(policy.classes).map((name) => nextOf(name, policy, ages, approved !== undefined)),
  };
}

/** The class's file that goes first, and when: the dates count once the policy is approved. */
function nextOf(name: string, policy: RetentionPolicy, all: readonly Ages[], purging: boolean): object {
  const own = categories.filter((category) => policy.byCategory[category] === name);
  const ages = all.filter(({ category }) => own.includes(category));
  const ends = ages.map(({ category, oldest }) => expiryOf(policy, category, oldest));
  return {
    class: name,
    categories: own,
    files: ages.reduce((sum, one) => sum + one.files, 0),
    purge_at: purging && ends.length > 0 ? new Date(Math.min(...ends)).toISOString() : null,
  };
}

const versionView = ({ version, policy, proposedBy, proposedAt, approved }: RetentionVersion): object => ({
  version,
  ...retentionView(policy),
  proposed_by: proposedBy,
  proposed_at: proposedAt.toISOString(),
  approved: approved ? { by: approved.by, at: approved.at.toISOString() } : null,
});

const purgeView = (one: PurgeRecord): object => ({
  id: one.id,
  policy_version: one.policyVersion,
  approved_by: one.approvedBy,
  files: one.files,
  events: one.events,
  bytes: one.bytes,
  newest: new Date(one.newest).toISOString(),
  leaves: one.leaves,
  started_at: one.startedAt.toISOString(),
  ended_at: one.endedAt.toISOString(),
});

async function record(
  { recorder }: RetentionPorts,
  request: HttpRequest,
  caller: Caller,
  action: string,
  version: number,
  after: RetentionPolicy,
  before: RetentionPolicy | undefined,
): Promise<void> {
  const event = eventBy(caller, {
    action,
    targets: [{ type: 'retention_policy', id: String(version) }],
    changes: [
      {
        path: '/retention',
        ...(before ? { before: JSON.stringify(retentionView(before)) } : {}),
        after: JSON.stringify(retentionView(after)),
      },
    ],
    context: { ip: request.sourceIp, request_id: request.requestId, service: 'trailkeep' },
  });
  await recorder.record(caller.tenant, [event], request.now);
}

export const handler = onHttp(retention, {
  guard: openGuard,
  retention: openRetentionPolicies,
  ledger: openRetentionLedger,
  tenants: openTenants,
  policies: openPolicies,
  publisher: openPublisher,
  recorder: openRecorder,
});
