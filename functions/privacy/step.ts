/** One step of a request: recorded first, so that nothing happens unseen; then stored, if nobody was faster. */
import type { Caller } from '#core/access/access.ts';
import type { EventInput } from '#core/event/event.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { type Move, move, type PrivacyRequest } from '#core/privacy/request.ts';
import type { PrivacyRequests } from '#core/privacy/request-ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import { actorOf } from '#functions/runtime/recorder.ts';

export interface StepPorts {
  readonly requests: PrivacyRequests;
  readonly recorder: Recorder;
}

export interface StepOptions {
  /** Who takes it; without one it is ours. */
  readonly caller?: Caller;
  /** The subject's id, where it may still be written: it is sealed like any event's. */
  readonly subject?: string | undefined;
  readonly also?: readonly EventInput[];
  /** Of an erasure that ends: the subject that all rows forget. */
  readonly erased?: string;
}

/** Takes a step. Throws what core says against it, or `conflict` when the request was changed meanwhile. */
export async function take(
  ports: StepPorts,
  request: PrivacyRequest,
  made: Move,
  options: StepOptions = {},
): Promise<PrivacyRequest> {
  const moved = move(request, made);
  if (!moved.ok) throw problemOf(moved.fault);
  const next = moved.value;
  const event = stepEvent(next, made.step === 'extend' ? 'extended' : next.state, options);
  await ports.recorder.record(request.tenant, [event, ...(options.also ?? [])], made.at);
  if (await ports.requests.put(next, options.erased)) return next;
  const lost: EventInput = { ...event, outcome: { result: 'failure', reason: 'conflict' } };
  await ports.recorder.record(request.tenant, [lost], made.at);
  throw new Problem('conflict', 'The request was changed meanwhile; read it again.');
}

/** The event that tells of a request's step. */
export function stepEvent(request: PrivacyRequest, step: string, options: StepOptions = {}): EventInput {
  return {
    action: `privacy.request.${step}`,
    ...(options.caller ? actorOf(options.caller) : { actor: { type: 'service', id: 'trailkeep' } }),
    operation_id: request.id,
    targets: [{ type: 'privacy_request', id: request.id }],
    metadata: { type: request.type },
    ...(options.subject === undefined ? {} : { subject: options.subject }),
  };
}
