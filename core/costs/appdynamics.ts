/**
 * What controllers of AppDynamics answer, as rows.
 *
 * A controller tells its licence usage by the day for the whole account, and what an application holds only as it is
 * now. So an application's nodes and calls of a day come from its metrics, its vCPUs of a day that is over from its nodes
 * of that day (and say so: `estimated`), and licence units are the account's, shared out by vCPUs.
 */
import * as z from 'zod';
import type { Json } from '../event/event.ts';
import { dayOf, daysBetween, startOf } from './day.ts';
import {
  addDecimals,
  type Decimal,
  decimalOf,
  formatDecimal,
  multiplyDecimals,
  parseDecimal,
  roundDecimal,
} from './decimal.ts';
import type { ApplicationRow, Rejected } from './rows.ts';

/** An answer as it came. `what` says which question it answers, `of` about which application. */
export interface Page {
  readonly what: string;
  readonly of?: string;
  readonly body: Json;
}

/** An answer that cannot be what was asked for: nothing of the slice is loaded. */
export class PageInvalid extends Error {
  override readonly name = 'PageInvalid';
}

const id = z.union([z.int(), z.string().min(1).max(100)]).transform(String);
const application = z.looseObject({ id, name: z.string().min(1).max(1000) });
const tier = z.looseObject({ id, name: z.string(), numberOfNodes: z.int().min(0).default(0) });
const tag = z.looseObject({ key: z.string().min(1).max(255), value: z.string().max(255) });
const amount = z.number().min(0).max(1e15);

/** Reads a list item by item: what is wrong is put aside, what is no list is refused. */
function itemsOf<T>(body: Json, schema: z.ZodType<T>, place: string, rejected: Rejected[]): T[] {
  if (!Array.isArray(body)) throw new PageInvalid(`the answer about ${place} is not a list`);
  return body.flatMap((item, index) => {
    const read = schema.safeParse(item);
    if (read.success) return [read.data];
    rejected.push(refused(`${place}/${index}`, 'item_invalid', issueOf(read.error), item));
    return [];
  });
}

const issueOf = (error: z.ZodError): string => {
  const issue = error.issues[0]!;
  return `${issue.path.join('.') || 'item'}: ${issue.message}`;
};
const refused = (place: string, code: string, reason: string, row: unknown): Rejected => ({
  place,
  code,
  reason,
  row: JSON.stringify(row),
});

export interface Inventory {
  readonly applications: readonly ApplicationRow[];
  readonly read: number;
  readonly rejected: readonly Rejected[];
}

/** Applications with their tiers, nodes and tags. Throws PageInvalid. */
export function readInventory(controller: string, pages: readonly Page[]): Inventory {
  const rejected: Rejected[] = [];
  const about = new Map<string, Page[]>();
  for (const page of pages) if (page.of !== undefined) about.set(page.of, [...(about.get(page.of) ?? []), page]);
  const listed = pages.filter(({ what }) => what === 'applications');
  const found = listed.flatMap(({ body }) => itemsOf(body, application, 'applications', rejected));
  const applications = found.map((one) => {
    const own = about.get(one.id) ?? [];
    const tiers = own
      .filter(({ what }) => what === 'tiers')
      .flatMap(({ body }) => itemsOf(body, tier, `applications/${one.id}/tiers`, rejected));
    const tags = own
      .filter(({ what }) => what === 'tags')
      .flatMap(({ body }) => itemsOf(body, tag, `applications/${one.id}/tags`, rejected));
    return {
      ...{ controller, key: one.id, name: one.name, tiers: tiers.length },
      nodes: tiers.reduce((sum, { numberOfNodes }) => sum + numberOfNodes, 0),
      tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
    };
  });
  return { applications, read: found.length + rejected.length, rejected };
}

const point = z.looseObject({
  timestamp: z.union([z.number(), z.string()]),
  provisioned: z.looseObject({ max: amount.optional() }).optional(),
  used: z.looseObject({ min: amount.optional(), avg: amount.optional(), max: amount.optional() }).optional(),
});
/** `data` is seen as a list and as one object. */
const data = z.union([z.array(z.json()), z.json()]).transform((one) => (Array.isArray(one) ? one : [one]));
const licenceUsage = z.looseObject({
  packages: z.array(
    z.looseObject({
      name: z.string().min(1).max(200),
      unitUsages: z.array(z.looseObject({ usageType: z.string().optional(), data })),
    }),
  ),
});
const groupedUsage = z.looseObject({
  items: z.record(
    z.string(),
    z.looseObject({ vCpu: amount.nullable().optional(), nodes: z.array(z.json()).nullable().optional() }),
  ),
});
const metric = z.looseObject({
  metricPath: z.string(),
  metricValues: z.array(z.looseObject({ startTimeInMillis: z.int(), sum: amount })),
});

export interface ApplicationDay {
  readonly key: string;
  readonly nodes: Decimal;
  readonly vcpu: Decimal;
  readonly calls: Decimal;
  readonly estimated: boolean;
}
export interface PackageDay {
  readonly package: string;
  readonly provisioned: Decimal;
  readonly usedAvg: Decimal;
  readonly usedMax: Decimal;
  readonly estimated: boolean;
}
export interface UsageDay {
  readonly day: string;
  readonly applications: readonly ApplicationDay[];
  readonly packages: readonly PackageDay[];
}
export interface Usage {
  readonly days: readonly UsageDay[];
  /** Every application that was asked about. */
  readonly applications: readonly ApplicationRow[];
  readonly read: number;
  readonly rejected: readonly Rejected[];
}

const zero: Decimal = { units: 0n, scale: 0 };
const minutesOfDay = 1440;
/** Node-minutes are divided by the minutes of a day, to so many digits. */
const nodeDigits = 4;

/**
 * Usage of a window of days. `snapshotDay` is the last day that was over when the controller was asked: what it tells of
 * now is taken for that day, and estimated for all others, but for those of `exact` (by `<key> <day>`) that an earlier
 * reading took so. Throws PageInvalid.
 */
export function readUsage(
  controller: string,
  pages: readonly Page[],
  window: {
    readonly from: string;
    readonly to: string;
    readonly snapshotDay: string;
    readonly agentPackage: string;
    readonly exact?: ReadonlyMap<string, string>;
  },
): Usage {
  const rejected: Rejected[] = [];
  const days = daysBetween(window.from, window.to);
  const names = pages
    .filter(({ what }) => what === 'applications')
    .flatMap(({ body }) => itemsOf(body, application, 'applications', rejected));
  const now = vcpusNow(pages);
  const measured = measure(pages, rejected);
  const unsupported = pages.some(({ what }) => what === 'licence-usage-unsupported');
  const packages = unsupported ? undefined : packagesByDay(pages, rejected);

  const byDay = days.map((day): UsageDay => {
    const applications = names.flatMap(({ id: key }): ApplicationDay[] => {
      const calls = measured.get(`${key} calls ${day}`);
      const minutes = measured.get(`${key} nodes ${day}`);
      const held = now.get(key);
      const before = window.exact?.get(`${key} ${day}`);
      const exact = day === window.snapshotDay ? held?.vcpu : before === undefined ? undefined : parseDecimal(before);
      if (!calls && !minutes && !exact) return [];
      const nodes = minutes ? divide(minutes, minutesOfDay) : zero;
      const vcpu = exact ?? estimateVcpu(nodes, held);
      return [{ key, nodes, calls: calls ?? zero, vcpu, estimated: exact === undefined }];
    });
    const agents: PackageDay[] = unsupported ? agentsAsPackage(window.agentPackage, applications) : [];
    return { day, applications, packages: packages?.get(day) ?? agents };
  });
  return {
    days: byDay,
    applications: names.map(({ id: key, name }) => ({ controller, key, name })),
    read: byDay.reduce((sum, one) => sum + one.applications.length + one.packages.length, 0) + rejected.length,
    rejected,
  };
}

const divide = (value: Decimal, by: number): Decimal => {
  const scaled = value.units * 10n ** BigInt(nodeDigits);
  const half = BigInt(by) / 2n;
  return roundDecimal({ units: (scaled + half) / BigInt(by), scale: value.scale + nodeDigits }, nodeDigits);
};

interface Held {
  readonly vcpu: Decimal;
  readonly nodes: number;
}

function vcpusNow(pages: readonly Page[]): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const { body } of pages.filter(({ what }) => what === 'grouped-usage')) {
    const read = groupedUsage.safeParse(body);
    if (!read.success) throw new PageInvalid(`the answer about grouped usage: ${issueOf(read.error)}`);
    for (const [key, { vCpu, nodes }] of Object.entries(read.data.items)) {
      held.set(key, { vcpu: decimalOf(vCpu ?? 0) ?? zero, nodes: nodes?.length ?? 0 });
    }
  }
  return held;
}

/** vCPUs follow nodes; without any of today's the nodes count as one each. */
function estimateVcpu(nodes: Decimal, held: Held | undefined): Decimal {
  if (!held || held.nodes === 0 || held.vcpu.units === 0n) return nodes;
  const product = multiplyDecimals(nodes, held.vcpu);
  const scaled = product.units * 10n ** 4n;
  return roundDecimal({ units: scaled / BigInt(held.nodes), scale: product.scale + 4 }, nodeDigits);
}

/** Sums of metrics by application, measure and day. */
function measure(pages: readonly Page[], rejected: Rejected[]): Map<string, Decimal> {
  const sums = new Map<string, Decimal>();
  for (const { what, of, body } of pages) {
    if (what !== 'calls' && what !== 'nodes') continue;
    for (const { metricValues } of itemsOf(body, metric, `applications/${of}/${what}`, rejected)) {
      for (const { startTimeInMillis, sum } of metricValues) {
        const key = `${of} ${what} ${dayOf(new Date(startTimeInMillis))}`;
        sums.set(key, addDecimals(sums.get(key) ?? zero, decimalOf(sum) ?? zero));
      }
    }
  }
  return sums;
}

function packagesByDay(pages: readonly Page[], rejected: Rejected[]): Map<string, PackageDay[]> {
  const byDay = new Map<string, PackageDay[]>();
  for (const { body } of pages.filter(({ what }) => what === 'licence-usage')) {
    const read = licenceUsage.safeParse(body);
    if (!read.success) throw new PageInvalid(`the answer about licence usage: ${issueOf(read.error)}`);
    for (const { name, unitUsages } of read.data.packages) {
      // Several unit types of one package are several ways to count the same units; the first is the one that is sold.
      for (const [index, item] of (unitUsages[0]?.data ?? []).entries()) {
        const place = `packages/${name}/${index}`;
        const one = point.safeParse(item);
        const at = one.success ? new Date(one.data.timestamp).getTime() : Number.NaN;
        if (!one.success || Number.isNaN(at)) {
          rejected.push(
            refused(place, 'item_invalid', one.success ? 'timestamp: not a time' : issueOf(one.error), item),
          );
          continue;
        }
        const { used, provisioned } = one.data;
        if (used?.avg === undefined && used?.max === undefined) {
          rejected.push(refused(place, 'item_invalid', 'used: neither an average nor a maximum', item));
          continue;
        }
        const day = dayOf(new Date(at));
        const points = byDay.get(day) ?? [];
        points.push({
          package: name,
          provisioned: decimalOf(provisioned?.max ?? 0) ?? zero,
          usedAvg: decimalOf(used.avg ?? used.max ?? 0) ?? zero,
          usedMax: decimalOf(used.max ?? used.avg ?? 0) ?? zero,
          estimated: used.avg === undefined,
        });
        byDay.set(day, points);
      }
    }
  }
  return new Map([...byDay].map(([day, points]) => [day, byPackage(points)]));
}

/** One entry a package: of a day that was asked for in smaller steps the average of averages and the highest of maxima. */
function byPackage(points: readonly PackageDay[]): PackageDay[] {
  return [...Map.groupBy(points, (one) => one.package)].map(([name, own]) => {
    const most = (of: (one: PackageDay) => Decimal) =>
      own.map(of).reduce((a, b) => (Number(formatDecimal(b)) > Number(formatDecimal(a)) ? b : a));
    const sum = own.map(({ usedAvg }) => usedAvg).reduce(addDecimals);
    return {
      package: name,
      provisioned: most((one) => one.provisioned),
      usedAvg: own.length === 1 ? sum : divide(sum, own.length),
      usedMax: most((one) => one.usedMax),
      estimated: own.some(({ estimated }) => estimated),
    };
  });
}

/** "Not supported for Agent": a controller that counts agents holds one unit for each node, and says nothing itself. */
function agentsAsPackage(name: string, applications: readonly ApplicationDay[]): PackageDay[] {
  const nodes = applications.map((one) => one.nodes).reduce(addDecimals, zero);
  return [{ package: name, provisioned: zero, usedAvg: nodes, usedMax: nodes, estimated: true }];
}

/** The moment after a window's last one. */
export const endOfWindow = (to: string): number => startOf(to) + 86_400_000;
