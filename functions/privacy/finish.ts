/** Finish: when the fence is over, see that nothing opens any more, certify it, and forget whom it was about. */
import type { EventInput } from '#core/event/event.ts';
import { certificateOf, type Verification } from '#core/privacy/certificate.ts';
import { openEnvelope } from '#core/privacy/open.ts';
import type { PrivacyRequest } from '#core/privacy/request.ts';
import { type ExecutePorts, endKeys } from './execute.ts';
import { take } from './step.ts';

export interface FinishPorts extends ExecutePorts {
  /** How long backups of the database are kept. */
  readonly backupDays: number;
}

/** Ends an erasure. Rejects, and changes nothing, while a single sampled value still opens. */
export async function finish(ports: FinishPorts, request: PrivacyRequest): Promise<PrivacyRequest> {
  const { tenant, subjectRef: ref, notes } = request;
  const now = ports.clock();
  // A key that was made in the moment of the shred: the fence has kept others from being made since.
  const again = await endKeys(ports, request, ref!, request.fenceUntil!);
  if ('ended' in again && again.ended.length > 0) {
    throw new Error(`request ${request.id}: ${again.ended.length} keys were made beside the fence; looked at again`);
  }
  const verification = await verify(ports, request);
  const opened = verification.critical.opened + verification.bulk.opened;
  if (opened > 0) throw new Error(`request ${request.id}: ${opened} events still open after the shred`);
  const certificate = certificateOf(request, verification, ports.backupDays, now);
  const told = (await ports.deliveries.of(tenant, ref!)).map(
    (delivery): EventInput => ({
      action: 'privacy.erasure_notice',
      actor: { type: 'service', id: 'trailkeep' },
      operation_id: request.id,
      targets: [
        { type: 'privacy_request', id: request.id },
        { type: 'delivery', id: delivery.id },
      ],
      metadata: { recipient: delivery.recipient, kind: delivery.kind, reference: delivery.reference },
    }),
  );
  const step = notes.options.retain ? 'complete_partially' : 'complete';
  // Ids of events tell what one person did: they go when they were looked at.
  const ended = { certificate, sample: [] };
  return take(ports, request, { step, at: now, notes: ended }, { also: told, erased: ref! });
}

/** Tries the sampled events again, as a reader would, from where they are stored. */
async function verify(ports: FinishPorts, { tenant, notes }: PrivacyRequest): Promise<Verification> {
  const counts = { critical: { tried: 0, opened: 0 }, bulk: { tried: 0, opened: 0 } };
  const mine = new Set(notes.keys);
  const keys = await ports.subjectKeys.open(tenant, [...mine]);
  for (const { place, event: id } of notes.sample ?? []) {
    const event = await ports.subjectEvents.again(tenant, id);
    const envelopes = (event?.sealed ?? []).filter(({ key }) => mine.has(key));
    if (!event || envelopes.length === 0) continue;
    counts[place].tried++;
    const opens = envelopes.some((envelope) =>
      Array.isArray(openEnvelope(event, envelope, keys.get(envelope.key), ports.cipher)),
    );
    if (opens) counts[place].opened++;
  }
  return counts;
}
