/**
 * The airline model, SARIMA(0,1,1)(0,1,1)m on logarithms (Box & Jenkins 1970, series G), by the WebAssembly of `arima`.
 *
 * The order is fixed. The package's own search for an order is far off (sMAPE 22 on M3 monthly where this takes 14.6).
 */
import { createRequire } from 'node:module';
import { onLogarithms } from '#core/costs/forecast/logarithm.ts';
import type { Member } from '#core/costs/forecast/member.ts';

interface Arima {
  train(values: readonly number[]): void;
  /** Forecasts and their errors. */
  predict(horizon: number): [number[], number[]];
  destroy(): void;
}
type ArimaClass = new (options: Readonly<Record<string, number | boolean>>) => Arima;

/** The state of a longer season costs more than it brings: MSTL has those. */
const periodMax = 24;

/** Loads the WebAssembly once; later calls of the member are synchronous. */
export function openAirline(): Member {
  const ARIMA = loadSilently();
  return {
    name: 'airline',
    forecast(values, horizon, seasons) {
      const period = seasons[0] ?? 1;
      if (period < 2 || period > periodMax || values.length < 3 * period + 2) return undefined;
      return onLogarithms(values, (logs) => {
        const model = new ARIMA({ p: 0, d: 1, q: 1, P: 0, D: 1, Q: 1, s: period, verbose: false });
        try {
          model.train(logs);
          return model.predict(horizon)[0];
        } finally {
          // Its memory is not the garbage collector's.
          model.destroy();
        }
      });
    },
  };
}

/** The module keeps the console's functions that it finds while it loads, and warns on them ever after. */
function loadSilently(): ArimaClass {
  const { log, error } = console;
  console.log = () => undefined;
  console.error = () => undefined;
  try {
    return createRequire(import.meta.url)('arima');
  } finally {
    Object.assign(console, { log, error });
  }
}
