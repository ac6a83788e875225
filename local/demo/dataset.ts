/** What the demo's AppDynamics controllers and CMDB have to tell: half a year of use, with weeks, growth and chance in it. */
import type { OpsApplication, OpsController, OpsDataset, OpsRecord, OpsUsage } from '#local/ops/dataset.ts';
import { between, normal, pick, type Random, random, seedOf } from '../random.ts';
import { applicationName, architectures, type Company, cmdbMatchRate, hCodeCoverage } from './companies.ts';

/** An application of a company, with everything the demo knows of it. */
export interface DemoApplication {
  readonly n: number;
  readonly id: number;
  readonly name: string;
  readonly controller: string;
  readonly sector: string;
  readonly owner: string;
  readonly architecture: string;
  /** Undefined: nobody knows who pays. */
  readonly hCode: string | undefined;
  /** Where the H-code is written. */
  readonly hCodeBy: 'file' | 'tag' | undefined;
  /** Undefined: the CMDB does not know it. */
  readonly sysId: string | undefined;
  /** Average vCPU on the first day. */
  readonly vcpu: number;
  /** Growth a day, as a share. */
  readonly growth: number;
  /** Whether it also runs in the cloud, and has a bill there. */
  readonly inCloud: boolean;
}

const dayMs = 86_400_000;
export const isoDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** A company's applications, by number. Shares are exact: 85 of 100 have an H-code, 70 are in the CMDB. */
export function demoApplications(company: Company, seed: number): readonly DemoApplication[] {
  const count = company.applications;
  const order = shuffled(random(seedOf(seed, company.slug, 'h-codes')), count);
  const withCode = new Set(order.slice(0, Math.round(count * hCodeCoverage)));
  const byFile = new Set(order.slice(0, Math.round(count * hCodeCoverage * 0.6)));
  const inCmdb = new Set(
    shuffled(random(seedOf(seed, company.slug, 'cmdb')), count).slice(0, Math.round(count * cmdbMatchRate)),
  );
  const inCloud = cloudOf(order, withCode, inCmdb);
  return Array.from({ length: count }, (_, n) => {
    const next = random(seedOf(seed, company.slug, 'application', n));
    const sector = company.sectors[n % company.sectors.length]!;
    return {
      n,
      id: 100 + n,
      name: applicationName(n),
      controller: company.controllers[n % company.controllers.length]!,
      sector,
      owner: `${sector} ${pick(next, ['platform', 'product', 'operations'])} team`,
      architecture: pick(next, architectures),
      hCode: withCode.has(n) ? `H${4000 + (n % company.sectors.length) * 100 + between(next, 1, 12)}` : undefined,
      hCodeBy: byFile.has(n) ? 'file' : withCode.has(n) ? 'tag' : undefined,
      sysId: inCmdb.has(n) ? hex32(next) : undefined,
      vcpu: 2 + Math.exp(normal(next) * 0.8 + 1.6),
      growth: (next() - 0.3) * 0.003,
      inCloud: inCloud.has(n),
    };
  });
}

/** Twenty of them run in the cloud too, with the same shares of H-codes and items of the CMDB as all. */
function cloudOf(order: readonly number[], withCode: ReadonlySet<number>, inCmdb: ReadonlySet<number>): Set<number> {
  const wanted = 20;
  const chosen = order.filter((n) => !withCode.has(n)).slice(0, wanted - Math.round(wanted * hCodeCoverage));
  const known = Math.round(wanted * cmdbMatchRate) - chosen.filter((n) => inCmdb.has(n)).length;
  const coded = order.filter((n) => withCode.has(n));
  chosen.push(...coded.filter((n) => inCmdb.has(n)).slice(0, known));
  chosen.push(...coded.filter((n) => !inCmdb.has(n)).slice(0, wanted - chosen.length));
  return new Set(chosen);
}

/** H-codes of one hundred are one cost centre. */
export const costCentreOf = (hCode: string): string => `CC-${hCode.slice(1, 3)}`;

/** What an application uses on a day: less on weekends, more at the end of a month, growing. Always the same for a day. */
export function usageOn(
  company: Company,
  application: DemoApplication,
  day: string,
  from: string,
  seed: number,
): { readonly nodes: number; readonly vcpu: number; readonly calls: number } {
  const at = Date.parse(day);
  const next = random(seedOf(seed, company.slug, application.n, day));
  const age = (at - Date.parse(from)) / dayMs;
  const weekday = new Date(at).getUTCDay();
  const week = weekday === 0 || weekday === 6 ? 0.55 : 1;
  const isMonthsEnd = new Date(at + 3 * dayMs).getUTCDate() <= 3;
  const level = application.vcpu * (1 + application.growth) ** age * (isMonthsEnd ? 1.12 : 1);
  const vcpu = Math.max(0.5, level * (0.8 + 0.2 * week) * Math.exp(normal(next) * 0.04));
  return {
    nodes: Math.max(1, Math.round(level / 4)),
    vcpu: Math.round(vcpu * 100) / 100,
    calls: Math.round(vcpu * week * (9_000 + 1_000 * normal(next))),
  };
}

/** One vCPU takes one unit; infrastructure is watched for every fourth. */
const packages = [
  { name: 'SAAS_ENTERPRISE', family: 'APM', share: 1 },
  { name: 'SAAS_INFRASTRUCTURE', family: 'INFRA', share: 0.25 },
] as const;

/** Prices of a licence unit a day, which the demo sets. */
export const unitPrices: Readonly<Record<string, string>> = { SAAS_ENTERPRISE: '1.95', SAAS_INFRASTRUCTURE: '0.22' };

/** The company's controllers and CMDB, from a day (inclusive) until another (exclusive). */
export function demoDataset(
  company: Company,
  options: { readonly seed: number; readonly from: string; readonly until: string },
): OpsDataset {
  const { seed, from, until } = options;
  const applications = demoApplications(company, seed);
  const controllers = company.controllers.map((key, index): OpsController => {
    const own = applications.filter((one) => one.controller === key);
    const licenceUnits = Math.ceil((own.reduce((sum, { vcpu }) => sum + vcpu, 0) * 1.6) / 50) * 50;
    return {
      key,
      account: { id: 7000 + index, name: key },
      client: { id: `trailkeep@${key}`, secret: `demo-${key}-secret` },
      packages: packages.map(({ name, family, share }) => ({
        name,
        family,
        licenceUnits: Math.ceil(licenceUnits * share),
        startDate: '2025-01-01',
        expirationDate: '2028-12-31',
      })),
      applications: own.map((one) => described(one, seed, company)),
      usage: (day) => (day < from || day >= until ? undefined : used(company, own, day, from, seed, licenceUnits)),
    };
  });
  const client = { id: `trailkeep-${company.slug}`, secret: `demo-${company.slug}-cmdb-secret` };
  return { controllers, serviceNow: { client, tables: { cmdb_ci_appl: cmdb(company, applications, seed, from) } } };
}

function used(
  company: Company,
  own: readonly DemoApplication[],
  day: string,
  from: string,
  seed: number,
  licenceUnits: number,
): OpsUsage {
  const by = new Map(own.map((one) => [one.id, usageOn(company, one, day, from, seed)]));
  const total = [...by.values()].reduce((sum, { vcpu }) => sum + vcpu, 0);
  const units = (amount: number) => Math.round(amount * 100) / 100;
  return {
    packages: packages.map(({ name, share }) => ({
      name,
      provisioned: Math.ceil(licenceUnits * share),
      min: units(total * share * 0.7),
      avg: units(total * share),
      max: units(total * share * 1.2),
    })),
    applications: by,
  };
}

function described(one: DemoApplication, seed: number, company: Company): OpsApplication {
  const next = random(seedOf(seed, company.slug, 'tiers', one.n));
  const tiers = ['web', 'service', 'worker'].slice(0, between(next, 1, 3));
  return {
    id: one.id,
    name: one.name,
    description: `${one.name} of ${one.sector}`,
    tags: {
      sector: one.sector,
      owner: one.owner,
      architecture: one.architecture,
      ...(one.hCodeBy === 'tag' && one.hCode !== undefined
        ? { 'h-code': one.hCode, 'cost-centre': costCentreOf(one.hCode) }
        : {}),
    },
    tiers: tiers.map((name, at) => ({
      id: one.id * 10 + at,
      name,
      type: 'Application Server',
      agentType: 'APP_AGENT',
      nodes: Array.from({ length: between(next, 1, 4) }, (_, node) => `${name}-${node + 1}`),
    })),
  };
}

/** Items of what the CMDB knows, some of them spelled its own way, and of what nobody monitors any longer. */
function cmdb(company: Company, applications: readonly DemoApplication[], seed: number, from: string): OpsRecord[] {
  const next = random(seedOf(seed, company.slug, 'cmdb-items'));
  const updated = () => `${isoDay(Date.parse(from) + between(next, 0, 150) * dayMs)} 0${between(next, 0, 9)}:15:00`;
  const item = (sysId: string, name: string, rest: Record<string, string>): OpsRecord => ({
    sys_id: sysId,
    sys_updated_on: updated(),
    sys_class_name: 'cmdb_ci_appl',
    name,
    ...rest,
  });
  const known = applications
    .filter(({ sysId }) => sysId !== undefined)
    .map((one) =>
      item(one.sysId!, next() < 0.7 ? one.name : `${one.name.toLowerCase().replace(' ', '-')}`, {
        operational_status: '1',
        business_criticality: pick(next, ['1 - most critical', '2 - somewhat critical', '3 - less critical']),
        owned_by: one.owner,
      }),
    );
  const forgotten = Array.from({ length: Math.round(company.applications / 6) }, (_, n) =>
    item(hex32(next), `Retired system ${n + 1}`, { operational_status: '6', business_criticality: '', owned_by: '' }),
  );
  return [...known, ...forgotten];
}

const hex32 = (next: Random): string => Array.from({ length: 32 }, () => Math.floor(next() * 16).toString(16)).join('');

/** 0 … n-1 in an order of chance (Fisher and Yates). */
function shuffled(next: Random, n: number): number[] {
  const order = Array.from({ length: n }, (_, at) => at);
  for (let at = n - 1; at > 0; at--) {
    const other = Math.floor(next() * (at + 1));
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}
