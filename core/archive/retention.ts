/**
 * Retention: how long a tenant's events are kept, and where.
 *
 * A policy has classes, and each category belongs to one. A class says at what age (days since `occurred_at`) its
 * events leave S3 Standard (`hot`), Glacier Instant Retrieval (`warm`) and everything (`cold`: they are purged). A
 * policy counts when a second person has approved it; until a tenant has one, the default tells where its files lie,
 * and nothing is purged.
 */
import * as z from 'zod';
import { type Category, categories } from '../event/event.ts';
import { coldAfter, type Ladder, ladderOf, tieredFromDays, warmAfter } from './ladder.ts';

/**
 * `gzip`: Standard all its life. `s3`: on to Glacier Instant Retrieval, read in milliseconds. `glacier`: on to Deep
 * Archive, which has to be restored before it is read.
 */
export const archiveFormats = ['gzip', 's3', 'glacier'] as const;
export type ArchiveFormat = (typeof archiveFormats)[number];

export interface RetentionClass {
  /** Days in Standard. */
  readonly hot: number;
  /** Age in days until which it is in Glacier Instant Retrieval; `cold` unless the format is `glacier`. */
  readonly warm: number;
  /** Age in days at which it is purged. */
  readonly cold: number;
  readonly archiveFormat: ArchiveFormat;
  /** Why it is kept so long, in words as SOX, GDPR, HIPAA, PCI. They are shown and recorded, and decide nothing. */
  readonly complianceRequirements: readonly string[];
}

/** What counts for a tenant. */
export interface RetentionPolicy {
  readonly classes: Readonly<Record<string, RetentionClass>>;
  /** The name of each category's class. */
  readonly byCategory: Readonly<Record<Category, string>>;
}

/**
 * Where a tenant has approved nothing: what is critical is kept for seven years, as SOX has it for audit records; how
 * people used the product for 90 days, because nobody needs it longer; and the rest for one year, as PCI DSS 10.5.1 has
 * it for audit trails: log-ins, API calls, operations, and who read the trail (`system`).
 */
export const defaultRetention: RetentionPolicy = {
  classes: {
    critical: { hot: 90, warm: 365, cold: 2555, archiveFormat: 'glacier', complianceRequirements: ['SOX'] },
    standard: { hot: 90, warm: 365, cold: 365, archiveFormat: 's3', complianceRequirements: [] },
    activity: { hot: 90, warm: 90, cold: 90, archiveFormat: 'gzip', complianceRequirements: [] },
  },
  byCategory: {
    critical: 'critical',
    auth_events: 'standard',
    api_calls: 'standard',
    operations: 'standard',
    system: 'standard',
    user_activity: 'activity',
  },
};

/** Enough for one per category and regulation; all of them are published to S3 with the tenant's policy. */
export const retentionClassesMax = 20;
export const complianceWordsMax = 20;
/** A hundred years: beyond it a number of days is a mistake. */
export const keptDaysMax = 36_500;
/** Deep Archive bills an object for 180 days at least, Instant Retrieval for 90. */
export const deepDaysMin = 180;
export const instantDaysMin = 90;

const className = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, 'must be a word of 1 to 32 of a-z 0-9 _ -');
const days = z.number().int().min(1).max(keptDaysMax);
const complianceWord = z
  .string()
  .regex(/^[A-Z][A-Z0-9._-]{0,31}$/, 'must be a word as SOX, GDPR, HIPAA or PCI, in capitals');

const retentionClassBody = z
  .strictObject({
    hot: days.optional().describe('Days in Standard; left out: all of them'),
    warm: days.optional().describe('Age in days until which it is in Glacier Instant Retrieval; left out: all of them'),
    cold: days.describe('Age in days at which it is purged'),
    archive_format: z.enum(archiveFormats),
    compliance_requirements: z.array(complianceWord).max(complianceWordsMax).default([]),
  })
  .transform((body): RetentionClass => {
    const { archive_format, compliance_requirements, cold } = body;
    return {
      hot: body.hot ?? cold,
      warm: body.warm ?? cold,
      cold,
      archiveFormat: archive_format,
      complianceRequirements: [...new Set(compliance_requirements)].sort(),
    };
  })
  .superRefine((one, context) => {
    for (const { path, message } of faultsOfClass(one)) context.addIssue({ code: 'custom', path: [path], message });
  });

/** Body of PUT /v1/retention: the whole policy. A category that it does not name stays in the class of the default. */
export const retentionBody = z
  .strictObject({
    classes: z
      .record(className, retentionClassBody)
      .refine((classes) => Object.keys(classes).length >= 1, 'must have a class')
      .refine(
        (classes) => Object.keys(classes).length <= retentionClassesMax,
        `must have at most ${retentionClassesMax} classes`,
      ),
    by_category: z.partialRecord(z.enum(categories), className).default({}),
  })
  .superRefine(({ classes, by_category }, context) => {
    for (const category of categories) {
      const name = by_category[category] ?? defaultRetention.byCategory[category];
      if (Object.hasOwn(classes, name)) continue;
      context.addIssue({
        code: 'custom',
        path: ['by_category', category],
        message: `is in class ${name}, which the policy does not have`,
      });
    }
  })
  .transform(
    ({ classes, by_category }): RetentionPolicy => ({
      classes,
      byCategory: { ...defaultRetention.byCategory, ...by_category },
    }),
  );

/** What is wrong with a class, by field. Kept for less than a year nothing tiers, whatever its format. */
function faultsOfClass({ hot, warm, cold, archiveFormat }: RetentionClass) {
  const faults: { readonly path: 'hot' | 'warm' | 'cold'; readonly message: string }[] = [];
  const wrong = (path: 'hot' | 'warm' | 'cold', message: string) => faults.push({ path, message });
  if (hot > warm) wrong('hot', `must not be after warm (${warm})`);
  if (warm > cold) wrong('warm', `must not be after cold (${cold})`);
  if (faults.length > 0) return faults;
  if (archiveFormat === 'gzip') {
    if (hot !== cold) wrong('hot', 'must be left out or be cold: the format gzip stays in Standard all its life');
    return faults;
  }
  if (archiveFormat === 's3' && warm !== cold) {
    wrong('warm', 'must be left out or be cold: the format s3 stays in Glacier Instant Retrieval to its end');
  }
  if (cold < tieredFromDays || faults.length > 0) return faults;
  if (!warmAfter.some((one) => one === hot)) wrong('hot', `must be one of ${warmAfter.join(', ')}`);
  if (archiveFormat === 's3') {
    if (cold < hot + instantDaysMin) wrong('cold', `must be at least ${instantDaysMin} days after hot, which S3 bills`);
    return faults;
  }
  if (!coldAfter.some((one) => one === warm)) wrong('warm', `must be one of ${coldAfter.join(', ')}`);
  else if (warm < hot + instantDaysMin) {
    wrong('warm', `must be at least ${instantDaysMin} days after hot, which S3 bills`);
  } else if (cold < warm + deepDaysMin) {
    wrong('cold', `must be at least ${deepDaysMin} days after warm, which S3 bills`);
  }
  return faults;
}

/** The class of a category. */
export function classOf(policy: RetentionPolicy, category: Category): RetentionClass {
  const found = policy.classes[policy.byCategory[category]];
  if (!found) throw new TypeError(`the policy has no class for ${category}`);
  return found;
}

/** How the files of a category move through S3's storage classes: the name is their objects' tag `ladder`. */
export const ladderFor = (policy: RetentionPolicy, category: Category): Ladder =>
  ladderOfClass(classOf(policy, category));

/** The ladder of a class. Nothing that is kept for less than a year tiers: it would cost more than it saves. */
export function ladderOfClass({ hot, warm, cold, archiveFormat }: RetentionClass): Ladder {
  const tiers = archiveFormat !== 'gzip' && cold >= tieredFromDays;
  const name = !tiers ? 'standard' : archiveFormat === 's3' ? `warm-${hot}` : `warm-${hot}-cold-${warm}`;
  const found = ladderOf(name);
  if (!found) throw new TypeError(`there is no ladder ${name}`);
  return found;
}

const dayMs = 86_400_000;

/** When a file goes whose newest event happened at `maxTime`, in ms since 1970: its last event decides. */
export const expiryOf = (policy: RetentionPolicy, category: Category, maxTime: number): number =>
  maxTime + classOf(policy, category).cold * dayMs;

/** Files of this category are past their end when their newest event happened before this, in ms since 1970. */
export const expiredBefore = (policy: RetentionPolicy, category: Category, now: Date): number =>
  now.getTime() - classOf(policy, category).cold * dayMs;

/** The same of every category. */
export const endsOf = (policy: RetentionPolicy, now: Date): Readonly<Record<Category, number>> =>
  Object.fromEntries(categories.map((one) => [one, expiredBefore(policy, one, now)])) as Record<Category, number>;

/** A policy as the API says it, with each class's ladder. */
export function retentionView({ classes, byCategory }: RetentionPolicy): object {
  return {
    classes: Object.fromEntries(
      Object.entries(classes).map(([name, one]) => [
        name,
        {
          hot: one.hot,
          warm: one.warm,
          cold: one.cold,
          archive_format: one.archiveFormat,
          compliance_requirements: one.complianceRequirements,
          ladder: ladderOfClass(one).name,
        },
      ]),
    ),
    by_category: byCategory,
  };
}
