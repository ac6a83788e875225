/**
 * Lifecycle rules: what S3 does to objects by their age, once a day there and whenever it is told here.
 *
 * A rule that says something we do not do is refused when it is put. Ages end at midnight UTC, as S3 counts them.
 */
import { AwsError, notImplemented, xmlBlocks, xmlText } from './exchange.ts';
import { dueAt } from './s3-glacier.ts';
import { mayRemove } from './s3-lock.ts';
import type { S3Objects } from './s3-objects.ts';
import { tagsOf } from './s3-reply.ts';
import type { Bucket, S3Store, Version } from './s3-store.ts';

const smallBytesMax = 128 * 1024;
/** Objects only ever go down this list. */
const waterfall = [
  'STANDARD',
  'STANDARD_IA',
  'INTELLIGENT_TIERING',
  'ONEZONE_IA',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
];

export const minimumSizes = ['all_storage_classes_128K', 'varies_by_storage_class'] as const;

interface Rule {
  readonly id: string;
  readonly enabled: boolean;
  readonly prefix: string;
  readonly tags: readonly (readonly [key: string, value: string])[];
  readonly largerThan?: number;
  readonly smallerThan?: number;
  readonly transitions: readonly { readonly days: number; readonly storageClass: string }[];
  readonly expirationDays?: number;
  readonly removesLoneMarkers: boolean;
  readonly noncurrentDays?: number;
}

const elements =
  /^(Rule|ID|Status|Filter|And|Prefix|Tag|Key|Value|ObjectSizeGreaterThan|ObjectSizeLessThan|Transition|Days|StorageClass|Expiration|ExpiredObjectDeleteMarker|NoncurrentVersionExpiration|NoncurrentDays|AbortIncompleteMultipartUpload|DaysAfterInitiation|LifecycleConfiguration)$/;

/** The rules of a document as PutBucketLifecycleConfiguration brings it; refuses what is not done here. */
export function rulesOf(text: string): Rule[] {
  for (const [, name = ''] of text.matchAll(/<([A-Za-z]+)[\s>/]/g)) {
    if (!elements.test(name)) throw notImplemented(`S3 lifecycle rules with ${name}`);
  }
  const rules = xmlBlocks(text, 'Rule').map(ruleOf);
  if (rules.length === 0 || rules.length > 1000) {
    throw new AwsError(400, 'MalformedXML', 'A lifecycle configuration has between 1 and 1000 rules.');
  }
  if (new Set(rules.map(({ id }) => id)).size < rules.length) {
    throw new AwsError(400, 'InvalidArgument', 'Rule ID must be unique. Found same ID for more than one rule');
  }
  return rules;
}

function ruleOf(text: string, index: number): Rule {
  const days = (block: string | undefined, name: string) => {
    const value = block === undefined ? undefined : xmlText(block, name);
    if (value === undefined) return undefined;
    if (!/^[1-9]\d{0,8}$/.test(value))
      throw new AwsError(400, 'InvalidArgument', `'${name}' must be a positive integer`);
    return Number(value);
  };
  const bytes = (name: string) => {
    const value = xmlText(text, name);
    return value === undefined ? undefined : Number(value);
  };
  const [expiration] = xmlBlocks(text, 'Expiration');
  const [noncurrent] = xmlBlocks(text, 'NoncurrentVersionExpiration');
  const expirationDays = days(expiration, 'Days');
  const noncurrentDays = days(noncurrent, 'NoncurrentDays');
  const largerThan = bytes('ObjectSizeGreaterThan');
  const smallerThan = bytes('ObjectSizeLessThan');
  return {
    id: xmlText(text, 'ID') ?? `rule-${index}`,
    enabled: xmlText(text, 'Status') === 'Enabled',
    prefix: xmlText(text, 'Prefix') ?? '',
    tags: xmlBlocks(text, 'Tag').map((tag) => [xmlText(tag, 'Key') ?? '', xmlText(tag, 'Value') ?? ''] as const),
    ...(largerThan === undefined ? {} : { largerThan }),
    ...(smallerThan === undefined ? {} : { smallerThan }),
    transitions: xmlBlocks(text, 'Transition').map((block) => ({
      days: days(block, 'Days') ?? 0,
      storageClass: classOf(xmlText(block, 'StorageClass')),
    })),
    ...(expirationDays === undefined ? {} : { expirationDays }),
    removesLoneMarkers: expiration !== undefined && xmlText(expiration, 'ExpiredObjectDeleteMarker') === 'true',
    ...(noncurrentDays === undefined ? {} : { noncurrentDays }),
  };
}

function classOf(name: string | undefined): string {
  if (name !== undefined && waterfall.indexOf(name) > 0) return name;
  throw new AwsError(400, 'MalformedXML', 'The storage class of a transition is not valid.');
}

function applies(rule: Rule, key: string, version: Version): boolean {
  if (!key.startsWith(rule.prefix)) return false;
  if (rule.largerThan !== undefined && !(version.size > rule.largerThan)) return false;
  if (rule.smallerThan !== undefined && !(version.size < rule.smallerThan)) return false;
  if (rule.tags.length === 0) return true;
  const has = tagsOf(version);
  return rule.tags.every(([name, value]) => has.get(name) === value);
}

/** Below 128 KB nothing moves, unless the bucket says otherwise or the rule names sizes itself. */
function mayMove(rule: Rule, bucket: Bucket, size: number, storageClass: string): boolean {
  if (size >= smallBytesMax || rule.largerThan !== undefined || rule.smallerThan !== undefined) return true;
  return bucket.lifecycleMinimum === 'varies_by_storage_class' && /^(GLACIER|DEEP_ARCHIVE)$/.test(storageClass);
}

/** The class that a version is due for, when that is further down than where it is. */
function nextClass(bucket: Bucket, rules: readonly Rule[], version: Version, now: number): string | undefined {
  let place = Math.max(0, waterfall.indexOf(version.storageClass));
  for (const rule of rules) {
    for (const { days, storageClass } of rule.transitions) {
      const isDue = dueAt(version.at, days) <= now && mayMove(rule, bucket, version.size, storageClass);
      if (isDue) place = Math.max(place, waterfall.indexOf(storageClass));
    }
  }
  return waterfall[place] === version.storageClass || place === 0 ? undefined : waterfall[place];
}

export interface LifecyclePass {
  /** Versions that changed their class. */
  readonly moved: number;
  /** Objects that expired, and versions and markers that were removed. */
  readonly expired: number;
}

/** Applies every bucket's rules once. Versions under lock stay. */
export async function applyLifecycle(store: S3Store, objects: S3Objects, now: () => number): Promise<LifecyclePass> {
  const done = { moved: 0, expired: 0 };
  for (const bucket of store.buckets.values()) {
    const rules = bucket.lifecycle ? rulesOf(bucket.lifecycle).filter(({ enabled }) => enabled) : [];
    if (rules.length === 0) continue;
    for (const key of [...bucket.objects.keys()]) {
      await objects.inTurn(bucket, key, async () => {
        for (const fate of fatesOf(bucket, rules, key, now())) {
          if (fate.kind === 'move') store.replace(bucket, key, { ...fate.version, storageClass: fate.storageClass });
          else if (fate.kind === 'remove') await store.remove(bucket, key, fate.version.id);
          else await objects.removeNewest(bucket, key);
          if (fate.kind === 'move') done.moved++;
          else done.expired++;
        }
      });
    }
  }
  await store.flushed();
  return done;
}

type Fate =
  | { readonly kind: 'move'; readonly version: Version; readonly storageClass: string }
  | { readonly kind: 'remove'; readonly version: Version }
  | { readonly kind: 'expire' };

function fatesOf(bucket: Bucket, rules: readonly Rule[], key: string, now: number): Fate[] {
  const [newest, ...noncurrent] = bucket.objects.get(key) ?? [];
  if (!newest) return [];
  const isDue = (days: number | undefined, from: number) => days !== undefined && dueAt(from, days) <= now;
  const fates: Fate[] = [];
  let since = newest.at;
  for (const version of noncurrent) {
    // Its age counts from when it was replaced.
    const replacedAt = since;
    since = version.at;
    const isOver = rules.some((rule) => applies(rule, key, version) && isDue(rule.noncurrentDays, replacedAt));
    if (isOver && mayRemove(version, now, { headers: {} })) fates.push({ kind: 'remove', version });
  }
  const mine = rules.filter((rule) => applies(rule, key, newest));
  if (newest.deleteMarker) {
    const isLone = noncurrent.length === fates.length;
    const goes = mine.some((rule) => rule.removesLoneMarkers || isDue(rule.expirationDays, newest.at));
    return isLone && goes ? [...fates, { kind: 'remove', version: newest }] : fates;
  }
  if (mine.some((rule) => isDue(rule.expirationDays, newest.at))) return [...fates, { kind: 'expire' }];
  const storageClass = nextClass(bucket, mine, newest, now);
  return storageClass === undefined ? fates : [...fates, { kind: 'move', version: newest, storageClass }];
}
