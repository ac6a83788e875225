/**
 * How changes of roles, permissions, assignments, keys and policies are recorded, and told to the permission cache.
 *
 * The record of a role is sent inside the change's transaction, just before it commits (Witness of
 * core/access/roles.ts); that of a key or a policy before it is published, and nothing works before that. When
 * it cannot be sent the change does not happen and the answer is 503. Should the commit itself fail afterwards, the
 * trail tells of a change that did not happen: sending the request again makes it happen, and records it again. The
 * other way round, a change that nobody recorded, cannot be.
 */
import { createHash } from 'node:crypto';
import type { Caller } from '#core/access/access.ts';
import { reasonShape } from '#core/access/role-shapes.ts';
import type { PermissionCache } from '#core/access/roles.ts';
import type { Change, Target } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import type { Recorder } from '#core/record/ports.ts';
import { logger } from '#functions/runtime/observe.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';

export interface ChangePorts {
  readonly recorder: Recorder;
  readonly permissions: Pick<PermissionCache, 'invalidateUserCache' | 'invalidateRoleCache'>;
}

export interface Changed {
  readonly action: string;
  readonly targets: readonly Target[];
  readonly reason?: string | undefined;
  readonly before: object | undefined;
  readonly after: object | undefined;
}

/** Durable on return. */
export async function recordChange(
  { recorder }: Pick<ChangePorts, 'recorder'>,
  request: HttpRequest,
  caller: Caller,
  { action, targets, reason, before, after }: Changed,
  tenant: string = caller.tenant,
): Promise<void> {
  const ticket = request.headers['trailkeep-ticket'];
  const metadata = { ...(reason === undefined ? {} : { reason }), ...(ticket === undefined ? {} : { ticket }) };
  const event = eventBy(caller, {
    action,
    outcome: { result: 'success' },
    targets,
    changes: changesOf(before, after),
    context: { ip: request.sourceIp, request_id: request.requestId, service: 'trailkeep' },
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  });
  await recorder.record(tenant, [event], request.now);
}

/** Field by field; what has an inside is one text, because an event may have fewer keys than a role. */
function changesOf(before: object | undefined, after: object | undefined): readonly Change[] {
  const old = textsOf(before);
  const fresh = textsOf(after);
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
    .filter((name) => old[name] !== fresh[name])
    .map((name) => ({
      path: `/${name}`,
      ...(old[name] === undefined ? {} : { before: old[name] }),
      ...(fresh[name] === undefined ? {} : { after: fresh[name] }),
    }));
}

const textsOf = (document: object = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(document)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, shortened(typeof value === 'string' ? value : JSON.stringify(value))]),
  );

/** A text that is larger than the record of a change needs is told by its digest: a policy may be as large as an event. */
const textLengthMax = 16_384;
const shortened = (text: string): string =>
  text.length <= textLengthMax ? text : `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** After the commit. Best effort: without it a change is seen everywhere within two seconds. */
export async function tellCache(telling: Promise<void>): Promise<void> {
  try {
    await telling;
  } catch (error) {
    logger.warn('the permission cache was not told', { error: String(error) });
  }
}

/** `?reason=` of a DELETE, which has no body. */
export function reasonOf({ query }: HttpRequest): string | undefined {
  for (const name of query.keys()) {
    if (name !== 'reason') throw new Problem('request_invalid', 'This takes the parameter reason and no other.');
  }
  const given = query.get('reason');
  if (given === null) return undefined;
  const shaped = reasonShape.safeParse(given);
  if (!shaped.success)
    throw new Problem('request_invalid', 'reason must be 1 to 500 characters.', { pointer: '/reason' });
  return shaped.data;
}

/** Roles count for the whole tenant, so a key of one project has no say in them. */
export function requireWholeTenant(caller: Caller): void {
  if (caller.project !== undefined || caller.environment !== undefined) {
    throw new Problem('forbidden', 'Roles belong to the whole tenant; this key belongs to one project.');
  }
}
