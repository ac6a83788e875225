/** Whom a month's costs are borne by, with shared costs shared out. */
import { type Amount, minorDigits, negate, plain, share, sumOf } from './money.ts';
import {
  type Bearer,
  type BearerUsage,
  bearerKey,
  bearerOf,
  type MonthFigures,
  type ShareKey,
  type StatementSettings,
  usageKey,
} from './statement.ts';

export type Borne = Bearer & {
  readonly direct: Amount;
  readonly shared: Amount;
  readonly adjustments: Amount;
  readonly total: Amount;
};

/** Who bears what of a month, shared costs shared out. They add up to what the facts say. */
export function borne({ costs, usage }: MonthFigures, { cost, shared }: StatementSettings): Borne[] {
  const lines = costs.map((one) => ({ ...bearerOf(one), direct: one.loaded[cost], adjustments: one.adjusted }));
  const moved = new Map<string, Amount>();
  for (const currency of shared ? new Set(lines.map((line) => line.currency)) : []) {
    const all = lines.filter((line) => line.currency === currency);
    const others = all.filter((line) => !shared!.h_codes.includes(line.h_code));
    // Nobody is there to bear it: it stays where it is.
    if (others.length === 0) continue;
    const pool = all.filter((line) => shared!.h_codes.includes(line.h_code));
    for (const line of pool) moved.set(bearerKey(line), negate(sumOf([line.direct, line.adjustments])));
    const whole = sumOf(pool.flatMap((line) => [line.direct, line.adjustments]));
    const parts = shareAmong(whole, others, shared!.by, usage);
    for (const [index, line] of others.entries()) moved.set(bearerKey(line), parts[index]!);
  }
  return lines.map((line) => {
    const part = plain(moved.get(bearerKey(line)) ?? '0');
    return { ...line, shared: part, total: plain(sumOf([line.direct, line.adjustments, part])) };
  });
}

function shareAmong(
  whole: Amount,
  lines: readonly (Bearer & { readonly direct: Amount })[],
  by: ShareKey,
  usage: readonly BearerUsage[],
): Amount[] {
  const digits = minorDigits(lines[0]!.currency);
  const byCost = (amount: Amount, among: readonly { readonly direct: Amount }[]) => {
    const weights = among.map((line) => line.direct);
    return share(amount, weights, digits);
  };
  if (by === 'cost') return byCost(whole, lines);
  if (by === 'even') {
    const codes = [...Map.groupBy(lines, (line) => line.h_code_id).values()];
    const ones = codes.map(() => '1');
    const parts = share(whole, ones, digits);
    const shares = new Map<Bearer, Amount>();
    for (const [index, own] of codes.entries()) {
      const split = byCost(parts[index]!, own);
      for (const [at, line] of own.entries()) shares.set(line, split[at]!);
    }
    return lines.map((line) => shares.get(line)!);
  }
  const used = new Map(usage.map((one) => [usageKey(one), one.amount]));
  const weights = lines.map((line) => used.get(usageKey(line)) ?? '0');
  return share(whole, weights, digits);
}
