/** What the rows of requests and deliveries promise, whatever the code above them does. */
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PrivacyRequest } from '#core/privacy/request.ts';
import { createDeliveries } from '#stores/postgres/deliveries.ts';
import { createPrivacyRequests } from '#stores/postgres/privacy-requests.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let app: Sql;
beforeAll(async () => {
  db = await testDatabase('requests');
  app = db.login('trailkeep_app', 4);
});
afterAll(() => db?.drop());

const now = new Date('2026-03-01T12:00:00Z');
const ref = 'ab'.repeat(16);
const requests = () => createPrivacyRequests(app, contextKey);
const request = (overrides: Partial<PrivacyRequest> = {}): PrivacyRequest => ({
  tenant: tenantA,
  id: uuid7(now.getTime()),
  version: 1,
  type: 'erasure',
  state: 'received',
  subjectRef: ref,
  subjectBox: 'key.box',
  contactBox: 'key.contact',
  openedBy: 'one',
  openedAt: now,
  dueAt: new Date('2026-03-31T12:00:00Z'),
  notes: { options: {}, noticed: [] },
  ...overrides,
});
const verified = { by: 'one', at: now, method: 'in_person' } as const;
const approved = { by: 'two', at: now };

describe('a request', () => {
  test('comes back as it was put, for its tenant alone', async () => {
    const opened = request();
    await requests().open(opened);
    expect(await requests().get(tenantA, opened.id)).toEqual(opened);
    expect(await requests().get(tenantB, opened.id)).toBeUndefined();
    expect(await requests().get(tenantA, 'no uuid')).toBeUndefined();
    const whole = {
      ...opened,
      version: 2,
      state: 'approved' as const,
      verified,
      approved,
      extended: { at: now, reason: 'many' },
      fenceUntil: now,
    };
    expect(await requests().put(whole)).toBe(true);
    expect(await requests().get(tenantA, opened.id)).toEqual(whole);
    expect((await requests().unfinished([tenantA, tenantB], undefined, 10)).map(({ id }) => id)).toContain(opened.id);
    expect(await requests().unfinished([tenantB], undefined, 10)).toEqual([]);
    expect(await requests().list(tenantA, opened.id, 10)).toEqual([]);
  });

  test('is put by one of two who changed the same version', async () => {
    const opened = request();
    await requests().open(opened);
    const puts = ['verified', 'cancelled'].map((state) =>
      requests().put({
        ...opened,
        version: 2,
        state: state as 'verified',
        ...(state === 'cancelled' ? { endedAt: now } : { verified }),
      }),
    );
    expect((await Promise.all(puts)).sort()).toEqual([false, true]);
  });

  test.each([
    ['nobody verified', { state: 'approved', approved }],
    [
      'who opened it approved',
      { state: 'approved', verified: { ...verified, by: 'x' }, approved: { by: 'one', at: now } },
    ],
    ['who verified it approved', { state: 'approved', verified: { ...verified, by: 'two' }, approved }],
    ['nobody approved', { state: 'executing', verified }],
    ['is over and still names its subject', { state: 'completed', verified, approved, endedAt: now }],
    ['is over without a time', { state: 'cancelled' }],
  ] as const)('that %s is refused by the table', async (_name, change) => {
    const opened = request();
    await requests().open(opened);
    await expect(requests().put({ ...opened, version: 2, ...change })).rejects.toMatchObject({ code: '23514' });
  });

  test('that ends an erasure takes the subject from every other row, and marks who must be told', async () => {
    const deliveries = createDeliveries(app, contextKey);
    const mine = 'cd'.repeat(16);
    const earlier = request({ type: 'access', subjectRef: mine });
    const open = request({ type: 'access', subjectRef: mine });
    const erasure = request({ subjectRef: mine });
    const stranger = request({ subjectRef: mine, tenant: tenantB });
    for (const one of [earlier, open, erasure, stranger]) await requests().open(one);
    await requests().put({ ...earlier, version: 2, state: 'cancelled', endedAt: now });
    const delivery = {
      recipient: 'ann',
      kind: 'package',
      reference: 'run',
      deliveredAt: now,
      subjectRef: mine,
    } as const;
    const noted = [tenantA, tenantB].map((tenant) => ({ ...delivery, tenant, id: uuid7(now.getTime()) }));
    await deliveries.note(noted);
    await deliveries.note(noted);
    expect(await deliveries.of(tenantA, mine)).toEqual([noted[0]]);

    const { subjectRef: _gone, ...done } = { ...erasure, version: 2, state: 'completed' as const, verified, approved };
    expect(await requests().put({ ...done, endedAt: now }, mine)).toBe(true);
    expect((await requests().get(tenantA, earlier.id))?.subjectRef).toBeUndefined();
    // It still runs, and finds out by itself.
    expect((await requests().get(tenantA, open.id))?.subjectRef).toBe(mine);
    expect((await requests().get(tenantB, stranger.id))?.subjectRef).toBe(mine);
    expect(await deliveries.of(tenantA, mine)).toEqual([]);
    expect(await deliveries.of(tenantB, mine)).toHaveLength(1);
    const [row] =
      await db.ownerSql`select notice_request, notice_due_at from privacy.delivery where tenant_id = ${tenantA}`;
    expect(row).toEqual({ notice_request: erasure.id, notice_due_at: now });
  });
});
