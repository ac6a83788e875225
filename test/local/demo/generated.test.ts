/** What the demo is made of: the shares that its documentation names, and the same for the same seed. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { classify } from '#core/event/catalogue.ts';
import { categories } from '#core/event/event.ts';
import { demoBills } from '#local/demo/bills.ts';
import { companies } from '#local/demo/companies.ts';
import { demoApplications, demoDataset } from '#local/demo/dataset.ts';
import { demoEvents } from '#local/demo/events.ts';

const seed = 1;
const span = { seed, from: '2026-05-01', until: '2026-11-01' };
const [bank, clinic] = companies;
const sha256 = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');

describe('applications', () => {
  test('the bank has 60 on three controllers; 85 of 100 have an H-code and 70 are in the CMDB, exactly', () => {
    const applications = demoApplications(bank!, seed);
    expect(applications).toHaveLength(60);
    expect(new Set(applications.map(({ name }) => name)).size).toBe(60);
    expect(new Set(applications.map(({ controller }) => controller)).size).toBe(3);
    expect(applications.filter(({ hCode }) => hCode !== undefined)).toHaveLength(51);
    expect(applications.filter(({ sysId }) => sysId !== undefined)).toHaveLength(42);
    expect(new Set(applications.map(({ hCodeBy }) => hCodeBy))).toEqual(new Set(['file', 'tag', undefined]));
    // What has a bill of its own has the same shares: 17 and 14 of 20.
    const billed = applications.filter(({ inCloud }) => inCloud);
    expect(billed).toHaveLength(20);
    expect(billed.filter(({ hCode }) => hCode !== undefined)).toHaveLength(17);
    expect(billed.filter(({ sysId }) => sysId !== undefined)).toHaveLength(14);
  });

  test('the clinic is smaller, with the same shares', () => {
    const applications = demoApplications(clinic!, seed);
    expect(applications).toHaveLength(20);
    expect(applications.filter(({ hCode }) => hCode !== undefined)).toHaveLength(17);
    expect(applications.filter(({ sysId }) => sysId !== undefined)).toHaveLength(14);
  });

  test('use has weeks, growth, and ends where the half year does', () => {
    const [controller] = demoDataset(bank!, span).controllers;
    const total = (day: string) =>
      [...controller!.usage(day)!.applications.values()].reduce((sum, { vcpu }) => sum + vcpu, 0);
    expect(controller!.usage('2026-04-30')).toBeUndefined();
    expect(controller!.usage('2026-11-01')).toBeUndefined();
    // A Sunday against the Wednesday after it.
    expect(total('2026-07-12')).toBeLessThan(total('2026-07-15') * 0.97);
    expect(controller!.applications).toHaveLength(20);
  });
});

describe('events', () => {
  const { events, incidents } = demoEvents(bank!, { seed, until: Date.parse(span.until), days: 184 });

  test('are of every category, on all parts of the half year, by time', () => {
    const found = new Set(events.map((event) => classify(event.action, event).category));
    expect([...found].sort()).toEqual([...categories].sort());
    const times = events.map(({ occurred_at }) => occurred_at!);
    expect(times).toEqual([...times].sort());
    expect(new Set(times.map((time) => time.slice(0, 7))).size).toBe(6);
  });

  test('four incidents are planted, and told of', () => {
    expect(incidents.map(({ name, events: count }) => [name, count])).toEqual([
      ['password-spray', 121],
      ['privilege-escalation', 4],
      ['mass-export', 60],
      ['log-tampering', 2],
    ]);
    for (const { from, to } of incidents) {
      expect(events.filter(({ occurred_at }) => occurred_at! >= from && occurred_at! <= to).length).toBeGreaterThan(1);
    }
  });

  test('each has a key of its own, so a second load adds nothing', () => {
    expect(new Set(events.map(({ idempotency_key }) => idempotency_key)).size).toBe(events.length);
  });
});

test('the same seed gives the same demo, another seed another', () => {
  const all = (of: number) =>
    sha256([
      demoApplications(bank!, of),
      demoBills(clinic!, { ...span, seed: of, from: '2026-10-01' }),
      demoEvents(clinic!, { seed: of, until: Date.parse(span.until), days: 30 }),
    ]);
  expect(all(1)).toBe(all(1));
  expect(all(1)).not.toBe(all(2));
});
