/**
 * Which archive files are worth merging.
 *
 * A compaction writes a file for each category and day it meets, so a day begins as many small files. While a day is
 * under way they are merged eight at a time, so a line is rewritten a few times at most; when it is over, those that are
 * left. Days that stay too small for Glacier become part of a month when that is over.
 */
import type { ArchiveFile } from './file.ts';

const mebibyte = 1024 * 1024;
const hourMs = 3600_000;

/** A file of this size is left alone. */
export const fileBytesMin = 16 * mebibyte;
/** Merged files are no larger: a merge holds its result in memory, compressed. */
export const fileBytesMax = 64 * mebibyte;
/** S3 bills Glacier objects as if they had 128 KB, and does not move smaller ones. */
export const glacierBytesMin = 128 * 1024;
/** Files of one merge: each is a run that holds a block or two. */
const filesAtOnce = 64;
/** Of a day that is not over. */
const filesOfOpenDay = 8;
/** Events come late by minutes mostly, and by hours when a producer was cut off. */
const lateMs = 24 * hourMs;
/** What comes later still gathers for so long before it is merged into its day, or into its month. */
const gatherMs = 6 * hourMs;
/** Older objects may have left Standard: reading them costs, or is not possible. */
const readableDays = 28;

/** Files that become one. */
export interface MergePlan extends Pick<ArchiveFile, 'tier' | 'category' | 'span' | 'day'> {
  readonly files: readonly ArchiveFile[];
}

/** The merges that are due among files of one tenant; no file is in two of them. */
export function planMerges(files: readonly ArchiveFile[], now: Date): MergePlan[] {
  const plans: MergePlan[] = [];
  const left: ArchiveFile[] = [];
  const readable = files.filter((file) => file.bytes < fileBytesMin && isReadable(file, now));
  for (const group of groupsBy(readable, ({ span, day }) => `${span} ${day}`)) {
    const { tier, category, span, day } = group[0]!;
    const chosen = isRipe(group, now) ? fitting(group) : [];
    if (chosen.length > 1) plans.push({ tier, category, span, day, files: chosen });
    left.push(...group.filter((file) => !chosen.includes(file)));
  }
  const tiny = left.filter(({ span, bytes }) => span === 'month' || bytes < glacierBytesMin);
  for (const group of groupsBy(tiny, ({ day }) => day.slice(0, 7))) {
    const { tier, category, day } = group[0]!;
    const month = `${day.slice(0, 7)}-01`;
    const isOver = now.getTime() >= endOf('month', month) + lateMs && hasGathered(group, now);
    const chosen = isOver && group.some(({ span }) => span === 'day') ? fitting(group) : [];
    if (chosen.length > 1) plans.push({ tier, category, span: 'month', day: month, files: chosen });
  }
  return plans;
}

/** What is small has never left Standard: S3 moves nothing below 128 KB. */
const isReadable = ({ bytes, ladder, writtenAt }: ArchiveFile, now: Date): boolean =>
  bytes < glacierBytesMin || ladder === 'standard' || now.getTime() - writtenAt.getTime() < readableDays * 24 * hourMs;

function isRipe(group: readonly ArchiveFile[], now: Date): boolean {
  if (group.length >= filesOfOpenDay) return true;
  if (group.length < 2 || now.getTime() < endOf(group[0]!.span, group[0]!.day) + lateMs) return false;
  return hasGathered(group, now);
}

const hasGathered = (group: readonly ArchiveFile[], now: Date): boolean =>
  now.getTime() - Math.max(...group.map(({ writtenAt }) => writtenAt.getTime())) >= gatherMs;

/** The smallest ones that make one file. */
function fitting(group: readonly ArchiveFile[]): ArchiveFile[] {
  const chosen: ArchiveFile[] = [];
  let bytes = 0;
  for (const file of group.toSorted((a, b) => a.bytes - b.bytes || (a.id < b.id ? -1 : 1))) {
    bytes += file.bytes;
    if (bytes > fileBytesMax || chosen.length === filesAtOnce) break;
    chosen.push(file);
  }
  return chosen;
}

function groupsBy(files: readonly ArchiveFile[], name: (file: ArchiveFile) => string): ArchiveFile[][] {
  return [...Map.groupBy(files, (file) => `${file.tier} ${file.category} ${name(file)}`).values()];
}

/** The first ms after a day or a month. */
function endOf(span: ArchiveFile['span'], day: string): number {
  const [year, month, date] = day.split('-').map(Number) as [number, number, number];
  return span === 'day' ? Date.UTC(year, month - 1, date + 1) : Date.UTC(year, month, 1);
}
