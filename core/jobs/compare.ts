/** Compare: a stream's newest load beside the one before it, and which figures differ by more than they may. */
import { type Amount, isZero, minus, percentOf } from '../costs/money.ts';

/** What a load holds of one currency and sector. */
export interface LoadTotal {
  readonly currency: string;
  readonly sector: string;
  readonly effective: Amount;
}

export interface ComparedLoad {
  readonly load: number;
  readonly slice: string;
  /** ISO 8601. */
  readonly loadedAt: string;
  readonly rows: number;
  readonly totals: readonly LoadTotal[];
}

/** A stream's two newest slices; `before` is missing when there is one. */
export interface LoadPair {
  readonly source: string;
  readonly stream: string;
  readonly now: ComparedLoad;
  readonly before?: ComparedLoad;
}

/** Loads side by side, as Postgres has them. Rejects with `Unavailable`. */
export interface LoadPairs {
  /** Of one source or of all, by source and stream. */
  newest(tenant: string, source: string | undefined): Promise<readonly LoadPair[]>;
}

export type Difference = {
  readonly source: string;
  readonly stream: string;
  /** `rows`, or a currency. */
  readonly of: string;
  readonly sector?: string;
  readonly before: string;
  readonly now: string;
  /** Of what was there before, with its sign; null where there was nothing. */
  readonly percent: string | null;
};

/** Figures that differ by more than `percent` of what they were. What is new, or gone, differs by all of it. */
export function differencesOf(pairs: readonly LoadPair[], percent: number): Difference[] {
  return pairs.flatMap(({ source, stream, now, before }) => {
    if (!before) return [];
    const rows = differenceOf(String(before.rows), String(now.rows), percent);
    const keyOf = ({ currency, sector }: LoadTotal) => JSON.stringify([currency, sector]);
    const was = new Map(before.totals.map((one) => [keyOf(one), one]));
    const is = new Map(now.totals.map((one) => [keyOf(one), one]));
    const totals = [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((key) => {
      const { currency, sector } = (is.get(key) ?? was.get(key))!;
      const found = differenceOf(was.get(key)?.effective ?? '0', is.get(key)?.effective ?? '0', percent);
      return found ? [{ source, stream, of: currency, sector, ...found }] : [];
    });
    return rows ? [{ source, stream, of: 'rows', ...rows }, ...totals] : totals;
  });
}

function differenceOf(before: Amount, now: Amount, percent: number) {
  if (isZero(before) && isZero(now)) return undefined;
  const part = percentOf(minus(now, before), before) ?? null;
  if (part !== null && Math.abs(Number(part)) <= percent) return undefined;
  return { before, now, percent: part };
}
