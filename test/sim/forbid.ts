/** Makes whatever no seed decides fail aloud: the clock, chance, and timers of the machine. */

const forbidden = (what: string) => () => {
  throw new Error(`${what} in a simulated run: no seed decides over it`);
};

/** From here on the process has no time and no chance of its own. */
class SimulatedDate extends Date {
  constructor(...args: [] | ConstructorParameters<typeof Date>) {
    if (args.length === 0) forbidden('new Date()')();
    super(...(args as ConstructorParameters<typeof Date>));
  }
}

/** From here on the process has no time and no chance of its own. */
export function forbidChance(): void {
  SimulatedDate.now = forbidden('Date.now()');
  Math.random = forbidden('Math.random()');
  const timers = { setTimeout: forbidden('setTimeout'), setInterval: forbidden('setInterval') };
  Object.assign(globalThis, { Date: SimulatedDate, ...timers });
}
