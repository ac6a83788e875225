/**
 * Execute: what an approved request asks for is done.
 *
 * Every part may run again: whoever comes after a crash finds the request in `executing` and does it once more. Two
 * at once end in one result, since a step is stored by one of them only.
 */
import type { EventInput } from '#core/event/event.ts';
import type { ProcessingStatements } from '#core/privacy/package.ts';
import type { Cipher, DataKey, KeyLifecycle, SubjectKeys } from '#core/privacy/ports.ts';
import type { PrivacyRequest, Sample } from '#core/privacy/request.ts';
import type { Deliveries } from '#core/privacy/request-ports.ts';
import { openBoxes } from './boxes.ts';
import { type BuildPorts, buildPackage } from './build-package.ts';
import { type StepPorts, stepEvent, take } from './step.ts';

export interface ExecutePorts extends StepPorts, BuildPorts {
  readonly lifecycle: KeyLifecycle;
  readonly subjectKeys: SubjectKeys;
  readonly cipher: Cipher;
  readonly deliveries: Deliveries;
  readonly controllerOf: (tenant: string) => Promise<Controller>;
  readonly ids: { uuidv7(now: Date): string };
  readonly clock: () => Date;
}

/** Who answers, and what it says of its processing. */
export interface Controller {
  readonly name: string;
  readonly statements: ProcessingStatements;
}

/** Writers keep a key for five minutes; one more for clocks and for what is on its way. */
export const fenceMs = 6 * 60_000;
/** Enough of each tier to see that keys are gone; keys do not differ by event. */
const samplesMax = 20;

/** Carries an approved request as far as it goes now: to its end, behind its fence, or to a hold. */
export async function execute(ports: ExecutePorts, request: PrivacyRequest): Promise<PrivacyRequest> {
  const [subject] = await openBoxes(ports, request.tenant, [
    { place: { tenant: request.tenant, id: request.id, what: 'subject' }, box: request.subjectBox },
  ]);
  if (request.type === 'erasure') return erase(ports, request, subject);
  // The person was erased meanwhile: there is nobody whom this is about.
  if (subject === undefined) return take(ports, request, { step: 'abandon', at: ports.clock() });
  const begun =
    request.state === 'executing'
      ? request
      : await take(ports, request, { step: 'execute', at: ports.clock() }, { subject });
  switch (request.type) {
    case 'restriction':
      return restrict(ports, begun, subject);
    case 'rectification':
      return rectify(ports, begun, subject);
    default:
      return answer(ports, begun, subject);
  }
}

async function restrict(ports: ExecutePorts, request: PrivacyRequest, subject: string): Promise<PrivacyRequest> {
  const lift = request.notes.options.lift === true;
  const changed = await ports.lifecycle.restrict(request.tenant, request.subjectRef!, !lift);
  return take(ports, request, { step: 'complete', at: ports.clock(), notes: { changed } }, { subject });
}

/** The log is append-only: what is wrong stays, and the subject's statement stands beside it. */
async function rectify(ports: ExecutePorts, request: PrivacyRequest, subject: string): Promise<PrivacyRequest> {
  const { events = [], statementBox } = request.notes.options;
  const [statement] = await openBoxes(ports, request.tenant, [
    { place: { tenant: request.tenant, id: request.id, what: 'statement' }, box: statementBox ?? '' },
  ]);
  const rectified: EventInput = {
    ...stepEvent(request, '', { subject }),
    action: 'privacy.rectified',
    targets: [{ type: 'privacy_request', id: request.id }, ...events.map((id) => ({ type: 'event', id }))],
    metadata: { statement: statement ?? '' },
  };
  return take(ports, request, { step: 'complete', at: ports.clock() }, { subject, also: [rectified] });
}

async function answer(ports: ExecutePorts, request: PrivacyRequest, subject: string): Promise<PrivacyRequest> {
  const { tenant, subjectRef } = request;
  const key = await currentKey(ports, tenant, subject);
  if (!key) return take(ports, request, { step: 'abandon', at: ports.clock() });
  const generatedAt = ports.clock();
  const run = ports.ids.uuidv7(generatedAt);
  const controller = await ports.controllerOf(tenant);
  const earlier = await ports.deliveries.of(tenant, subjectRef!);
  const parts = await buildPackage(ports, request, key, run, {
    delivery: run,
    subject,
    generatedAt,
    recipients: [...new Set(earlier.map(({ kind, recipient }) => `${kind}: ${recipient}`))],
    controller: controller.name,
    statements: controller.statements,
  });
  const notes = { package: { run, parts } };
  return take(ports, request, { step: 'complete', at: ports.clock(), notes }, { subject });
}

const currentKey = async (ports: ExecutePorts, tenant: string, subject: string): Promise<DataKey | undefined> =>
  (await ports.subjectKeys.find(tenant, [subject])).get(subject)?.[0];

/**
 * Shreds, or moves to the vault. The subject is named in no record from here on: an event that is sealed after the
 * shred must not bring it back.
 */
async function erase(
  ports: ExecutePorts,
  request: PrivacyRequest,
  subject: string | undefined,
): Promise<PrivacyRequest> {
  const { tenant, subjectRef, notes } = request;
  let begun = request;
  if (request.state !== 'executing') {
    const keys = subject === undefined ? [] : await keyIds(ports, tenant, subject);
    const sample = subject === undefined ? [] : await sampleOf(ports, tenant, subject);
    begun = await take(ports, request, { step: 'execute', at: ports.clock(), notes: { keys, sample } });
  }
  const fenceUntil = new Date(ports.clock().getTime() + fenceMs);
  const outcome = await endKeys(ports, request, subjectRef!, fenceUntil);
  if ('held' in outcome) {
    return take(ports, begun, { step: 'hold', at: ports.clock(), notes: { hold: outcome.held } });
  }
  const keys = [...new Set([...(begun.notes.keys ?? notes.keys ?? []), ...outcome.ended])];
  // After the commit: it is never told to have been earlier than it was.
  const at = ports.clock();
  return take(ports, begun, { step: 'fence', at, fenceUntil, notes: { keys, effectiveAt: at.toISOString() } });
}

/** Ends the subject's keys as the request asks for; again finds only what was made meanwhile. */
export async function endKeys(
  { lifecycle }: Pick<ExecutePorts, 'lifecycle'>,
  request: PrivacyRequest,
  ref: string,
  fenceUntil: Date,
): Promise<{ readonly ended: readonly string[] } | { readonly held: string }> {
  const { retain } = request.notes.options;
  if (!retain) {
    const outcome = await lifecycle.shred(request.tenant, ref, fenceUntil);
    return 'held' in outcome ? outcome : { ended: outcome.shredded };
  }
  const outcome = await lifecycle.vault(request.tenant, ref, fenceUntil, {
    request: request.id,
    legalBasis: retain.legalBasis,
    reference: retain.legalReference,
    retainUntil: new Date(retain.retainUntil),
  });
  return 'held' in outcome ? outcome : { ended: outcome.vaulted };
}

const keyIds = async (ports: ExecutePorts, tenant: string, subject: string): Promise<readonly string[]> =>
  ((await ports.subjectKeys.find(tenant, [subject])).get(subject) ?? []).map(({ id }) => id);

async function sampleOf(ports: ExecutePorts, tenant: string, subject: string): Promise<readonly Sample[]> {
  const sample: Sample[] = [];
  for await (const { place, event } of ports.subjectEvents.stored(tenant, subject, samplesMax)) {
    sample.push({ place, event: event.id });
  }
  return sample;
}
