/** What a day's usage of AppDynamics costs: licence units at the day's price, each application its share. */
import type { UsageDay } from './appdynamics.ts';
import { addDecimals, type Decimal, formatDecimal, multiplyDecimals, parseDecimal, shareOut } from './decimal.ts';
import type { ChargeRow, LicenceRow, Rejected, UsageRow } from './rows.ts';

export interface Price {
  readonly package: string;
  /** First day that it holds for. */
  readonly fromDay: string;
  /** ISO 4217. */
  readonly currency: string;
  /** Of one unit for one day. */
  readonly amount: string;
}

export interface ChargedDay {
  readonly usage: readonly UsageRow[];
  readonly licences: readonly LicenceRow[];
  readonly charges: readonly ChargeRow[];
  readonly rejected: readonly Rejected[];
}

/** Digits after the point of units and amounts that are shared out. */
const unitDigits = 6;
const moneyDigits = 8;
const zero: Decimal = { units: 0n, scale: 0 };

/** The price of a package on a day: the newest that begins on it or before. */
export function priceOn(prices: readonly Price[], name: string, day: string): Price | undefined {
  return prices
    .filter((one) => one.package === name && one.fromDay <= day)
    .reduce<Price | undefined>((newest, one) => (newest && newest.fromDay > one.fromDay ? newest : one), undefined);
}

/**
 * Rows of one day of one controller. Units and amounts of applications add up to the account's exactly. Units that no
 * application's vCPUs account for go to no application, and a package without a price is put aside: told, not guessed.
 */
export function chargeDay(controller: string, account: string, day: UsageDay, prices: readonly Price[]): ChargedDay {
  const { applications } = day;
  const estimated = new Map(applications.map((one) => [one.key, one.estimated]));
  const usage: UsageRow[] = [];
  const say = (key: string, measure: UsageRow['measure'], amount: Decimal, guessed: boolean) =>
    usage.push({ controller, key, day: day.day, measure, amount: formatDecimal(amount), estimated: guessed });
  for (const one of applications) {
    say(one.key, 'nodes', one.nodes, false);
    say(one.key, 'calls', one.calls, false);
    say(one.key, 'vcpu', one.vcpu, one.estimated);
  }

  const rejected: Rejected[] = [];
  const charges: ChargeRow[] = [];
  const units = new Map<string, Decimal>();
  const weights = applications.map(({ vcpu }) => vcpu);
  for (const used of day.packages) {
    const shares = shareOut(used.usedAvg, weights, unitDigits);
    for (const [index, share] of (shares ?? []).entries()) {
      const { key } = applications[index]!;
      units.set(key, addDecimals(units.get(key) ?? zero, share));
    }
    const price = priceOn(prices, used.package, day.day);
    const each = price && parseDecimal(price.amount);
    if (!price || !each) {
      const row = { package: used.package, units: formatDecimal(used.usedAvg) };
      const reason = `There is no price of ${used.package} for ${day.day}.`;
      rejected.push({ place: `packages/${used.package}`, code: 'price_missing', reason, row: JSON.stringify(row) });
      continue;
    }
    const total = multiplyDecimals(used.usedAvg, each);
    const amounts = shareOut(total, weights, moneyDigits);
    const owed = amounts
      ? amounts.map((amount, index) => ({ amount, key: applications[index]!.key }))
      : [{ amount: total, key: undefined }];
    for (const { amount, key } of owed) {
      if (amount.units === 0n) continue;
      const text = formatDecimal(amount);
      charges.push({
        line: charges.length + 1,
        day: day.day,
        controller,
        ...(key === undefined ? {} : { application: { controller, key } }),
        ...{ chargeCategory: 'Usage', chargeClass: '', provider: 'Splunk AppDynamics' },
        ...{ serviceCategory: 'Management and Governance', serviceName: used.package },
        ...{ subAccount: account, region: '', resource: '', currency: price.currency },
        ...{ billed: text, effective: text, contracted: text, list: text },
      });
    }
  }
  for (const [key, amount] of units) say(key, 'licence_units', amount, estimated.get(key) ?? true);

  const licences = day.packages.map(
    (one): LicenceRow => ({
      day: day.day,
      controller,
      package: one.package,
      provisioned: formatDecimal(one.provisioned),
      usedAvg: formatDecimal(one.usedAvg),
      usedMax: formatDecimal(one.usedMax),
      estimated: one.estimated,
    }),
  );
  return { usage, licences, charges, rejected };
}
