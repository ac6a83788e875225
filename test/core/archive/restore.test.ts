/** What a restore costs and how far it is. */
import { describe, expect, test } from 'vitest';
import { estimateRestore, lookOf, restoreState } from '#core/archive/restore.ts';

const gb = 2 ** 30;
const none = { files: 0, bytes: 0, copiedFiles: 0, copiedBytes: 0 };
const some = { ...none, files: 1000, bytes: 100 * gb };

describe('an estimate', () => {
  test("is Amazon's prices for a thousand files of 100 GB, for a week", () => {
    expect(estimateRestore(some, 'standard', 7)).toEqual({
      ...some,
      cost: { requests: 0.1, retrieval: 2, storage: 0.5297, total: 2.6297 },
      hours: 12,
    });
    expect(estimateRestore(some, 'bulk', 7)).toEqual({
      ...some,
      cost: { requests: 0.025, retrieval: 0.25, storage: 0.5297, total: 0.8047 },
      hours: 48,
    });
  });

  test('of what has a copy already is without its retrieval, and ready at once when all have', () => {
    const half = { ...some, copiedFiles: 500, copiedBytes: 50 * gb };
    expect(estimateRestore(half, 'standard', 1)).toMatchObject({ cost: { retrieval: 1 }, hours: 12 });
    const all = { ...some, copiedFiles: 1000, copiedBytes: 100 * gb };
    expect(estimateRestore(all, 'bulk', 1)).toMatchObject({ cost: { retrieval: 0, requests: 0.025 }, hours: 0 });
  });

  test('is never less than what it costs, and nothing for nothing', () => {
    expect(estimateRestore({ ...none, files: 1, bytes: 1 }, 'bulk', 1).cost).toEqual({
      requests: 0.0001,
      retrieval: 0.0001,
      storage: 0.0001,
      total: 0.0003,
    });
    expect(estimateRestore(none, 'bulk', 30)).toMatchObject({ cost: { total: 0 }, hours: 0 });
  });
});

describe('a restore', () => {
  const now = new Date('2026-05-02T00:00:00Z');
  const left = { waiting: 0, underWay: 0, ready: 0, readyBytes: 0, gone: 0 };
  test('is estimated and asked for as it is kept', () => {
    expect(restoreState('estimated', left, now)).toBe('estimated');
    expect(restoreState('asking', { ...left, waiting: 1, underWay: 1 }, now)).toBe('asking');
  });
  test('is ready when nothing is under way, and over when the first copy ends', () => {
    expect(restoreState('asked', { ...left, underWay: 1, ready: 2 }, now)).toBe('under_way');
    expect(restoreState('asked', { ...left, ready: 2, gone: 1 }, now)).toBe('ready');
    const until = new Date('2026-05-03T00:00:00Z');
    expect(restoreState('asked', { ...left, ready: 3, until }, now)).toBe('ready');
    expect(restoreState('asked', { ...left, ready: 3, until }, until)).toBe('over');
  });
});

test('a look at S3 tells what was restored from what never left, what is gone and what nobody asked for', () => {
  const until = new Date('2026-05-03T00:00:00Z');
  const cold = { bytes: 1, storageClass: 'DEEP_ARCHIVE' } as const;
  expect(lookOf('f', undefined)).toEqual({ file: 'f', state: 'gone' });
  expect(lookOf('f', { bytes: 1, storageClass: 'GLACIER_IR' })).toEqual({ file: 'f', state: 'ready' });
  expect(lookOf('f', cold)).toBeUndefined();
  expect(lookOf('f', { ...cold, restore: { ongoing: true } })).toEqual({ file: 'f', state: 'asked' });
  expect(lookOf('f', { ...cold, restore: { ongoing: false, until } })).toEqual({ file: 'f', state: 'ready', until });
});
