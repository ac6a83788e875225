/** Series with many zeros: how much, when there is something, and how often that is. */
import type { Member } from './member.ts';
import { smoothLevel } from './smoothing.ts';

/** Of the smoothed size over the smoothed gap; Syntetos & Boylan's correction removes its upward bias. */
const weight = 0.1;

/**
 * Croston's method (1972) with the correction of Syntetos & Boylan (2005, Int. J. Forecasting 21): the mean of what
 * comes, per step.
 */
export const croston: Member = {
  name: 'croston',
  forecast(values, horizon) {
    const sizes = values.filter((value) => value !== 0);
    if (sizes.length < 2) return undefined;
    const gaps: number[] = [];
    let since = 1;
    for (const value of values) {
      if (value === 0) since += 1;
      else {
        gaps.push(since);
        since = 1;
      }
    }
    const level = ((1 - weight / 2) * smoothLevel(sizes)) / Math.max(1, smoothLevel(gaps));
    return Number.isFinite(level) ? Array.from({ length: horizon }, () => level) : undefined;
  },
};
