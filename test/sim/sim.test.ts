/** The simulation in every test run: seeds that once failed, then a share of those that never did. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { forbidChance } from './forbid.ts';
import { modeOf } from './modes.ts';
import { removals } from './removals.ts';
import { compiledOnce } from './shares.ts';
import { simulate } from './simulate.ts';

const seeds = '1..300';

test('the same seed gives the same run, to the last step', async () => {
  for (const mode of ['steady', 'silent']) {
    const [first, second] = [await simulate(7, modeOf(mode)), await simulate(7, modeOf(mode))];
    expect(second).toEqual(first);
    expect(first.steps).toBeGreaterThan(1000);
    expect((await simulate(8, modeOf(mode))).trace).not.toBe(first.trace);
  }
});

test(`seeds ${seeds} and all that ever failed hold`, { timeout: 600_000 }, () => {
  const file = new URL('run.ts', import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, '--seeds', seeds], {
    encoding: 'utf8',
    env: compiledOnce,
  });
  expect(stdout + stderr).not.toContain('FAILED');
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/silent +\d+ runs, \d+ faults/);
});

test('without its protections the simulation fails', { timeout: 300_000 }, () => {
  const file = new URL('run.ts', import.meta.url).pathname;
  // The quickest to be noticed; the report takes all of them away.
  for (const [name, mode, some] of [
    ['nothing-known', 'silent', '1..4'],
    ['archive-first', 'steady', '1..2'],
    ['own-signature', 'steady', '1..8'],
  ] as const) {
    const args = [file, '--seeds', some, '--mode', mode, '--without', name];
    expect(spawnSync(process.execPath, args, { encoding: 'utf8', env: compiledOnce }).stdout, name).toContain('FAILED');
  }
  expect(removals.length).toBeGreaterThan(20);
});

test('what no seed decides fails aloud', () => {
  const { stdout } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `
    import { forbidChance } from '${new URL('forbid.ts', import.meta.url).href}';
    forbidChance();
    for (const [name, ask] of Object.entries({
      now: () => Date.now(), date: () => new Date(), chance: () => Math.random(), timer: () => setTimeout(() => {}, 1),
    })) try { ask(); process.stdout.write(name + ' '); } catch {}
    process.stdout.write('done ' + new Date(5).getTime());`,
    ],
    { encoding: 'utf8' },
  );
  expect(stdout).toBe('done 5');
  expect(forbidChance).toBeTypeOf('function');
});
