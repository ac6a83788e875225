/** What happens to the database in a run, and who is still at work when it does. */

export interface Mode {
  readonly name: string;
  readonly title: string;
  /** Point-in-time restores: none, with every log frozen before anybody works on, or unnoticed. */
  readonly restores: 'none' | 'procedure' | 'silent';
  /** Workers from before a restore go on after it. */
  readonly survivors: boolean;
  /** Segments stay on S3 whatever happens to the database (A1). */
  readonly archive: boolean;
  /** A recovery waits until no worker from before can be running (A2). */
  readonly drain: boolean;
  /** What must hold: without an assumption of ours, a mode shows what that assumption is good for. */
  readonly promised: boolean;
}

export const modes: readonly Mode[] = [
  {
    name: 'steady',
    title: 'no restore: crashes, outages, duplicates, races',
    restores: 'none',
    survivors: false,
    archive: true,
    drain: true,
    promised: true,
  },
  {
    name: 'procedure',
    title: 'restores by the procedure: workers stopped, logs frozen, then recovered',
    restores: 'procedure',
    survivors: false,
    archive: true,
    drain: true,
    promised: true,
  },
  {
    name: 'silent',
    title: 'silent restores: nobody froze anything, the log must notice',
    restores: 'silent',
    survivors: false,
    archive: true,
    drain: true,
    promised: true,
  },
  {
    name: 'survivors',
    title: 'restores by the procedure, but workers from before go on',
    restores: 'procedure',
    survivors: true,
    archive: true,
    drain: true,
    promised: true,
  },
  {
    name: 'silent-survivors',
    title: 'silent restores, and workers from before go on',
    restores: 'silent',
    survivors: true,
    archive: true,
    drain: true,
    promised: true,
  },
  {
    name: 'undrained',
    title: 'the same, and a recovery waits for nobody (without A2)',
    restores: 'silent',
    survivors: true,
    archive: true,
    drain: false,
    promised: false,
  },
  {
    name: 'no-archive',
    title: 'restores that take the segments with them (without A1)',
    restores: 'procedure',
    survivors: false,
    archive: false,
    drain: true,
    promised: false,
  },
];

/** A mode by its name. Throws RangeError. */
export function modeOf(name: string): Mode {
  const mode = modes.find((one) => one.name === name);
  if (!mode) throw new RangeError(`no mode ${name}: ${modes.map((one) => one.name).join(', ')}`);
  return mode;
}
