/**
 * MSTL on logarithms (Bandara, Hyndman & Bergmeir 2021, "MSTL: a seasonal-trend decomposition algorithm for time series
 * with multiple seasonal patterns"), with exponential smoothing of what remains, by the WebAssembly of `@bsull/augurs`.
 *
 * Never on the raw scale: costs that grow made it three times as wrong there.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { onLogarithms } from '#core/costs/forecast/logarithm.ts';
import type { Member } from '#core/costs/forecast/member.ts';

/** Loads the WebAssembly once; calls of the member are synchronous. */
export async function openMstl(): Promise<Member> {
  const { initSync, MSTL } = await import('@bsull/augurs/mstl');
  const code = createRequire(import.meta.url).resolve('@bsull/augurs/mstl');
  initSync({ module: readFileSync(code.replace(/\.js$/, '_bg.wasm')) });
  return {
    name: 'mstl',
    forecast(values, horizon, seasons) {
      const known = seasons.filter((period) => values.length >= 2 * period + 2);
      if (known.length === 0) return undefined;
      return onLogarithms(values, (logs) => {
        const model = MSTL.ets(known);
        try {
          model.fit(Float64Array.from(logs));
          return model.predict(horizon).point;
        } catch {
          // It throws text when its smoothing finds no model: the others go on.
          return [Number.NaN];
        } finally {
          model.free();
        }
      });
    },
  };
}
