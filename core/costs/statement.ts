/**
 * A month's chargeback statement: what every cost centre is charged, from facts, overrides and adjustments.
 *
 * A statement is a draft until somebody approves it and another person locks it. What changes in a locked month later
 * (late data, an override) is never put into it: it goes to the next open month, as a correction. So all that was charged
 * always adds up to all that the facts say. A showback is the same of the month alone, charged to nobody.
 */
import * as z from 'zod';
import { canonical } from '../event/canonical.ts';
import type { Json } from '../event/event.ts';
import type { Amount } from './money.ts';
import { measures } from './override.ts';

/** Which of FOCUS's costs is charged. */
export const chargedCosts = ['effective', 'billed'] as const;
export type ChargedCost = (typeof chargedCosts)[number];
/** What shared costs go by: the costs that each bears itself, one share for every H-code, or how much was used. */
export const shareKeys = ['cost', 'even', ...measures] as const;
export type ShareKey = (typeof shareKeys)[number];

export const statementSettings = z.strictObject({
  cost: z.enum(chargedCosts).default('effective'),
  shared: z
    .strictObject({
      h_codes: z.array(z.string().min(1).max(200)).min(1).max(50),
      by: z.enum(shareKeys),
    })
    .optional()
    .describe('Costs of these H-codes are borne by all others of the same currency'),
});
export type StatementSettings = z.output<typeof statementSettings>;
export const defaultSettings: StatementSettings = { cost: 'effective' };

/** Who bears a cost, and in which currency. `h_code` 0 is "(unmapped)". */
export interface Bearer {
  readonly currency: string;
  readonly h_code_id: number;
  readonly h_code: string;
  readonly cost_centre: string;
  readonly sector_id: number;
  readonly sector: string;
  readonly owner_id: number;
  readonly owner: string;
}

/** What the facts of a month say of a bearer. */
export interface BearerCost extends Bearer {
  readonly loaded: Readonly<Record<ChargedCost, Amount>>;
  readonly adjusted: Amount;
}

/** What applications of a bearer used in a month. */
export interface BearerUsage extends Pick<Bearer, 'h_code_id' | 'sector_id' | 'owner_id'> {
  readonly amount: Amount;
}

export interface MonthFigures {
  /** YYYY-MM. */
  readonly month: string;
  readonly costs: readonly BearerCost[];
  /** Of the measure that the month's settings share by. */
  readonly usage: readonly BearerUsage[];
}

export interface StatementLine extends Bearer {
  readonly direct: Amount;
  /** What it bears of shared costs; below zero where its own are shared out. */
  readonly shared: Amount;
  readonly adjustments: Amount;
  /** Of months before, which are locked. */
  readonly corrections: Amount;
  readonly total: Amount;
  /** The total in what the currency is booked with: all lines of a currency add up to its rounded total. */
  readonly charged: Amount;
  /** The total of the month before. */
  readonly previous: Amount;
}
export interface Correction extends Bearer {
  /** The locked month that it is of. */
  readonly month: string;
  readonly amount: Amount;
}
export interface StatementTotal {
  readonly currency: string;
  readonly direct: Amount;
  readonly shared: Amount;
  readonly adjustments: Amount;
  readonly corrections: Amount;
  readonly total: Amount;
  readonly charged: Amount;
  /** What no H-code bears, and its part of the total in per cent. */
  readonly unmapped: Amount;
  readonly unmapped_percent: Amount | null;
}
/** How many applications with costs have an H-code, and which rule found it. */
export interface Coverage {
  readonly applications: number;
  readonly mapped: number;
  readonly percent: Amount | null;
  readonly rules: Readonly<Record<string, number>>;
}
export interface ContainedOverride {
  readonly id: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string | null;
  readonly reason: string;
  readonly approved_by: string;
  readonly expires_at: string | null;
}
export interface ContainedLoad {
  readonly id: number;
  readonly source: string;
  readonly stream: string;
  readonly slice: string;
  readonly sha256: string;
  readonly rows: number;
  readonly loaded_at: string;
}

export interface Statement {
  readonly v: 1;
  readonly month: string;
  readonly settings: StatementSettings;
  readonly lines: readonly StatementLine[];
  readonly totals: readonly StatementTotal[];
  readonly corrections: readonly Correction[];
  readonly coverage: Coverage;
  readonly overrides: readonly ContainedOverride[];
  readonly loads: readonly ContainedLoad[];
}

/** All that a statement is made of, read at one moment. */
export interface StatementInputs {
  readonly month: string;
  readonly settings: StatementSettings;
  /** The month, the one before it, and all locked ones, as the facts have them now. */
  readonly figures: readonly MonthFigures[];
  /** Oldest first. */
  readonly locked: readonly Statement[];
  readonly coverage: Omit<Coverage, 'percent'>;
  /** In effect on any day of the tenant. */
  readonly overrides: readonly ContainedOverride[];
  readonly loads: readonly ContainedLoad[];
}

/** A version of a month's statement, as it was approved. */
export interface StatementVersion {
  readonly month: string;
  readonly version: number;
  readonly statement: Statement;
  readonly sha256: string;
  readonly approvedBy: string;
  readonly approvedAt: Date;
  readonly locked?: { readonly by: string; readonly at: Date };
}

/** Statements in Postgres. Every method rejects with `Unavailable` when the database is down. */
export interface Statements {
  /** What a statement is made of, of one moment. `settings` are those of the month; locked ones keep their own. */
  inputs(tenant: string, month: string, settings: StatementSettings): Promise<StatementInputs>;
  /** The newest approved version. */
  newest(tenant: string, month: string): Promise<StatementVersion | undefined>;
  /** Newest month first, of each its newest version. */
  list(tenant: string, limit: number): Promise<readonly Omit<StatementVersion, 'statement'>[]>;
  /**
   * Durable on return, as the next version, with its lineage, whose run is `run`. Undefined when the month is locked. What
   * the newest version says already, by the same person, stays that version.
   */
  approve(
    tenant: string,
    run: string,
    approved: Pick<StatementVersion, 'month' | 'statement' | 'sha256' | 'approvedBy' | 'approvedAt'>,
  ): Promise<StatementVersion | undefined>;
  /**
   * Locks the newest version. Undefined when that is another one by now, when the locking person approved it, or when
   * another month is next: months are locked one after the other.
   */
  lock(tenant: string, month: string, version: number, by: string, at: Date): Promise<StatementVersion | undefined>;
}

/** The bytes that a statement's hash is over. */
export const statementBytes = (statement: Statement): Uint8Array =>
  new TextEncoder().encode(canonical(statement as unknown as Json));

/** Who bears it, in any currency. */
export const usageKey = (of: Pick<Bearer, 'h_code_id' | 'sector_id' | 'owner_id'>) =>
  `${of.h_code_id} ${of.sector_id} ${of.owner_id}`;
/** Who bears it, in its currency: what lines are told apart by. */
export const bearerKey = (of: Bearer) => `${of.currency} ${usageKey(of)}`;
/** A bearer and nothing more. */
export const bearerOf = ({
  currency,
  h_code_id,
  h_code,
  cost_centre,
  sector_id,
  sector,
  owner_id,
  owner,
}: Bearer): Bearer => ({
  ...{ currency, h_code_id, h_code, cost_centre, sector_id, sector, owner_id, owner },
});
