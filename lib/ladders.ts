/**
 * Ladders of the archive's objects, as lifecycle rules: one rule a ladder, by the tag `ladder`.
 *
 * core/archive/ladder.ts says the same to those who write objects; test/lib/ladders.test.ts compares them.
 */
import { Duration } from 'aws-cdk-lib';
import { type LifecycleRule, StorageClass } from 'aws-cdk-lib/aws-s3';

const warmAfter = [30, 90, 180, 365];
const coldAfter = [180, 365, 730, 1095];
/** Glacier Instant Retrieval bills so many days at least. */
const warmDaysMin = 90;
/** Of `audit-logs/` and `audit-logs-monthly/`. Sidecars lie elsewhere: the catalogue must be made again without a restore. */
const prefix = 'audit-logs';

/** At most 1 000 rules fit a bucket. */
export const ladderRules: LifecycleRule[] = warmAfter.flatMap((warm) => [
  ruleOf(warm),
  ...coldAfter.filter((cold) => cold >= warm + warmDaysMin).map((cold) => ruleOf(warm, cold)),
]);

function ruleOf(warm: number, cold?: number): LifecycleRule {
  const ladder = cold === undefined ? `warm-${warm}` : `warm-${warm}-cold-${cold}`;
  const transitions = [
    { storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL, transitionAfter: Duration.days(warm) },
    ...(cold === undefined ? [] : [{ storageClass: StorageClass.DEEP_ARCHIVE, transitionAfter: Duration.days(cold) }]),
  ];
  return { id: ladder, prefix, tagFilters: { ladder }, transitions };
}
