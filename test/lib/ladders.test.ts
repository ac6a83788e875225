/** The archive's lifecycle rules: those of core's ladders, and nothing else that moves or expires an object. */
import { describe, expect, test } from 'vitest';
import { archiveIndexKey, archiveKey } from '#core/archive/file.ts';
import { ladders } from '#core/archive/ladder.ts';
import { lifecycleRules } from '#local/lifecycle.ts';
import { synthesize } from './support/synthesize.ts';

interface Rule {
  readonly Id: string;
  readonly Status: string;
  readonly Prefix?: string;
  readonly TagFilters?: readonly { readonly Key: string; readonly Value: string }[];
  readonly Transitions?: readonly { readonly StorageClass: string; readonly TransitionInDays: number }[];
  readonly ExpirationInDays?: number;
  readonly NoncurrentVersionExpiration?: { readonly NoncurrentDays: number };
}

describe.each(['dev', 'prod'])('%s', (stage) => {
  const bucket = synthesize(stage)
    .all('AWS::S3::Bucket')
    .find(({ id }) => id.startsWith('Archive'))!;
  const lifecycle = bucket.Properties.LifecycleConfiguration as {
    readonly Rules: readonly Rule[];
    readonly TransitionDefaultMinimumObjectSize: string;
  };
  const moving = lifecycle.Rules.filter(({ Transitions }) => Transitions !== undefined);

  test('every ladder but the one that never moves has a rule, and no other rule moves anything', () => {
    const wanted = ladders
      .filter(({ warmAfterDays }) => warmAfterDays !== undefined)
      .map(({ name, warmAfterDays, coldAfterDays }) => ({
        Id: name,
        Status: 'Enabled',
        Prefix: 'audit-logs',
        TagFilters: [{ Key: 'ladder', Value: name }],
        Transitions: [
          { StorageClass: 'GLACIER_IR', TransitionInDays: warmAfterDays },
          ...(coldAfterDays === undefined ? [] : [{ StorageClass: 'DEEP_ARCHIVE', TransitionInDays: coldAfterDays }]),
        ],
      }));
    const byId = (a: { Id: string }, b: { Id: string }) => (a.Id < b.Id ? -1 : 1);
    expect(moving.toSorted(byId)).toEqual(wanted.toSorted(byId));
    expect(lifecycle.Rules.length).toBeLessThan(1000);
  });

  test('files of days and months move, their sidecars do not, and nothing under 128 KB does', () => {
    const file = { id: 'id', tenant: 't', tier: 'bulk', category: 'system', day: '2026-03-01' } as const;
    const keys = [archiveKey({ ...file, span: 'day' }), archiveKey({ ...file, span: 'month' })];
    for (const { Prefix } of moving) {
      expect(keys.map((key) => key.startsWith(Prefix!))).toEqual([true, true]);
      expect(keys.map((key) => archiveIndexKey(key).startsWith(Prefix!))).toEqual([false, false]);
    }
    expect(lifecycle.TransitionDefaultMinimumObjectSize).toBe('all_storage_classes_128K');
  });

  test('no age expires an object: retention deletes, and a week later its versions are gone', () => {
    const expiring = lifecycle.Rules.filter(
      (rule) => rule.ExpirationInDays !== undefined || rule.NoncurrentVersionExpiration,
    );
    expect(expiring).toEqual([
      {
        Id: 'removed',
        Status: 'Enabled',
        ExpiredObjectDeleteMarker: true,
        NoncurrentVersionExpiration: { NoncurrentDays: 7 },
      },
    ]);
  });

  test('the local platform runs them all', () => {
    expect(lifecycleRules('Archive', lifecycle.Rules)).toHaveLength(lifecycle.Rules.length);
  });
});
