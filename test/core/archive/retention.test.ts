import { describe, expect, test } from 'vitest';
import { coldAfter, ladders, warmAfter } from '#core/archive/ladder.ts';
import {
  archiveFormats,
  classOf,
  defaultRetention,
  expiredBefore,
  expiryOf,
  ladderFor,
  ladderOfClass,
  retentionBody,
  retentionView,
} from '#core/archive/retention.ts';
import { categories } from '#core/event/event.ts';

const critical = { hot: 90, warm: 365, cold: 2555, archive_format: 'glacier' };
const standard = { hot: 90, cold: 365, archive_format: 's3' };
const activity = { cold: 90, archive_format: 'gzip' };
const three = { critical, standard, activity };

const faultsOf = (body: object) =>
  (retentionBody.safeParse(body).error?.issues ?? []).map(({ path, message }) => `${path.join('/')}: ${message}`);
const faultsOfClass = (one: object) => faultsOf({ classes: { ...three, critical: one } });

describe('the default policy', () => {
  test('keeps what is critical for seven years in Glacier, what people did for 90 days and the rest for a year', () => {
    const kept = categories.map((category) => [
      category,
      classOf(defaultRetention, category).cold,
      ladderFor(defaultRetention, category).name,
    ]);
    expect(kept).toEqual([
      ['auth_events', 365, 'warm-90'],
      ['api_calls', 365, 'warm-90'],
      ['user_activity', 90, 'standard'],
      ['operations', 365, 'warm-90'],
      ['critical', 2555, 'warm-90-cold-365'],
      ['system', 365, 'warm-90'],
    ]);
  });

  test('is what a body of three bare classes says, but for its compliance words', () => {
    const { classes, byCategory } = retentionBody.parse({ classes: three });
    expect(byCategory).toEqual(defaultRetention.byCategory);
    expect({ ...classes, critical: { ...classes.critical, complianceRequirements: ['SOX'] } }).toEqual(
      defaultRetention.classes,
    );
  });

  test('passes its own rules, said and read again', () => {
    const { classes, by_category } = JSON.parse(JSON.stringify(retentionView(defaultRetention)));
    for (const one of Object.values<Record<string, unknown>>(classes)) delete one.ladder;
    expect(retentionBody.parse({ classes, by_category })).toEqual(defaultRetention);
  });
});

describe('a body', () => {
  test('has classes of its own, and every category in one of them', () => {
    const short = { cold: 30, archive_format: 'gzip', compliance_requirements: ['GDPR', 'PCI', 'GDPR'] };
    const all = Object.fromEntries(categories.map((category) => [category, 'short']));
    const policy = retentionBody.parse({ classes: { short }, by_category: all });
    expect(classOf(policy, 'critical')).toEqual({
      hot: 30,
      warm: 30,
      cold: 30,
      archiveFormat: 'gzip',
      complianceRequirements: ['GDPR', 'PCI'],
    });
    expect(faultsOf({ classes: { short }, by_category: { ...all, system: 'long' } })).toEqual([
      'by_category/system: is in class long, which the policy does not have',
    ]);
    expect(faultsOf({ classes: { critical, activity } })).toHaveLength(4);
  });

  test('says where its ages must lie, with the list', () => {
    expect(faultsOfClass({ ...critical, hot: 60 })).toEqual(['classes/critical/hot: must be one of 30, 90, 180, 365']);
    expect(faultsOfClass({ ...critical, warm: 400 })).toEqual([
      'classes/critical/warm: must be one of 180, 365, 730, 1095',
    ]);
    expect(faultsOfClass({ ...critical, hot: 365 })).toEqual([
      'classes/critical/warm: must be at least 90 days after hot, which S3 bills',
    ]);
    expect(faultsOfClass({ ...critical, cold: 500 })).toEqual([
      'classes/critical/cold: must be at least 180 days after warm, which S3 bills',
    ]);
    expect(faultsOfClass({ ...critical, hot: 500 })).toEqual(['classes/critical/hot: must not be after warm (365)']);
    expect(faultsOfClass({ ...critical, cold: 200 })).toEqual(['classes/critical/warm: must not be after cold (200)']);
    expect(faultsOfClass({ ...standard, hot: 365 })).toEqual([
      'classes/critical/cold: must be at least 90 days after hot, which S3 bills',
    ]);
  });

  test('does not say what its format does not do', () => {
    expect(faultsOfClass({ ...standard, warm: 180 })[0]).toContain('classes/critical/warm: must be left out');
    expect(faultsOfClass({ ...activity, hot: 30 })[0]).toContain('classes/critical/hot: must be left out');
  });

  test.each([
    ['no class', { classes: {} }],
    ['too many classes', { classes: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`c${i}`, activity])) }],
    ['a name that is none', { classes: { ...three, 'Über uns': activity } }],
    ['a class that only objects have', { classes: three, by_category: { system: 'constructor' } }],
    ['no end', { classes: { ...three, activity: { archive_format: 'gzip' } } }],
    ['an end at once', { classes: { ...three, activity: { ...activity, cold: 0 } } }],
    ['half a day', { classes: { ...three, activity: { ...activity, cold: 1.5 } } }],
    ['centuries', { classes: { ...three, activity: { ...activity, cold: 36_501 } } }],
    ['another format', { classes: { ...three, activity: { ...activity, archive_format: 'zip' } } }],
    [
      'a sentence for a word',
      { classes: { ...three, activity: { ...activity, compliance_requirements: ['we must'] } } },
    ],
    ['a category that is none', { classes: three, by_category: { other: 'critical' } }],
    ['a field that is none', { classes: three, approved: true }],
  ])('is refused with %s', (_, body) => {
    expect(retentionBody.safeParse(body).success).toBe(false);
  });
});

describe('ladders', () => {
  test('every class that passes has one, and kept for less than a year it never tiers', () => {
    for (const archive_format of archiveFormats) {
      for (const hot of [10, ...warmAfter]) {
        for (const warm of [20, ...coldAfter]) {
          for (const cold of [20, 90, 364, 365, 1000, 2555]) {
            const read = retentionBody.safeParse({
              classes: { ...three, critical: { hot, warm, cold, archive_format } },
            });
            if (!read.success) continue;
            const ladder = ladderOfClass(read.data.classes.critical!);
            expect(ladders).toContain(ladder);
            if (cold < 365 || archive_format === 'gzip') expect(ladder.name).toBe('standard');
            if (archive_format === 's3') expect(ladder.coldAfterDays).toBeUndefined();
            // Nothing is moved to a class that bills longer than it stays.
            if (ladder.coldAfterDays) expect(cold - ladder.coldAfterDays).toBeGreaterThanOrEqual(180);
            else if (ladder.warmAfterDays) expect(cold - ladder.warmAfterDays).toBeGreaterThanOrEqual(90);
          }
        }
      }
    }
  });
});

describe('the end of a file', () => {
  const newest = Date.parse('2026-03-01T12:00:00.000Z');

  test('is that of its newest event', () => {
    expect(new Date(expiryOf(defaultRetention, 'user_activity', newest)).toISOString()).toBe(
      '2026-05-30T12:00:00.000Z',
    );
    expect(new Date(expiryOf(defaultRetention, 'critical', newest)).toISOString()).toBe('2033-02-27T12:00:00.000Z');
  });

  test('is the same seen from its event and from now', () => {
    for (const category of categories) {
      const end = new Date(expiryOf(defaultRetention, category, newest));
      expect(expiredBefore(defaultRetention, category, end)).toBe(newest);
    }
  });
});
