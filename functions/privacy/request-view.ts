/** A request as the API answers it. The subject is shown while its key lives, to those who may handle requests. */
import { rightsText } from '#core/privacy/certificate.ts';
import type { PrivacyRequest } from '#core/privacy/request.ts';
import { type BoxPorts, openBoxes } from './boxes.ts';

/** Views of several requests of one tenant, with one question for all keys. */
export async function requestViews(
  ports: BoxPorts,
  tenant: string,
  requests: readonly PrivacyRequest[],
): Promise<readonly object[]> {
  const boxes = requests.flatMap(({ id, subjectBox, contactBox }) => [
    { place: { tenant, id, what: 'subject' as const }, box: subjectBox },
    { place: { tenant, id, what: 'contact' as const }, box: contactBox ?? '' },
  ]);
  const texts = await openBoxes(ports, tenant, boxes);
  return requests.map((request, at) => viewOf(request, texts[2 * at], texts[2 * at + 1]));
}

function viewOf(request: PrivacyRequest, subject: string | undefined, contact: string | undefined): object {
  const { notes, verified, approved, extended, state } = request;
  const { retain, lift, events } = notes.options;
  return {
    id: request.id,
    type: request.type,
    state,
    subject: subject ?? null,
    contact: contact ?? null,
    opened_by: request.openedBy,
    opened_at: request.openedAt.toISOString(),
    due_at: request.dueAt.toISOString(),
    verified: verified ? { by: verified.by, at: verified.at.toISOString(), method: verified.method } : null,
    approved: approved ? { by: approved.by, at: approved.at.toISOString() } : null,
    extended: extended ? { at: extended.at.toISOString(), reason: extended.reason } : null,
    ended_at: request.endedAt?.toISOString() ?? null,
    ...(retain
      ? {
          retain_audit_trail: true,
          legal_basis: retain.legalBasis,
          legal_reference: retain.legalReference,
          retain_until: retain.retainUntil,
        }
      : {}),
    ...(lift === undefined ? {} : { lift }),
    ...(events === undefined ? {} : { events }),
    ...(state === 'held' ? { hold: notes.hold } : {}),
    ...(state === 'fencing' ? { effective_at: notes.effectiveAt, fence_until: request.fenceUntil?.toISOString() } : {}),
    ...(state === 'refused' ? { reason: notes.refusal, rights: rightsText } : {}),
    ...(notes.package ? { package: notes.package.parts } : {}),
    ...(notes.changed === undefined ? {} : { keys_changed: notes.changed }),
    ...(notes.certificate ? { certificate: notes.certificate } : {}),
  };
}
