/** The cloud's bills of the demo: a FOCUS file a month, of the applications that run there. */

import { random, seedOf } from '../random.ts';
import type { Company } from './companies.ts';
import { type DemoApplication, demoApplications, isoDay, usageOn } from './dataset.ts';

const dayMs = 86_400_000;
const services = [
  { name: 'Amazon Elastic Compute Cloud', category: 'Compute', unit: 'Hours', price: 0.0416 },
  { name: 'Amazon Simple Storage Service', category: 'Storage', unit: 'GB-Mo', price: 0.023 },
] as const;

/** The mandatory columns of FOCUS 1.0, and those that say whose a charge is. */
const columns = [
  'BilledCost',
  'BillingAccountId',
  'BillingAccountName',
  'BillingCurrency',
  'BillingPeriodEnd',
  'BillingPeriodStart',
  'ChargeCategory',
  'ChargeClass',
  'ChargeDescription',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'ContractedCost',
  'EffectiveCost',
  'InvoiceIssuerName',
  'ListCost',
  'PricingQuantity',
  'PricingUnit',
  'ProviderName',
  'PublisherName',
  'RegionId',
  'ResourceId',
  'ServiceCategory',
  'ServiceName',
  'SubAccountId',
  'SubAccountName',
  'Tags',
] as const;

/** The tag that names an application; the demo's source is told of it. */
export const applicationTag = 'application';

export interface Bill {
  /** As `focus-2026-05.csv`. */
  readonly name: string;
  readonly csv: string;
}

/** A bill for each month that has a day in [from, until), YYYY-MM-DD. */
export function demoBills(
  company: Company,
  options: { readonly seed: number; readonly from: string; readonly until: string },
): readonly Bill[] {
  const { seed, from, until } = options;
  const applications = demoApplications(company, seed).filter(({ inCloud }) => inCloud);
  const bills = new Map<string, string[]>();
  for (let day = Date.parse(from); day < Date.parse(until); day += dayMs) {
    const month = isoDay(day).slice(0, 7);
    const lines = bills.get(month) ?? [columns.join(',')];
    bills.set(month, lines);
    for (const one of applications) {
      const { vcpu } = usageOn(company, one, isoDay(day), from, seed);
      for (const service of services) lines.push(charge(company, one, service, day, vcpu));
    }
    // What belongs to nobody: support, which bills never say an application of.
    lines.push(
      charge(company, undefined, { name: 'AWS Support', category: 'Other', unit: 'Days', price: 9.5 }, day, 1),
    );
  }
  return [...bills].map(([month, lines]) => ({ name: `focus-${month}.csv`, csv: `${lines.join('\n')}\n` }));
}

function charge(
  company: Company,
  application: DemoApplication | undefined,
  service: { readonly name: string; readonly category: string; readonly unit: string; readonly price: number },
  day: number,
  vcpu: number,
): string {
  const next = random(seedOf(0, company.slug, application?.n ?? 'none', service.name, day));
  const perDay = service.unit === 'Hours' ? 24 : service.unit === 'GB-Mo' ? 12 : 1;
  const quantity = vcpu * perDay * (0.95 + next() * 0.1);
  const list = quantity * service.price;
  const month = new Date(day);
  const monthStart = Date.UTC(month.getUTCFullYear(), month.getUTCMonth(), 1);
  const monthEnd = Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1);
  const time = (ms: number) => `${isoDay(ms)}T00:00:00Z`;
  const money = (amount: number) => amount.toFixed(10);
  const values: Readonly<Record<(typeof columns)[number], string>> = {
    BilledCost: money(list * 0.9),
    BillingAccountId: '123456789012',
    BillingAccountName: company.name,
    BillingCurrency: company.currency,
    BillingPeriodEnd: time(monthEnd),
    BillingPeriodStart: time(monthStart),
    ChargeCategory: 'Usage',
    ChargeClass: '',
    ChargeDescription: `${service.name}, on demand`,
    ChargePeriodEnd: time(day + dayMs),
    ChargePeriodStart: time(day),
    ContractedCost: money(list * 0.9),
    EffectiveCost: money(list * 0.85),
    InvoiceIssuerName: 'Amazon Web Services, Inc.',
    ListCost: money(list),
    PricingQuantity: quantity.toFixed(6),
    PricingUnit: service.unit,
    ProviderName: 'AWS',
    PublisherName: 'Amazon Web Services, Inc.',
    RegionId: 'eu-west-1',
    ResourceId: application ? `arn:aws:demo:eu-west-1:123456789012:${company.slug}/${application.id}` : '',
    ServiceCategory: service.category,
    ServiceName: service.name,
    SubAccountId: application ? String(200_000_000_000 + company.sectors.indexOf(application.sector)) : '200000000099',
    SubAccountName: application ? application.sector : 'Shared',
    Tags: application ? JSON.stringify({ [applicationTag]: application.name }) : '',
  };
  return columns.map((column) => quoted(values[column])).join(',');
}

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
