/** Seeds that once failed: kept for ever, and run first. One a line: mode, seed, and what it showed. */
import { appendFileSync, readFileSync } from 'node:fs';
import { type Mode, modeOf } from './modes.ts';

const file = new URL('../seeds.txt', import.meta.url);

export interface KeptSeed {
  readonly mode: Mode;
  readonly seed: number;
}

/** What test/seeds.txt holds. */
export function keptSeeds(): readonly KeptSeed[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [mode = '', seed = ''] = line.split(' ');
      return { mode: modeOf(mode), seed: Number(seed) };
    });
}

/** Adds a seed that is not kept yet. */
export function keepSeed(mode: string, seed: number, why: string): void {
  if (keptSeeds().some((kept) => kept.mode.name === mode && kept.seed === seed)) return;
  appendFileSync(file, `${mode} ${seed} ${why.replaceAll(/\s+/g, ' ').slice(0, 120)}\n`);
}
