/** Costs as people ask for them: summed by what they like, each currency for itself. */
import * as z from 'zod';
import { fail, ok, type Result } from '../event/problem.ts';
import type { Amount } from './money.ts';
import { addMonths, firstDay, monthShape, nextMonth } from './month.ts';
import type { ContainedOverride } from './statement.ts';

/** What figures can be grouped by and narrowed to. */
export const figureKeys = [
  'month',
  'day',
  'sector',
  'owner',
  'architecture',
  'controller',
  'h_code',
  'application',
  'service',
  'category',
] as const;
export type FigureKey = (typeof figureKeys)[number];

export interface FigureQuestion {
  /** First month, YYYY-MM. */
  readonly from: string;
  /** Last month, included. */
  readonly to: string;
  readonly by: readonly FigureKey[];
  /** Names of members; the number of an application. "(unmapped)" is a name. */
  readonly only: Readonly<Partial<Record<Exclude<FigureKey, 'month' | 'day'> | 'currency', string>>>;
  readonly limit: number;
}

/** FOCUS's four costs, apart, with how many charges they are of. */
export interface Sums {
  readonly currency: string;
  readonly billed: Amount;
  readonly effective: Amount;
  readonly contracted: Amount;
  readonly list: Amount;
  readonly charges: number;
}
export interface Figure extends Sums {
  /** By what was asked: names, and days and months as text. */
  readonly of: Readonly<Record<string, string>>;
  /** Numbers of applications and controllers, where it is by them. */
  readonly ids: Readonly<Record<string, number>>;
}
export interface Total extends Sums {
  /** Effective cost that no H-code bears. */
  readonly unmapped: Amount;
  /** Of it all, added by adjustments. */
  readonly adjusted: Amount;
}
export interface Figures {
  /** By month or day, then the dearest first; at most `limit`. */
  readonly figures: readonly Figure[];
  /** More groups than `limit` were there. */
  readonly cut: boolean;
  /** Of all groups. */
  readonly totals: readonly Total[];
  /** That count on any of these days. */
  readonly overrides: readonly ContainedOverride[];
  readonly fresh: {
    /** When the newest load of these days was. */
    readonly loadedAt: Date | undefined;
    /** Last day that has costs. */
    readonly lastDay: string | undefined;
  };
}

/** A load that a figure is from, with its part of it. */
export interface FigureLoad {
  readonly load: number;
  readonly source: string;
  readonly stream: string;
  readonly slice: string;
  readonly sha256: string;
  readonly run: string;
  readonly loadedAt: Date;
  readonly currency: string;
  readonly effective: Amount;
  readonly billed: Amount;
  readonly charges: number;
  /** Lines of the slice, the first ones. */
  readonly lines: readonly number[];
}
export interface FigureOrigin {
  /** They add up to the figure. */
  readonly loads: readonly FigureLoad[];
  readonly adjustments: readonly {
    readonly id: string;
    readonly currency: string;
    readonly amount: Amount;
    readonly reason: string;
  }[];
  /** That say whom the charges belong to. */
  readonly mappings: readonly ContainedOverride[];
  readonly cut: boolean;
}

/** What a load or an override has to do with. */
export interface Impact {
  /** Its charges, by month and who bears them; the most recent month first. */
  readonly figures: readonly {
    readonly month: string;
    readonly h_code: string;
    readonly sector: string;
    readonly owner: string;
    readonly currency: string;
    readonly effective: Amount;
    readonly charges: number;
  }[];
  /** Approved statements that contain it. */
  readonly statements: readonly { readonly month: string; readonly version: number; readonly locked: boolean }[];
  readonly cut: boolean;
}

/** Figures in Postgres, from facts as they are now. Every method rejects with `Unavailable` when the database is down. */
export interface CostFigures {
  ask(tenant: string, question: FigureQuestion): Promise<Figures>;
  /** Where the charges of a question come from: `by` is not looked at. */
  origin(tenant: string, question: FigureQuestion): Promise<FigureOrigin>;
  /** What a load, by its number, or an override, by its id, is in. Undefined when there is none, or none of the tenant's. */
  impact(tenant: string, of: { readonly load: number } | { readonly override: string }): Promise<Impact | undefined>;
}

export const figuresMax = 5000;
const figuresDefault = 1000;
/** Two years and the month they are compared with. */
const monthsMax = 25;
const nameMax = 200;

/** The question of a query string. `from` and `to` are months; left out: the last twelve up to now. */
export function parseFigureQuestion(query: URLSearchParams, now: Date): Result<FigureQuestion> {
  const known = new Set(['from', 'to', 'by', 'limit', 'currency', ...figureKeys.slice(2)]);
  for (const name of query.keys()) {
    if (!known.has(name))
      return fail('request_invalid', `Costs are not asked by ${JSON.stringify(name.slice(0, 60))}.`);
    if (query.getAll(name).length > 1) return fail('request_invalid', `${name} is there twice.`, `/${name}`);
  }
  const to = query.get('to') ?? now.toISOString().slice(0, 7);
  const from = query.get('from') ?? addMonths(to, -11);
  for (const [name, month] of Object.entries({ from, to })) {
    if (!monthShape.safeParse(month).success)
      return fail('request_invalid', `${name} must be a month, as 2026-10.`, `/${name}`);
  }
  if (from > to) return fail('request_invalid', 'from must not be later than to.', '/from');
  if (addMonths(from, monthsMax - 1) < to)
    return fail('request_invalid', `Ask for ${monthsMax} months at most.`, '/from');
  const by = (query.get('by') ?? 'month').split(',').filter(Boolean);
  const strange = by.find((one) => !figureKeys.includes(one as FigureKey));
  if (strange !== undefined || new Set(by).size < by.length) {
    return fail('request_invalid', `by is some of ${figureKeys.join(', ')}, each once.`, '/by');
  }
  const limit = z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(figuresMax));
  const asked = limit.safeParse(query.get('limit') ?? String(figuresDefault));
  if (!asked.success) return fail('request_invalid', `limit must be a whole number from 1 to ${figuresMax}.`, '/limit');
  const only: { -readonly [K in keyof FigureQuestion['only']]: string } = {};
  for (const name of ['currency', ...figureKeys.slice(2)] as (keyof FigureQuestion['only'])[]) {
    const value = query.get(name);
    if (value === null) continue;
    const bad = value.length > nameMax || (name === 'application' && !/^\d{1,9}$/.test(value));
    if (bad)
      return fail(
        'request_invalid',
        `${name} is ${name === 'application' ? 'the number of one' : 'a name'}.`,
        `/${name}`,
      );
    only[name] = value;
  }
  return ok({ from, to, by: by as FigureKey[], only, limit: asked.data });
}

/** The days of a question: [first, end). */
export const daysOf = ({ from, to }: Pick<FigureQuestion, 'from' | 'to'>) => ({
  first: firstDay(from),
  end: firstDay(nextMonth(to)),
});
