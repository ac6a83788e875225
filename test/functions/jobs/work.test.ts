/** What the kinds do with a part: the question that goes out, the answer that comes back, and what the run then says. */
import { describe, expect, test } from 'vitest';
import type { EventInput, JsonObject } from '#core/event/event.ts';
import type { EventExport, EventExports } from '#core/export/ports.ts';
import { configFault } from '#core/jobs/config.ts';
import type { Outcome, Task } from '#core/jobs/run.ts';
import type { VerifyQuestion } from '#core/proof/verify-ports.ts';
import { type ExportEventsPorts, exportEvents } from '#functions/jobs/export-events.ts';
import { lookAfterRetention } from '#functions/jobs/look-after-retention.ts';
import { verifyTrail } from '#functions/jobs/verify-trail.ts';
import { dueAt, taskOf } from './task.ts';

const clock = () => new Date('2026-03-15T06:00:05Z');

describe('export', () => {
  const world = () => {
    const opened = new Map<string, EventExport>();
    const seen = { events: [] as EventInput[], messages: [] as string[], plan: '' };
    const ports = {
      exports: {
        get: async (_tenant: string, id: string) => opened.get(id),
        open: async (one: Parameters<EventExports['open']>[0]) => {
          const made = { ...one, state: 'asked' as const, parts: 0, events: 0, bytes: 0, advancedAt: one.askedAt };
          opened.set(one.id, { ...made, unread: [] });
        },
      },
      exportQueue: {
        send: async (some: readonly { body: string }[]) => void seen.messages.push(...some.map((m) => m.body)),
      },
      subjectKeys: { tenant: async () => ({ own: { cipher: 'key' } }) },
      cipher: {
        seal: (_key: unknown, text: string, context: string) => {
          seen.plan = text;
          return `sealed for ${context}`;
        },
      },
      recorder: { record: async (_tenant: string, events: readonly EventInput[]) => void seen.events.push(...events) },
      clock,
    } as unknown as ExportEventsPorts;
    return { ports, opened, seen };
  };
  const config = { last_days: 7, format: 'csv', filter: { category: ['critical'] } };

  test('asks for the masked view of a window, in the name of the job and its maker', async () => {
    const { ports, opened, seen } = world();
    const task = taskOf({ config });
    expect(await exportEvents(ports, task)).toEqual({
      ...{ is: 'more', position: { looks: 1 } },
      at: new Date('2026-03-15T06:00:10Z'),
    });
    const later = await exportEvents(ports, { ...task, position: { looks: 9 } });
    expect(later).toMatchObject({ position: { looks: 10 }, at: new Date('2026-03-15T06:05:05Z') });
    expect(opened.get(task.run)).toMatchObject({
      ...{ format: 'csv', askedBy: 'user:ann', askedAt: clock() },
      asked: {
        filter: { category: ['critical'], from: '2026-03-08T06:00:00.000Z', to: '2026-03-15T06:00:00.000Z' },
      },
    });
    const { views } = JSON.parse(seen.plan) as { views: Record<string, Record<string, string>> };
    expect(Object.keys(views)).toHaveLength(30);
    for (const { what, ...personal } of Object.values(views)) {
      expect([what, ...new Set(Object.values(personal))]).toEqual(['clear', 'masked']);
    }
    expect(seen.messages.map((body) => JSON.parse(body))).toEqual([{ v: 1, tenant: task.tenant, id: task.run }]);
    expect(seen.events).toMatchObject([
      { action: 'export.requested', operation_id: task.run, metadata: { asked_by: 'user:ann', format: 'csv' } },
    ]);
  });

  test('opens one, however often it is called, and says how large it became', async () => {
    const { ports, opened, seen } = world();
    const task = taskOf({ config });
    await exportEvents(ports, task);
    expect(await exportEvents(ports, task)).toMatchObject({ is: 'more' });
    expect(seen.events).toHaveLength(1);
    opened.set(task.run, { ...opened.get(task.run)!, state: 'ready', events: 12, bytes: 900, parts: 1 });
    expect(await exportEvents(ports, task)).toEqual({
      ...{ is: 'done', rows: { read: 12, written: 12, rejected: 0 } },
      result: { export: task.run, events: 12, bytes: 900, parts: 1 },
    });
    opened.set(task.run, { ...opened.get(task.run)!, state: 'failed', problem: 'export_incomplete' });
    await expect(exportEvents(ports, task)).rejects.toMatchObject({ code: 'export_incomplete', again: false });
  });

  test('takes no question that names a person', () => {
    for (const name of ['actor', 'actor_email', 'subject', 'target', 'ip', 'text']) {
      expect(configFault('export', { filter: { [name]: ['ann'] } })).toMatchObject({ pointer: '/config/filter' });
    }
  });
});

describe('verify', () => {
  /** Answers each question with the shares of its round, two to a round. */
  async function verified(config: JsonObject, findings = 0) {
    const questions: VerifyQuestion[] = [];
    const send = async (some: readonly { body: string }[]) =>
      void questions.push(...some.map(({ body }) => JSON.parse(body) as VerifyQuestion));
    const ports = { verifyQueue: { send }, clock };
    let task: Task = taskOf({ kind: 'verify', config });
    for (;;) {
      const outcome: Outcome = await verifyTrail(ports, task);
      if (outcome.is !== 'away') return { outcome, questions };
      const { round, share } = questions.at(-1)!;
      const answer = { round, checked: 10, findings, ...(share === undefined ? { position: 'half' } : {}) };
      task = { ...task, lease: task.lease + 1, position: outcome.position!, answer };
    }
  }

  test('asks for one share after the other, and adds up', async () => {
    const { outcome, questions } = await verified({});
    expect(questions.map(({ round, share, checked, asked }) => [round, share, checked, asked])).toEqual([
      ['rows', undefined, 0, 1],
      ['rows', 'half', 10, 2],
      ['segments', undefined, 0, 3],
      ['segments', 'half', 10, 4],
      ['archive', undefined, 0, 5],
      ['archive', 'half', 10, 6],
    ]);
    expect(new Set(questions.map(({ startedAt }) => startedAt)).size).toBe(1);
    expect(outcome).toEqual({
      ...{ is: 'done', rows: { read: 60, written: 0, rejected: 0 } },
      result: { checked: { rows: 20, segments: 20, archive: 20 }, findings: 0 },
    });
  });

  test('fails when something is not what the log committed to', async () => {
    await expect(verified({ rounds: ['rows'] }, 1)).rejects.toMatchObject({
      code: 'verification_failed',
      again: false,
    });
  });

  test('asks for the same share again when no answer came', async () => {
    const questions: VerifyQuestion[] = [];
    const send = async (some: readonly { body: string }[]) =>
      void questions.push(...some.map(({ body }) => JSON.parse(body) as VerifyQuestion));
    const position = {
      startedAt: dueAt.toISOString(),
      left: ['rows'],
      share: 'half',
      checked: { rows: 10 },
      findings: 0,
    };
    await verifyTrail({ verifyQueue: { send }, clock }, taskOf({ kind: 'verify', position }));
    expect(questions).toMatchObject([{ round: 'rows', share: 'half', checked: 10 }]);
  });
});

test('retention asks for compaction and counts what is past its end, by the approved policy', async () => {
  const sent: string[] = [];
  const task = taskOf({ kind: 'retention' });
  const asked: unknown[] = [];
  const ages = [
    { overdue: 2, held: 1, oldestOverdue: Date.parse('2025-01-02') },
    { overdue: 1, held: 0, oldestOverdue: Date.parse('2024-12-31') },
  ];
  const outcome = await lookAfterRetention(
    {
      compactQueue: { send: async (some) => void sent.push(...some.map(({ body }) => body)) },
      retention: { current: async () => ({ approved: undefined, waiting: undefined }) as never },
      retained: {
        ages: async (_tenant, ends) => {
          asked.push(ends);
          return ages as never;
        },
      },
      clock,
    },
    task,
  );
  expect(sent).toEqual([JSON.stringify({ tenant: task.tenant })]);
  expect(asked).toEqual([{}]);
  expect(outcome).toEqual({
    is: 'done',
    result: {
      ...{ policy_version: 0, purging: false, overdue_files: 3, held_files: 1 },
      oldest_overdue: '2024-12-31T00:00:00.000Z',
    },
  });
});
