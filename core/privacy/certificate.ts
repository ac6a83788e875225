/** What is said of an erasure when it is done: to the subject, to an auditor, and to whoever restores a backup. */
import type { PrivacyRequest } from './request.ts';

/** Of the events that were opened before: how many were tried again, and how many still opened, by tier. */
export interface Verification {
  readonly critical: { readonly tried: number; readonly opened: number };
  readonly bulk: { readonly tried: number; readonly opened: number };
}

/** GDPR Art. 12(4): what a subject must be told where something is not done. */
export const rightsText =
  'You may lodge a complaint with a supervisory authority, in particular where you live or work, and seek a judicial remedy (GDPR Art. 12(4), 77, 79).';

/** A dead letter that nobody opened holds an event as it was sent, for this long. */
const deadLetterDays = 14;
const dayMs = 24 * 3600 * 1000;

/** The certificate of an erasure whose keys are gone from all that can be read. */
export function certificateOf(request: PrivacyRequest, verification: Verification, backupDays: number, now: Date) {
  const { options, keys = [], effectiveAt } = request.notes;
  const effective = new Date(effectiveAt!);
  const { retain } = options;
  const days = Math.max(backupDays, deadLetterDays);
  const exceptions = retain
    ? [
        {
          legal_basis: retain.legalBasis,
          legal_reference: retain.legalReference,
          retain_until: retain.retainUntil,
          meaning: 'The keys are in a vault that no reader of events can use, and are destroyed then.',
        },
      ]
    : [];
  return {
    v: 1,
    request: request.id,
    keys,
    outcome: retain ? 'retained' : 'erased',
    effective_at: effective.toISOString(),
    // Backups and dead letters that are older than the erasure are gone by then.
    irrecoverable_at: (retain
      ? new Date(Date.parse(retain.retainUntil) + days * dayMs)
      : new Date(effective.getTime() + days * dayMs)
    ).toISOString(),
    verified_at: now.toISOString(),
    verification,
    exceptions,
    ...(retain ? { rights: rightsText } : {}),
  };
}
