/** Who goes on with moves: one that fails holds up no other, and none is begun that there is no time for. */
import { expect, test } from 'vitest';
import type { Mover, MoveStep, MoveTime } from '#core/access/move.ts';
import { moveTenants } from '#functions/access/move-tenants.schedule.ts';

const now = new Date('2026-03-01T12:00:00.000Z');

function moverOf(steps: Readonly<Record<string, MoveStep | Error | undefined>>, takesMs = 0) {
  let ms = now.getTime();
  const told: MoveTime[] = [];
  const mover: Mover = {
    due: async () => Object.keys(steps),
    goOn: async (tenant, time) => {
      told.push(time);
      ms += takesMs;
      const step = steps[tenant];
      if (step instanceof Error) throw step;
      return step;
    },
  };
  const pass = (by: number) => {
    ms += by;
  };
  return { ports: { mover, clock: () => new Date(ms) }, told, pass };
}

test('every move that is due has its turn, whatever becomes of the others', async () => {
  const { ports } = moverOf({ a: new Error('rows differ'), b: 'moved', c: undefined, d: 'copying' });
  expect(await moveTenants(ports, { now })).toEqual({ a: 'failed', b: 'moved', d: 'copying' });
});

test('after five minutes no pause begins, and after thirteen no part of the work', async () => {
  const { ports, told, pass } = moverOf({ a: 'copying' });
  await moveTenants(ports, { now });
  const [time] = told;
  expect([time!.mayPause(), time!.goesOn()]).toEqual([true, true]);
  pass(300_000);
  expect([time!.mayPause(), time!.goesOn()]).toEqual([false, true]);
  pass(480_000);
  expect([time!.mayPause(), time!.goesOn()]).toEqual([false, false]);
});

test('a move that took long leaves the others to the next run', async () => {
  const { ports } = moverOf({ a: 'moved', b: 'moved' }, 400_000);
  expect(await moveTenants(ports, { now })).toEqual({ a: 'moved' });
});
