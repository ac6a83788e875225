/** Restores from Deep Archive: how long they take, what they cost, and how far one is. */
import type { Category } from '../event/event.ts';
import type { StoredState } from './ports.ts';

export const restoreSpeeds = ['standard', 'bulk'] as const;
export type RestoreSpeed = (typeof restoreSpeeds)[number];
/** Days that a temporary copy may be asked for. */
export const restoreDaysMax = 30;
/** Files of one restore: as many as an estimate can look at before its caller goes away. */
export const restoreFilesMax = 5_000;
/** Hours that an estimate can be confirmed: files go on to Deep Archive and prices change. */
export const estimateHoursMax = 24;

/**
 * US$ in us-east-1, https://aws.amazon.com/s3/pricing/ ("Requests & data retrievals", "Storage"), November 2026. Other
 * regions cost up to a third more. Hours are what AWS says for most objects of Deep Archive.
 */
export const restorePrices: Readonly<
  Record<RestoreSpeed, { readonly perGb: number; readonly perThousandRequests: number; readonly hours: number }>
> = {
  standard: { perGb: 0.02, perThousandRequests: 0.1, hours: 12 },
  bulk: { perGb: 0.0025, perThousandRequests: 0.025, hours: 48 },
};
/** Of the temporary copy, which lies in S3 Standard beside the archived object. */
const standardPerGbMonth = 0.023;
const daysPerMonth = 30.4;
const gb = 2 ** 30;

/** What lies in Deep Archive of a range. */
export interface ArchivedFiles {
  readonly files: number;
  readonly bytes: number;
  /** Of these, what has a copy already, which only stays longer. */
  readonly copiedFiles: number;
  readonly copiedBytes: number;
}

/** US$, each rounded up to a hundredth of a cent. */
export interface RestoreCost {
  readonly requests: number;
  readonly retrieval: number;
  /** Of the copies, for all their days. */
  readonly storage: number;
  readonly total: number;
}

export interface RestoreEstimate extends ArchivedFiles {
  readonly cost: RestoreCost;
  /** Until the last copy is there, as a rule; 0 when all of them are. */
  readonly hours: number;
}

/** What it takes to have these files back for so many days. A request is one file. */
export function estimateRestore(found: ArchivedFiles, speed: RestoreSpeed, days: number): RestoreEstimate {
  const { perGb, perThousandRequests, hours } = restorePrices[speed];
  const fetched = found.bytes - found.copiedBytes;
  const requests = upToHundredthOfCent((found.files / 1000) * perThousandRequests);
  const retrieval = upToHundredthOfCent((fetched / gb) * perGb);
  const storage = upToHundredthOfCent((found.bytes / gb) * (standardPerGbMonth / daysPerMonth) * days);
  return {
    ...found,
    cost: { requests, retrieval, storage, total: upToHundredthOfCent(requests + retrieval + storage) },
    hours: found.files > found.copiedFiles ? hours : 0,
  };
}

/** Sums of such numbers are a hair beside them, which is not the next hundredth. */
const upToHundredthOfCent = (dollars: number): number => Math.max(0, Math.ceil(dollars * 10_000 - 1e-9)) / 10_000;

/** Files of a restore, by how far each is. */
export interface RestoreProgress {
  /** S3 was not asked for them. */
  readonly waiting: number;
  /** Their copies are under way, as far as anybody looked. */
  readonly underWay: number;
  readonly ready: number;
  readonly readyBytes: number;
  /** Merged or purged meanwhile: what is left of their events is in other files. */
  readonly gone: number;
  /** When the first copy ends. */
  readonly until?: Date;
}

export type RestoreState = 'estimated' | 'asking' | 'under_way' | 'ready' | 'over';

/** How far a restore is at a time. */
export function restoreState(
  stored: 'estimated' | 'asking' | 'asked',
  progress: RestoreProgress,
  now: Date,
): RestoreState {
  if (stored !== 'asked') return stored;
  if (progress.waiting + progress.underWay > 0) return 'under_way';
  return progress.until !== undefined && progress.until.getTime() <= now.getTime() ? 'over' : 'ready';
}

/** A restore as it is kept. */
export interface Restore {
  readonly tenant: string;
  readonly id: string;
  readonly state: 'estimated' | 'asking' | 'asked';
  /** Times of events, ms since 1970; `to` exclusive. */
  readonly from: number;
  readonly to: number;
  readonly category?: Category;
  readonly speed: RestoreSpeed;
  readonly days: number;
  readonly estimate: RestoreEstimate;
  /** `principalName` of who asked. */
  readonly askedBy: string;
  readonly askedAt: Date;
  readonly confirmed?: { readonly by: string; readonly at: Date };
  readonly endedAt?: Date;
}

/** A file of a restore. */
export interface RestoreFile {
  readonly id: string;
  readonly key: string;
  readonly bytes: number;
}

/** What was found of a file. */
export type RestoreLook =
  | { readonly file: string; readonly state: 'asked' | 'gone' }
  /** `until` of a copy; a file that was not archived has none. */
  | { readonly file: string; readonly state: 'ready'; readonly until?: Date };

/** What S3 says of a file; undefined when it is archived and nobody asked for a copy, or that one is over. */
export function lookOf(file: string, stored: StoredState | undefined): RestoreLook | undefined {
  if (!stored) return { file, state: 'gone' };
  if (stored.storageClass !== 'DEEP_ARCHIVE') return { file, state: 'ready' };
  if (!stored.restore) return undefined;
  const { ongoing, until } = stored.restore;
  return ongoing ? { file, state: 'asked' } : { file, state: 'ready', ...(until ? { until } : {}) };
}
