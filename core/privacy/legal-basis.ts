/** Keeping a trail whose subject asked for erasure: on which ground, by which rule, until when (GDPR Art. 17(3)). */
import { fail, ok, type Result } from '#core/event/problem.ts';

/** The five grounds of Art. 17(3). */
export const legalBases = [
  'art17_3_a_expression',
  'art17_3_b_legal_obligation',
  'art17_3_c_public_health',
  'art17_3_d_archiving_research',
  'art17_3_e_legal_claims',
] as const;
export type LegalBasis = (typeof legalBases)[number];

export interface LegalRetention {
  readonly legalBasis: LegalBasis;
  /** The rule itself: `45 CFR 164.316(b)(2)(i)`. */
  readonly legalReference: string;
  /** RFC 3339 */
  readonly retainUntil: string;
}

/** Longer than any rule that we know of asks for audit trails: a date beyond it is a slip. */
export const retainYearsMax = 10;

/**
 * The retention that a request asks for, undefined when it asks for none. The platform records the ground; whether it
 * holds is for the controller to decide.
 */
export function readRetention(
  asked: {
    readonly retainAuditTrail?: boolean | undefined;
    readonly legalBasis?: string | undefined;
    readonly legalReference?: string | undefined;
    readonly retainUntil?: string | undefined;
  },
  now: Date,
): Result<LegalRetention | undefined> {
  const { retainAuditTrail = false, legalBasis, legalReference, retainUntil } = asked;
  if (!retainAuditTrail) {
    return legalBasis === undefined && legalReference === undefined && retainUntil === undefined
      ? ok(undefined)
      : fail('legal_basis_invalid', 'A legal basis goes with retain_audit_trail: true.', '/retain_audit_trail');
  }
  if (!legalBases.includes(legalBasis as LegalBasis)) {
    return fail('legal_basis_invalid', `legal_basis must be one of ${legalBases.join(', ')}.`, '/legal_basis');
  }
  if (!legalReference?.trim()) {
    return fail('legal_basis_invalid', 'legal_reference must name the rule, as "PCI DSS 10.5.1".', '/legal_reference');
  }
  const until = retainUntil === undefined ? Number.NaN : Date.parse(retainUntil);
  const latest = new Date(now);
  latest.setUTCFullYear(latest.getUTCFullYear() + retainYearsMax);
  if (!(until > now.getTime() && until <= latest.getTime())) {
    return fail(
      'legal_basis_invalid',
      `retain_until must be a time to come, and no more than ${retainYearsMax} years away.`,
      '/retain_until',
    );
  }
  return ok({
    legalBasis: legalBasis as LegalBasis,
    legalReference: legalReference.trim(),
    retainUntil: new Date(until).toISOString(),
  });
}
