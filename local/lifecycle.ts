/** A bucket's lifecycle rules: from the words of the template to those of the API. */
import type { LifecycleRule, LifecycleRuleFilter, TransitionStorageClass } from '@aws-sdk/client-s3';
import { TemplateError } from './template.ts';

interface TemplateRule {
  readonly Id?: string;
  readonly Status: 'Enabled' | 'Disabled';
  readonly Prefix?: string;
  readonly TagFilters?: readonly { readonly Key: string; readonly Value: string }[];
  readonly ObjectSizeGreaterThan?: string | number;
  readonly ObjectSizeLessThan?: string | number;
  readonly Transitions?: readonly { readonly StorageClass: string; readonly TransitionInDays?: number }[];
  readonly ExpirationInDays?: number;
  readonly ExpiredObjectDeleteMarker?: boolean;
  readonly NoncurrentVersionExpiration?: { readonly NoncurrentDays?: number };
  readonly AbortIncompleteMultipartUpload?: { readonly DaysAfterInitiation?: number };
}

const words = new Set([
  'Id',
  'Status',
  'Prefix',
  'TagFilters',
  'ObjectSizeGreaterThan',
  'ObjectSizeLessThan',
  'Transitions',
  'ExpirationInDays',
  'ExpiredObjectDeleteMarker',
  'NoncurrentVersionExpiration',
  'AbortIncompleteMultipartUpload',
] satisfies (keyof TemplateRule)[] as string[]);

/** The rules as PutBucketLifecycleConfiguration takes them. Throws TemplateError on a word that would be ignored. */
export function lifecycleRules(bucket: string, rules: readonly object[]): LifecycleRule[] {
  for (const rule of rules) {
    const unknown = Object.keys(rule).filter((word) => !words.has(word));
    if (unknown.length > 0)
      throw new TemplateError(`${bucket}: lifecycle rules with ${unknown.join(', ')} are not run`);
  }
  return (rules as readonly TemplateRule[]).map((rule) => ({
    ID: rule.Id,
    Status: rule.Status,
    Filter: filterOf(rule),
    ...(rule.Transitions
      ? {
          Transitions: rule.Transitions.map(({ StorageClass, TransitionInDays }) => ({
            StorageClass: StorageClass as TransitionStorageClass,
            Days: TransitionInDays,
          })),
        }
      : {}),
    ...(rule.ExpirationInDays !== undefined || rule.ExpiredObjectDeleteMarker !== undefined
      ? { Expiration: { Days: rule.ExpirationInDays, ExpiredObjectDeleteMarker: rule.ExpiredObjectDeleteMarker } }
      : {}),
    ...(rule.NoncurrentVersionExpiration ? { NoncurrentVersionExpiration: rule.NoncurrentVersionExpiration } : {}),
    ...(rule.AbortIncompleteMultipartUpload
      ? { AbortIncompleteMultipartUpload: rule.AbortIncompleteMultipartUpload }
      : {}),
  }));
}

function filterOf({ Prefix, TagFilters = [], ...sizes }: TemplateRule): LifecycleRuleFilter {
  const { ObjectSizeGreaterThan: larger, ObjectSizeLessThan: smaller } = sizes;
  const And = {
    Prefix: Prefix ?? '',
    ...(TagFilters.length > 0 ? { Tags: [...TagFilters] } : {}),
    ...(larger === undefined ? {} : { ObjectSizeGreaterThan: Number(larger) }),
    ...(smaller === undefined ? {} : { ObjectSizeLessThan: Number(smaller) }),
  };
  return Object.keys(And).length === 1 ? { Prefix: And.Prefix } : { And };
}
