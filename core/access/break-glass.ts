/** Break-glass: in an emergency a principal sees events whole for a while, says why, and somebody else reviews it. */
import * as z from 'zod';
import { ticketShape } from './principal.ts';

/** Long enough for an emergency; the next one needs a reason of its own. */
export const breakGlassMinutesMax = 60;

export const breakGlassVerdicts = ['justified', 'unjustified'] as const;
export type BreakGlassVerdict = (typeof breakGlassVerdicts)[number];

export interface BreakGlass {
  /** UUIDv7 */
  readonly id: string;
  /** Who broke the glass, as `principalName` of core/access/decide.ts gives it. */
  readonly principal: string;
  readonly reason: string;
  readonly ticket?: string;
  readonly beganAt: Date;
  /** Ends by itself then. */
  readonly until: Date;
  /** Ended before by somebody. */
  readonly endedAt?: Date;
  readonly review?: BreakGlassReview;
}

export interface BreakGlassReview {
  readonly by: string;
  readonly at: Date;
  readonly verdict: BreakGlassVerdict;
  readonly comment: string;
}

/** Whether it lasts. */
export const lasts = ({ until, endedAt }: BreakGlass, now: Date): boolean => now < until && endedAt === undefined;

/** Words that people read: no control characters but line breaks. */
const words = (min: number, max: number) =>
  z
    .string()
    .trim()
    .min(min)
    .max(max)
    .regex(/^[^\p{Cs}\p{Cc}]*(?:[\n\r\t][^\p{Cs}\p{Cc}]*)*$/u, 'must not hold control characters');

/** Body of POST /v1/break-glass. */
export const breakGlassBody = z.strictObject({
  reason: words(10, 1000),
  minutes: z.int().min(1).max(breakGlassMinutesMax),
  ticket: z.string().regex(ticketShape, 'must be 1 to 128 of A-Z a-z 0-9 . _ : / # -').optional(),
});
/** Body of POST /v1/break-glass/{id}/review. */
export const breakGlassReviewBody = z.strictObject({
  verdict: z.enum(breakGlassVerdicts),
  comment: words(10, 1000),
});

/** What a decision asks. */
export interface BreakGlassWatch {
  /** The one of a principal that lasts at `now`; the newest when there are several. Rejects with `Unavailable`. */
  inEffect(tenant: string, principal: string, now: Date): Promise<Pick<BreakGlass, 'id' | 'until'> | undefined>;
}

/** Break-glasses of one tenant, in Postgres. Every method is one transaction and durable when it resolves. */
export interface BreakGlassRegistry extends BreakGlassWatch {
  begin(tenant: string, breakGlass: BreakGlass): Promise<void>;
  get(tenant: string, id: string): Promise<BreakGlass | undefined>;
  /** Newest first; `before` is the last id of the page before. */
  list(
    tenant: string,
    filter: { readonly principal?: string | undefined; readonly reviewed?: boolean | undefined },
    before: string | undefined,
    limit: number,
  ): Promise<readonly BreakGlass[]>;
  /** Ends it now; ending one that is over changes nothing. Undefined when there is none. */
  end(tenant: string, id: string, at: Date): Promise<BreakGlass | undefined>;
  /** The first review counts: rejects with Problem `conflict` when there is one, or while it lasts. Undefined when there is none to review. */
  review(tenant: string, id: string, review: BreakGlassReview): Promise<BreakGlass | undefined>;
}
