/**
 * Overrides: what people have otherwise than it was loaded. One proposes, another one approves, and it counts until it
 * expires or is withdrawn. Nothing is changed: what was loaded stays, and the proposal says what counted before.
 */
import * as z from 'zod';
import type { JsonObject } from '../event/event.ts';
import { fail, ok, type Result } from '../event/problem.ts';
import { isDay } from './day.ts';
import { parseDecimal } from './decimal.ts';
import { firstDay, monthShape, nextMonth } from './month.ts';

/** Whom an application belongs to; how much it used; an amount of money on top, which is called an adjustment. */
export const overrideKinds = ['mapping', 'usage', 'cost'] as const;
export type OverrideKind = (typeof overrideKinds)[number];
export const overrideStates = ['proposed', 'approved', 'refused', 'withdrawn', 'expired'] as const;
export type OverrideState = (typeof overrideStates)[number];
/** What money is charged to. */
export const dimensions = ['sector', 'owner', 'architecture', 'h_code'] as const;
export type Dimension = (typeof dimensions)[number];
export const measures = ['nodes', 'vcpu', 'licence_units', 'calls'] as const;

export interface Decision {
  readonly decision: 'approved' | 'refused' | 'withdrawn';
  readonly by: string;
  readonly at: Date;
  readonly note: string;
}

/** What is proposed. Days are YYYY-MM-DD, `to` is the first one that it no longer counts for. */
export interface OverrideTerms {
  readonly kind: OverrideKind;
  /** Number of the application; 0 for a cost that goes to no application. */
  readonly application: number;
  readonly from: string;
  /** Undefined: for good. */
  readonly to: string | undefined;
  /** Names of the new members; null is "(unmapped)". What is absent stays, or is "(unmapped)" for a cost. */
  readonly set: Readonly<Partial<Record<Dimension, string | null>>>;
  /** Number of the controller that a cost is of; 0: none. */
  readonly controller: number;
  readonly measure?: string;
  /** Decimal text: a day's usage, or a month's money. */
  readonly amount?: string;
  readonly currency?: string;
  readonly reason: string;
  readonly expiresAt?: Date;
}

export interface Override extends OverrideTerms {
  readonly tenant: string;
  /** UUIDv7. */
  readonly id: string;
  readonly applicationName: string;
  /** What counted when it was proposed, and what shall. */
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly proposedBy: string;
  readonly proposedAt: Date;
  /** At most two; the second can only withdraw. */
  readonly decisions: readonly Decision[];
}

/** Terms with what the store knows of them: for the record, before anything is kept. */
export type PreparedOverride = Omit<Override, 'decisions'>;

export interface OverrideQuestion {
  readonly state?: OverrideState;
  readonly application?: number;
  readonly kind?: OverrideKind;
  /** Id of the last one of the page before; newest first. */
  readonly before?: string;
  readonly limit: number;
}

/** Overrides in Postgres. Every method rejects with `Unavailable` when the database is down. */
export interface Overrides {
  /**
   * Looks up what the terms name, and what counts now. A name that is none is a fault with a pointer, and so is a tenant
   * that nothing was loaded for. Nothing is kept.
   */
  prepare(
    tenant: string,
    id: string,
    terms: OverrideTerms,
    by: { readonly proposedBy: string; readonly proposedAt: Date },
  ): Promise<Result<PreparedOverride>>;
  /** Durable on return. It counts for nothing until somebody else approves it. */
  propose(prepared: PreparedOverride): Promise<Override>;
  /** A foreign id looks like a missing one. */
  get(tenant: string, id: string): Promise<Override | undefined>;
  list(tenant: string, asked: OverrideQuestion, now: Date): Promise<readonly Override[]>;
  /** The override as it is then; undefined when it was decided by somebody else meanwhile. */
  decide(tenant: string, id: string, decision: Decision): Promise<Override | undefined>;
}

/** What an override is at a moment. */
export function overrideState(
  { decisions, expiresAt }: Pick<Override, 'decisions' | 'expiresAt'>,
  now: Date,
): OverrideState {
  const last = decisions.at(-1)?.decision;
  if (last === 'refused' || last === 'withdrawn') return last;
  if (expiresAt && expiresAt <= now) return 'expired';
  return last ?? 'proposed';
}

/** Whether somebody may decide so now; a fault says why not. The one who proposed can only withdraw. */
export function mayDecide(override: Override, decision: Decision['decision'], by: string, now: Date): Result<true> {
  const state = overrideState(override, now);
  if (decision === 'withdrawn') {
    return state === 'proposed' || state === 'approved'
      ? ok(true)
      : fail('conflict', `This override is ${state}: there is nothing to withdraw.`);
  }
  if (state !== 'proposed') return fail('conflict', `This override is ${state}: nobody can decide on it any more.`);
  if (override.proposedBy === by) {
    return fail('second_person_required', 'You proposed this override; somebody else must decide on it.');
  }
  return ok(true);
}

const day = z.string().refine(isDay, 'must be a day, as 2026-10-01');
const name = z.string().min(1).max(200);
const member = name.nullable();
const set = z.strictObject({
  sector: member.optional(),
  owner: member.optional(),
  architecture: member.optional(),
  h_code: member.optional(),
});
const amount = z
  .string()
  .max(60)
  .refine(
    (text) => /^-?\d+(\.\d+)?$/.test(text) && parseDecimal(text) !== undefined,
    'must be a decimal in a string, as "12.50"',
  )
  .describe('A decimal in a string: it is never rounded');
const application = z.int().min(1).max(2_147_483_647).describe('Its number, as `/v1/costs?by=application` has it');
const common = {
  reason: z.string().min(1).max(2000),
  expires_at: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('It counts no longer from then on; left out: for good'),
};
/** Longest range of days for a usage, which has a row for each. */
const usageDaysMax = 366;

export const overrideBody = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('mapping'),
    application,
    from: day,
    to: day.optional().describe('The first day that it no longer counts for; left out: for good'),
    set: set
      .refine((of) => Object.keys(of).length > 0, 'must name what is to be otherwise')
      .describe('null: "(unmapped)"'),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('usage'),
    application,
    from: day,
    to: day,
    measure: z.enum(measures),
    amount: amount.describe('Of each day, in place of what was loaded'),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('cost'),
    month: monthShape,
    amount: amount.describe('Negative for a credit'),
    currency: z.string().regex(/^[A-Z]{3}$/),
    application: application.optional().describe('Whom it belongs to that month bears it'),
    set: set.optional().describe('Who bears it, when it goes to no application'),
    controller: z.int().min(0).max(2_147_483_647).default(0),
    ...common,
  }),
]);

export const decisionBody = z.strictObject({ note: z.string().max(2000).default('') });

/** The terms of a body in its shape; what cannot be together is a fault with a pointer. */
export function overrideTerms(body: z.output<typeof overrideBody>, now: Date): Result<OverrideTerms> {
  const expiresAt = body.expires_at === undefined ? undefined : new Date(body.expires_at);
  if (expiresAt && expiresAt <= now) return fail('request_invalid', 'expires_at must be in the future.', '/expires_at');
  const shared = { reason: body.reason, ...(expiresAt ? { expiresAt } : {}) };
  if (body.kind === 'cost') {
    if (body.application !== undefined && body.set) {
      return fail('request_invalid', 'An application says who bears it: name either application or set.', '/set');
    }
    if (/^-?0+(\.0+)?$/.test(body.amount))
      return fail('request_invalid', 'An adjustment of 0 adjusts nothing.', '/amount');
    const { amount, currency, controller, set = {}, application = 0 } = body;
    const range = { from: firstDay(body.month), to: firstDay(nextMonth(body.month)) };
    return ok({ kind: 'cost', application, ...range, set: given(set), controller, amount, currency, ...shared });
  }
  const { from, to } = body;
  if (to !== undefined && from >= to) return fail('request_invalid', 'from must be earlier than to.', '/from');
  if (body.kind === 'mapping') {
    return ok({
      kind: 'mapping',
      application: body.application,
      from,
      to,
      set: given(body.set),
      controller: 0,
      ...shared,
    });
  }
  if (body.amount.startsWith('-')) return fail('request_invalid', 'Nobody uses less than nothing.', '/amount');
  if (Date.parse(body.to) - Date.parse(from) > usageDaysMax * 86_400_000) {
    return fail('request_invalid', `An override of usage is for ${usageDaysMax} days at most.`, '/to');
  }
  const { application, measure, amount } = body;
  return ok({ kind: 'usage', application, from, to, set: {}, controller: 0, measure, amount, ...shared });
}

/** Without what zod leaves undefined. */
function given(of: Partial<Record<Dimension, string | null | undefined>>): OverrideTerms['set'] {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined));
}

/** An override as the API shows it. */
export function overrideView(override: Override, now: Date): JsonObject {
  const { kind, application, from, to, set, measure, amount, currency, expiresAt } = override;
  return {
    id: override.id,
    kind,
    state: overrideState(override, now),
    application: application === 0 ? null : { id: application, name: override.applicationName },
    from,
    to: to ?? null,
    set: set as JsonObject,
    controller: override.controller === 0 ? null : override.controller,
    measure: measure ?? null,
    amount: amount ?? null,
    currency: currency ?? null,
    before: override.before,
    after: override.after,
    reason: override.reason,
    proposed_by: override.proposedBy,
    proposed_at: override.proposedAt.toISOString(),
    expires_at: expiresAt?.toISOString() ?? null,
    decisions: override.decisions.map(({ decision, by, at, note }) => ({ decision, by, at: at.toISOString(), note })),
  };
}
