/**
 * Ladders: how an object moves through S3's storage classes.
 *
 * S3's lifecycle rules go by an object's tag, and a bucket has at most 1 000 of them, so ages come from short lists and
 * each combination is a rule. CDK writes the rules from here; the archive's objects carry the name in the tag `ladder`.
 */

/** Days after which an object may leave Standard for Glacier Instant Retrieval. */
export const warmAfter = [30, 90, 180, 365] as const;
/** Days after which it may go on to Deep Archive: at least 90 after it came to Instant Retrieval, which bills 90. */
export const coldAfter = [180, 365, 730, 1095] as const;
/** Shorter kept objects never tier: Deep Archive bills 180 days, Instant Retrieval 90 and 128 KB at least. */
export const tieredFromDays = 365;

export interface Ladder {
  /** `standard`, `warm-90`, `warm-90-cold-365`. */
  readonly name: string;
  readonly warmAfterDays?: number;
  readonly coldAfterDays?: number;
}

/** All ladders there are; the first one never moves. */
export const ladders: readonly Ladder[] = [
  { name: 'standard' },
  ...warmAfter.flatMap((warm): Ladder[] => [
    { name: `warm-${warm}`, warmAfterDays: warm },
    ...coldAfter
      .filter((cold) => cold >= warm + 90)
      .map((cold) => ({ name: `warm-${warm}-cold-${cold}`, warmAfterDays: warm, coldAfterDays: cold })),
  ]),
];

/** A ladder by its name; undefined when there is none. */
export const ladderOf = (name: string): Ladder | undefined => ladders.find((one) => one.name === name);
