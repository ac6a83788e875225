/** Where forecasts lean on Postgres. */
import type { Accuracy } from './accuracy.ts';
import type { Verdict } from './degradation.ts';
import type { Because, ForecastPoint } from './forecast.ts';
import type { Known, Next } from './next.ts';
import type { DailyAmounts, Scope, SeriesGrain, SeriesKey, Subject } from './series.ts';

export interface SubjectHistory extends DailyAmounts {
  readonly subject: Subject;
}

/** Series with what came of earlier forecasts of them, by series name. */
export type KnownSeries = ReadonlyMap<string, Omit<Known, 'history'> & { readonly through: string }>;

export interface Made {
  readonly key: SeriesKey;
  readonly next: Next;
}

/** Forecasts in Postgres. Every method is one transaction and rejects with `Unavailable` when the database is down. */
export interface Forecasts {
  /** Applications that have costs or usage from `since` on, or all sectors: ids ascending. */
  subjects(tenant: string, scope: Scope, since: string): Promise<readonly number[]>;
  /** The last day that has costs, and the last that has usage, neither after `day`. */
  lastDays(tenant: string, day: string): Promise<{ readonly cost?: string; readonly usage?: string }>;
  /** Everything measured of these applications or sectors from `since` on, with overrides in effect. */
  histories(
    tenant: string,
    scope: Scope,
    ids: readonly number[],
    since: string,
    until: string,
  ): Promise<readonly SubjectHistory[]>;
  /** What is known of these series; those that were never foretold are left out. */
  known(tenant: string, keys: readonly SeriesKey[]): Promise<KnownSeries>;
  /** Durable on return, all or nothing. A series that this run has a forecast of is left as it is. */
  save(tenant: string, run: string, made: readonly Made[], at: Date): Promise<number>;
  /** Latest forecasts by series name, those after `after`. */
  list(tenant: string, question: ForecastQuestion): Promise<readonly ForecastEntry[]>;
}

export interface ForecastQuestion {
  readonly series?: string;
  readonly scope?: Scope;
  readonly subject?: number;
  readonly measure?: string;
  readonly currency?: string;
  readonly grain?: SeriesGrain;
  readonly verdict?: Verdict;
  readonly after?: string;
  readonly limit: number;
}

/** A forecast as readers see it. */
export interface ForecastEntry {
  readonly series: string;
  readonly key: SeriesKey;
  /** The name that the application or sector has now. */
  readonly name: string;
  readonly run: string;
  readonly madeAt: Date;
  readonly through: string;
  readonly periods: number;
  readonly filled: number;
  readonly because: Because;
  readonly missing: number;
  readonly best: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly backtest: Readonly<Record<string, number | null>> | null;
  readonly reselected: boolean;
  readonly verdict: Verdict;
  readonly ratio: number | null;
  readonly trend: number | null;
  readonly points: readonly ForecastPoint[];
  readonly accuracy: readonly Accuracy[];
}
