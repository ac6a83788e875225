/**
 * To whom an application belongs, and on which days: what somebody answers for goes before what the application's tags
 * say, tags before the CMDB, the CMDB before a rule for names; what nothing says is unmapped, and stays visible so.
 */
import { firstDay } from './h-code.ts';
import type { HCodeRow } from './rows.ts';

/** Names; '' where nothing is known. */
export interface Belonging {
  readonly sector: string;
  readonly owner: string;
  readonly architecture: string;
  readonly hCode: string;
  readonly costCentre: string;
}
export type HCodeRule = 'explicit' | 'tag' | 'cmdb' | 'name' | 'none';
/** What the sources tell, without anybody's file. */
export interface Finding extends Belonging {
  readonly hCodeRule: Exclude<HCodeRule, 'explicit'>;
}
export interface Ranged<T> {
  readonly fromDay: string;
  /** The first day after; `infinity` when it goes on. */
  readonly toDay: string;
  readonly value: T;
}

type Field = 'h_code' | 'cost_centre' | 'sector' | 'owner' | 'architecture';
/** Names of tags or of CMDB fields for each field; of several the first one that is there counts. */
export type SaidBy = Readonly<Partial<Record<Field, readonly string[] | undefined>>>;
export const usualTags: Readonly<Record<Field, readonly string[]>> = {
  h_code: ['h-code', 'h_code', 'hcode'],
  cost_centre: ['cost-centre', 'cost_centre', 'cost-center', 'cost_center'],
  sector: ['sector', 'business-unit', 'business_unit'],
  owner: ['owner', 'team'],
  architecture: ['architecture', 'arch'],
};
export const usualFields: Readonly<Record<Field, readonly string[]>> = {
  h_code: ['u_h_code', 'u_hcode'],
  cost_centre: ['cost_center', 'u_cost_center'],
  sector: ['u_sector', 'business_unit', 'department'],
  owner: ['owned_by', 'support_group', 'managed_by_group', 'assignment_group'],
  architecture: ['u_architecture', 'u_platform'],
};

export interface NameRule {
  /** `*` stands for any letters. */
  readonly like: string;
  readonly h_code: string;
  readonly cost_centre: string;
}

const longest = 200;

/** What tags, the matched item and the rules for names say of an application today. */
export function findBelonging(said: {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly tagNames: SaidBy;
  readonly attributes: Readonly<Record<string, string>>;
  readonly fieldNames: SaidBy;
  readonly nameRules: readonly NameRule[];
}): Finding {
  const tag = (field: Field) => first(said.tags, said.tagNames[field] ?? usualTags[field]);
  const item = (field: Field) => first(said.attributes, said.fieldNames[field] ?? usualFields[field]);
  const either = (field: Field) => tag(field) || item(field);
  const common = { sector: either('sector'), owner: either('owner'), architecture: either('architecture') };
  if (tag('h_code') !== '') {
    return { ...common, hCode: tag('h_code'), costCentre: either('cost_centre'), hCodeRule: 'tag' };
  }
  if (item('h_code') !== '') {
    return { ...common, hCode: item('h_code'), costCentre: either('cost_centre'), hCodeRule: 'cmdb' };
  }
  const rule = said.nameRules.find(({ like }) => isLike(said.name, like));
  if (rule) {
    return { ...common, hCode: rule.h_code, costCentre: rule.cost_centre || either('cost_centre'), hCodeRule: 'name' };
  }
  return { ...common, hCode: '', costCentre: '', hCodeRule: 'none' };
}

function first(said: Readonly<Record<string, string>>, names: readonly string[]): string {
  const lower = new Map(Object.entries(said).map(([key, value]) => [key.toLowerCase(), value.trim()]));
  for (const name of names) {
    const value = lower.get(name.toLowerCase());
    if (value) return value.slice(0, longest);
  }
  return '';
}

/** Without regular expressions: somebody else wrote the rule, and a bad one must not hold us up. */
export function isLike(name: string, like: string): boolean {
  const parts = like.toLowerCase().split('*');
  const text = name.toLowerCase();
  const [head, ...rest] = parts as [string, ...string[]];
  if (rest.length === 0) return text === head;
  const tail = rest.pop()!;
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length) return false;
  let at = head.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > text.length - tail.length) return false;
    at = found + part.length;
  }
  return true;
}

/** What was found on a day, for the days of its range. */
export interface Found extends Ranged<Finding> {
  readonly foundOn: string;
}

/**
 * The history of findings with today's added. The first one holds for all days before it too, because nobody knows better;
 * what was not known before, and is now, holds for the days on which it was not known; what changed counts from its day on.
 * Of several findings of one day the last counts, in whichever order its sources were read.
 */
export function addFinding(history: readonly Found[], finding: Finding, day: string): Found[] {
  const last = history.at(-1);
  if (!last) return [{ fromDay: firstDay, toDay: 'infinity', foundOn: day, value: finding }];
  // Runs of days gone by add nothing to what is known since.
  if (same(last.value, finding) || day < last.foundOn) return [...history];
  const before = history.slice(0, -1);
  const now =
    day === last.foundOn
      ? [...before, { ...last, value: finding }]
      : [...before, { ...last, toDay: day }, { fromDay: day, toDay: 'infinity', foundOn: day, value: finding }];
  return joined(filledBack(now, finding));
}

/** What the newest finding knows goes back over the days that nobody knew it of. */
function filledBack(history: readonly Found[], { sector, owner, architecture, ...code }: Finding): Found[] {
  const { hCode, costCentre, hCodeRule } = code;
  const open = { sector: true, owner: true, architecture: true, hCode: true };
  return history
    .toReversed()
    .map((one, index) => {
      if (index === 0) return one;
      const value: { -readonly [K in keyof Finding]: Finding[K] } = { ...one.value };
      for (const field of ['sector', 'owner', 'architecture'] as const) {
        open[field] &&= value[field] === '';
        if (open[field]) value[field] = { sector, owner, architecture }[field];
      }
      open.hCode &&= value.hCode === '';
      if (open.hCode) Object.assign(value, { hCode, costCentre, hCodeRule });
      return { ...one, value };
    })
    .toReversed();
}

/** Neighbours that say the same are one. */
function joined(history: readonly Found[]): Found[] {
  const all: Found[] = [];
  for (const one of history) {
    const last = all.at(-1);
    if (last && same(last.value, one.value)) all[all.length - 1] = { ...last, toDay: one.toDay, foundOn: one.foundOn };
    else all.push(one);
  }
  return all;
}

const keys = ['sector', 'owner', 'architecture', 'hCode', 'costCentre', 'hCodeRule'] as const;
const same = (a: Resolved, b: Resolved): boolean => keys.every((key) => a[key] === b[key]);

export interface Resolved extends Belonging {
  readonly hCodeRule: HCodeRule;
}

/** `infinity` comes after every day. */
const before = (a: string, b: string): boolean => a !== 'infinity' && (b === 'infinity' || a < b);

/**
 * One entry for each day from the first finding on: findings with the rows that somebody answers for laid over them. Of
 * several rows for a day the last counts; a field that a row leaves empty stays as it was found.
 */
export function resolveMapping(
  findings: readonly Ranged<Finding>[],
  explicit: readonly HCodeRow[],
): Ranged<Resolved>[] {
  const edges = new Set(findings.flatMap(({ fromDay, toDay }) => [fromDay, toDay]));
  for (const { fromDay, toDay } of explicit) edges.add(fromDay).add(toDay);
  const days = [...edges].toSorted((a, b) => (before(a, b) ? -1 : before(b, a) ? 1 : 0));
  const resolved: Ranged<Resolved>[] = [];
  for (const [index, fromDay] of days.entries()) {
    const toDay = days[index + 1];
    if (toDay === undefined) break;
    const holds = (one: { readonly fromDay: string; readonly toDay: string }) =>
      !before(fromDay, one.fromDay) && before(fromDay, one.toDay);
    const found = findings.find(holds)?.value;
    const row = explicit.findLast(holds);
    if (!found && !row) continue;
    const value = row ? laidOver(found, row) : (found as Finding);
    const last = resolved.at(-1);
    if (last && last.toDay === fromDay && same(last.value, value)) resolved[resolved.length - 1] = { ...last, toDay };
    else resolved.push({ fromDay, toDay, value });
  }
  return resolved;
}

const laidOver = (found: Finding | undefined, row: HCodeRow): Resolved => ({
  sector: row.sector || (found?.sector ?? ''),
  owner: row.owner || (found?.owner ?? ''),
  architecture: row.architecture || (found?.architecture ?? ''),
  hCode: row.hCode,
  costCentre: row.costCentre || (found?.hCode === row.hCode ? found.costCentre : ''),
  hCodeRule: 'explicit',
});
