/**
 * Statements: what a month is charged, from draft to locked.
 *
 * Two persons stand behind a locked month: one approves what they saw, named by its hash, and another one locks it. If
 * figures moved between looking and approving, the answer is 409 and nothing is approved. Both are recorded before they
 * happen; what was recorded may then have failed, and asking again records again.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import { buildStatement } from '#core/costs/build-statement.ts';
import { firstDay, monthShape, nextMonth } from '#core/costs/month.ts';
import {
  defaultSettings,
  type Statement,
  type StatementSettings,
  type Statements,
  type StatementVersion,
  statementBytes,
  statementSettings,
} from '#core/costs/statement.ts';
import { statementCsv } from '#core/costs/statement-csv.ts';
import { statementHtml, statementHtmlHeaders } from '#core/costs/statement-html.ts';
import { Problem } from '#core/event/problem.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openNewId, openRecorder, openSha256, openStatements } from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { statementQuestion } from './statement-question.ts';

export interface StatementPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly statements: Statements;
  readonly recorder: Recorder;
  readonly newId: (now: Date) => string;
  readonly sha256: (data: Uint8Array) => string;
}

const listMax = 240;
const sha256Shape = z.string().regex(/^[0-9a-f]{64}$/, 'must be the sha256 that the statement was shown with');
export const approveBody = z.strictObject({
  month: monthShape,
  sha256: sha256Shape.describe('Of the draft that you looked at'),
  settings: statementSettings.optional().describe('Those of the draft; left out: those of the version before'),
});
export const lockBody = z.strictObject({ month: monthShape, sha256: sha256Shape.describe('Of the approved version') });

export async function statement(ports: StatementPorts, request: HttpRequest): Promise<HttpResponse> {
  const at = circumstancesOf(request);
  const step = /\/(approve|lock)$/.exec(request.path)?.[1];
  if (step === undefined) {
    if (request.method !== 'GET') throw new Problem('method_not_allowed', 'This path does not take that method.');
    const caller = requireWholeTenant(await ports.guard.require(request, 'costs:read', at));
    return request.path.endsWith('/statements') ? list(ports, request, caller) : show(ports, request, caller);
  }
  const caller = requireWholeTenant(await ports.guard.require(request, 'costs:approve', at));
  return step === 'approve' ? approve(ports, request, caller) : lock(ports, request, caller);
}

async function show(ports: StatementPorts, request: HttpRequest, { tenant }: Caller): Promise<HttpResponse> {
  const { month, kind, format, settings } = statementQuestion(request.query);
  const newest = await ports.statements.newest(tenant, month);
  if (kind === 'statement' && newest) {
    if (settings)
      throw new Problem('request_invalid', 'It has its settings; ask for a draft to see others.', { pointer: '/kind' });
    const now = newest.locked ? undefined : await draft(ports, tenant, month, newest.statement.settings);
    return answer(format, tenant, newest.statement, {
      ...{ state: newest.locked ? 'locked' : 'approved', sha256: newest.sha256, version: newest.version, newest },
      // What counts moved since it was approved: look at the draft, and approve that.
      moved: now !== undefined && now.sha256 !== newest.sha256,
    });
  }
  if (kind === 'draft' && newest?.locked) throw new Problem('conflict', 'This month is locked: it has no draft.');
  const used = settings ?? newest?.statement.settings ?? defaultSettings;
  const made = await draft(ports, tenant, month, used, kind === 'showback');
  const state = kind === 'showback' ? 'showback' : 'draft';
  return answer(format, tenant, made.statement, { state, sha256: made.sha256 });
}

async function draft(
  ports: StatementPorts,
  tenant: string,
  month: string,
  settings: StatementSettings,
  showback = false,
) {
  const made = buildStatement(await ports.statements.inputs(tenant, month, settings), showback);
  return { statement: made, sha256: ports.sha256(statementBytes(made)) };
}

interface Shown {
  readonly state: 'draft' | 'approved' | 'locked' | 'showback';
  readonly sha256: string;
  readonly version?: number;
  readonly newest?: Omit<StatementVersion, 'statement'>;
  readonly moved?: boolean;
}

function answer(format: 'json' | 'csv' | 'html', tenant: string, made: Statement, shown: Shown): HttpResponse {
  const { newest } = shown;
  if (format === 'html') {
    const signed = newest ? { approved: { by: newest.approvedBy, at: newest.approvedAt } } : {};
    const locked = newest?.locked ? { locked: newest.locked } : {};
    const heading = { tenant, state: shown.state, sha256: shown.sha256, ...signed, ...locked };
    return { status: 200, headers: statementHtmlHeaders, body: statementHtml(made, heading) };
  }
  if (format === 'csv') {
    const name = `${shown.state === 'showback' ? 'showback' : 'chargeback'}-${made.month}-${shown.state}.csv`;
    return {
      status: 200,
      headers: { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': `attachment; filename="${name}"` },
      body: statementCsv(made),
    };
  }
  return {
    status: 200,
    body: { ...signedView(shown.state, shown.sha256, newest), moved: shown.moved ?? false, statement: made },
  };
}

async function approve(ports: StatementPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { month, sha256, settings } = jsonBody(request, approveBody);
  requireOver(month, request.now);
  const { tenant } = caller;
  const newest = await ports.statements.newest(tenant, month);
  if (newest?.locked) throw new Problem('conflict', 'This month is locked; what changes goes to the next one.');
  const made = await draft(ports, tenant, month, settings ?? newest?.statement.settings ?? defaultSettings);
  if (made.sha256 !== sha256) {
    throw new Problem('conflict', 'The figures are not those that you looked at. Look at the draft again.');
  }
  await record(ports, request, caller, 'costs.statement_approved', month, sha256);
  const by = { approvedBy: principalName(caller), approvedAt: request.now };
  const approved = await ports.statements.approve(tenant, ports.newId(request.now), { month, ...made, ...by });
  if (!approved) throw new Problem('conflict', 'This month was locked meanwhile.');
  return { status: 200, body: signedView('approved', approved.sha256, approved) };
}

async function lock(ports: StatementPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { month, sha256 } = jsonBody(request, lockBody);
  const newest = await ports.statements.newest(caller.tenant, month);
  if (!newest) throw new Problem('conflict', 'Nobody approved this month yet.');
  const by = principalName(caller);
  if (newest.locked) throw new Problem('conflict', 'This month is locked already.');
  if (newest.sha256 !== sha256)
    throw new Problem('conflict', 'Another version was approved meanwhile. Look at it first.');
  if (newest.approvedBy === by)
    throw new Problem('second_person_required', 'You approved it; somebody else must lock it.');
  await record(ports, request, caller, 'costs.statement_locked', month, sha256);
  const locked = await ports.statements.lock(caller.tenant, month, newest.version, by, request.now);
  if (!locked) {
    throw new Problem(
      'conflict',
      'Months are locked one after the other: the one after the last locked month is next.',
    );
  }
  return { status: 200, body: signedView('locked', locked.sha256, locked) };
}

/** Newest month first. */
async function list({ statements }: StatementPorts, { query }: HttpRequest, { tenant }: Caller): Promise<HttpResponse> {
  if (query.size > 0) throw new Problem('request_invalid', 'This list takes nothing.');
  const all = await statements.list(tenant, listMax);
  const views = all.map((one) => signedView(one.locked ? 'locked' : 'approved', one.sha256, one));
  return { status: 200, body: { statements: views } };
}

/** A month that goes on is not approved: every day changes it. */
function requireOver(month: string, now: Date): void {
  if (now.toISOString().slice(0, 10) >= firstDay(nextMonth(month))) return;
  throw new Problem('conflict', 'This month is not over yet.', { pointer: '/month' });
}

async function record(
  { recorder }: StatementPorts,
  request: HttpRequest,
  caller: Caller,
  action: string,
  month: string,
  sha256: string,
): Promise<void> {
  const context = { ip: request.sourceIp, request_id: request.requestId, service: 'trailkeep' };
  const event = eventBy(caller, {
    action,
    targets: [{ type: 'statement', id: month }],
    context,
    metadata: { month, sha256 },
  });
  await recorder.record(caller.tenant, [event], request.now);
}

const signedView = (state: Shown['state'], sha256: string, version?: Omit<StatementVersion, 'statement'>): object => ({
  ...(version ? { month: version.month } : {}),
  state,
  sha256,
  version: version?.version ?? null,
  approved: version ? { by: version.approvedBy, at: version.approvedAt.toISOString() } : null,
  locked: version?.locked ? { by: version.locked.by, at: version.locked.at.toISOString() } : null,
});

export const handler = onHttp(statement, {
  guard: openGuard,
  statements: openStatements,
  recorder: openRecorder,
  newId: openNewId,
  sha256: openSha256,
});
