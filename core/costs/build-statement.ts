/** A month's statement from what the facts, the overrides and the locked months say. */
import { type Amount, isZero, minorDigits, negate, percentOf, plain, roundTogether, sumOf } from './money.ts';
import { firstDay, monthBefore, nextMonth } from './month.ts';
import { type Borne, borne } from './share-costs.ts';
import {
  type Bearer,
  bearerKey,
  bearerOf,
  type ContainedOverride,
  type Correction,
  type MonthFigures,
  type Statement,
  type StatementInputs,
  type StatementLine,
  type StatementTotal,
} from './statement.ts';

/** Makes the statement as it would be now. `showback`: of the month alone, without corrections of others. */
export function buildStatement(inputs: StatementInputs, showback = false): Statement {
  const { month, settings, locked } = inputs;
  const figuresOf = (one: string) =>
    inputs.figures.find((figures) => figures.month === one) ?? { month: one, costs: [], usage: [] };
  const lastLocked = locked.at(-1)?.month;
  const corrects = !showback && lastLocked !== undefined && month === nextMonth(lastLocked);
  const corrections = corrects ? correctionsOf(locked, figuresOf) : [];
  const before = locked.find((one) => one.month === monthBefore(month));
  const previous = before
    ? new Map(before.lines.map((line) => [bearerKey(line), line.total]))
    : new Map(borne(figuresOf(monthBefore(month)), settings).map((line) => [bearerKey(line), line.total]));
  const own = borne(figuresOf(month), settings);
  const lines = linesOf(own, corrections, previous);
  const months = new Set([month, ...corrections.map((one) => one.month)]);
  const { applications, mapped, rules } = inputs.coverage;
  return {
    v: 1,
    month,
    settings,
    lines,
    totals: totalsOf(lines),
    corrections,
    coverage: { applications, mapped, percent: percentOf(String(mapped), String(applications)) ?? null, rules },
    overrides: inputs.overrides.filter((one) => [...months].some((in_) => overlaps(one, in_))),
    loads: inputs.loads,
  };
}

/** What locked months would be charged now, less what was charged for them: in them, and by corrections since. */
function correctionsOf(locked: readonly Statement[], figuresOf: (month: string) => MonthFigures): Correction[] {
  const corrections: Correction[] = [];
  for (const one of locked) {
    const open = new Map<string, { readonly bearer: Bearer; readonly amounts: Amount[] }>();
    const add = (bearer: Bearer, amount: Amount) => {
      const found = open.get(bearerKey(bearer)) ?? { bearer: bearerOf(bearer), amounts: [] };
      found.amounts.push(amount);
      open.set(bearerKey(bearer), found);
    };
    for (const line of borne(figuresOf(one.month), one.settings)) add(line, line.total);
    for (const line of one.lines) add(line, negate(sumOf([line.direct, line.shared, line.adjustments])));
    for (const later of locked) {
      for (const past of later.corrections) if (past.month === one.month) add(past, negate(past.amount));
    }
    for (const { bearer, amounts } of open.values()) {
      const amount = plain(sumOf(amounts));
      if (!isZero(amount)) corrections.push({ ...bearer, month: one.month, amount });
    }
  }
  return corrections.sort((a, b) => (a.month === b.month ? compareBearers(a, b) : a.month < b.month ? -1 : 1));
}

function linesOf(
  own: readonly Borne[],
  corrections: readonly Correction[],
  previous: ReadonlyMap<string, Amount>,
): StatementLine[] {
  const all = new Map<string, Borne>(own.map((line) => [bearerKey(line), line]));
  const corrected = new Map<string, Amount>();
  for (const one of corrections) {
    const key = bearerKey(one);
    if (!all.has(key)) all.set(key, { ...bearerOf(one), direct: '0', shared: '0', adjustments: '0', total: '0' });
    corrected.set(key, plain(sumOf([corrected.get(key) ?? '0', one.amount])));
  }
  const lines = [...all.values()].sort(compareBearers).map((line) => {
    const past = corrected.get(bearerKey(line)) ?? '0';
    return { ...line, corrections: past, total: plain(sumOf([line.total, past])) };
  });
  const charged = new Map<string, Amount>();
  for (const currency of new Set(lines.map((line) => line.currency))) {
    const same = lines.filter((line) => line.currency === currency);
    const rounded = roundTogether(
      same.map((line) => line.total),
      minorDigits(currency),
    );
    for (const [index, line] of same.entries()) charged.set(bearerKey(line), rounded[index]!);
  }
  return lines.map((line) => ({
    ...bearerOf(line),
    direct: plain(line.direct),
    shared: line.shared,
    adjustments: plain(line.adjustments),
    corrections: line.corrections,
    total: line.total,
    charged: charged.get(bearerKey(line))!,
    previous: plain(previous.get(bearerKey(line)) ?? '0'),
  }));
}

function totalsOf(lines: readonly StatementLine[]): StatementTotal[] {
  return [...new Set(lines.map((line) => line.currency))].map((currency) => {
    const same = lines.filter((line) => line.currency === currency);
    const sum = (of: 'direct' | 'shared' | 'adjustments' | 'corrections' | 'total') =>
      plain(sumOf(same.map((line) => line[of])));
    const total = sum('total');
    const unmapped = plain(sumOf(same.filter((line) => line.h_code_id === 0).map((line) => line.total)));
    return {
      currency,
      direct: sum('direct'),
      shared: sum('shared'),
      adjustments: sum('adjustments'),
      corrections: sum('corrections'),
      total,
      charged: sumOf(same.map((line) => line.charged)),
      unmapped,
      unmapped_percent: percentOf(unmapped, total) ?? null,
    };
  });
}

/** By currency, then by name; "(unmapped)" is last. */
function compareBearers(a: Bearer, b: Bearer): number {
  const order = (of: Bearer) => [
    of.currency,
    of.h_code_id === 0 ? '1' : '0',
    of.h_code,
    of.sector,
    of.owner,
    bearerKey(of),
  ];
  const [left, right] = [order(a), order(b)];
  const at = left.findIndex((part, index) => part !== right[index]);
  return at < 0 ? 0 : left[at]! < right[at]! ? -1 : 1;
}

const overlaps = ({ from, to }: ContainedOverride, month: string): boolean =>
  from < firstDay(nextMonth(month)) && (to === null || to > firstDay(month));
