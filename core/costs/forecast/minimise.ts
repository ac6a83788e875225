/** Minima of functions without derivatives. */

/**
 * The minimum of a function of one variable on [low, high]: the best of `parts` + 1 evenly spaced points, then
 * golden-section search (Kiefer 1953) between its neighbours. Finds the lower of several valleys when the grid sees it.
 */
export function minimiseLine(f: (x: number) => number, low: number, high: number, parts = 16, steps = 14): number {
  let best = low;
  let least = Number.POSITIVE_INFINITY;
  const width = (high - low) / parts;
  for (let part = 0; part <= parts; part++) {
    const x = low + part * width;
    const value = f(x);
    if (value < least) {
      least = value;
      best = x;
    }
  }
  const golden = (Math.sqrt(5) - 1) / 2;
  let a = Math.max(low, best - width);
  let b = Math.min(high, best + width);
  let x1 = b - golden * (b - a);
  let x2 = a + golden * (b - a);
  let f1 = f(x1);
  let f2 = f(x2);
  for (let step = 0; step < steps; step++) {
    if (f1 <= f2) {
      [b, x2, f2] = [x2, x1, f1];
      x1 = b - golden * (b - a);
      f1 = f(x1);
    } else {
      [a, x1, f1] = [x1, x2, f2];
      x2 = a + golden * (b - a);
      f2 = f(x2);
    }
  }
  const found = f1 <= f2 ? x1 : x2;
  return Math.min(f1, f2) <= least ? found : best;
}

export interface SimplexOptions {
  /** The simplex's first size along each axis. */
  readonly sizes: readonly number[];
  readonly evaluationsMax: number;
  /** Stops when worst and best differ by less than this share of the best. */
  readonly tolerance?: number;
}

/**
 * A minimum near `start` by the simplex of Nelder & Mead (1965, Computer Journal 7). `f` answers Infinity outside its
 * bounds. Not necessarily the lowest one.
 */
export function minimiseSimplex(
  f: (x: Float64Array) => number,
  start: readonly number[],
  { sizes, evaluationsMax, tolerance = 1e-6 }: SimplexOptions,
): Float64Array {
  const d = start.length;
  const points = Array.from({ length: d + 1 }, (_, i) =>
    Float64Array.from(start, (x, axis) => (axis === i - 1 ? x + sizes[axis]! : x)),
  );
  const values = points.map(f);
  let evaluations = d + 1;
  const centre = new Float64Array(d);
  const along = (by: number, from: Float64Array) => Float64Array.from(centre, (c, axis) => c + by * (from[axis]! - c));
  const order = () => {
    // Insertion sort: the simplex is small and almost in order.
    for (let i = 1; i <= d; i++) {
      for (let j = i; j > 0 && values[j]! < values[j - 1]!; j--) {
        [values[j], values[j - 1]] = [values[j - 1]!, values[j]!];
        [points[j], points[j - 1]] = [points[j - 1]!, points[j]!];
      }
    }
  };
  order();
  while (evaluations < evaluationsMax) {
    if (values[d]! - values[0]! <= tolerance * (Math.abs(values[0]!) + 1e-12)) break;
    centre.fill(0);
    for (let i = 0; i < d; i++) for (let axis = 0; axis < d; axis++) centre[axis]! += points[i]![axis]! / d;
    const worst = points[d]!;
    const reflected = along(-1, worst);
    const fReflected = f(reflected);
    evaluations++;
    let [next, fNext] = [reflected, fReflected];
    if (fReflected < values[0]!) {
      const expanded = along(-2, worst);
      const fExpanded = f(expanded);
      evaluations++;
      if (fExpanded < fReflected) [next, fNext] = [expanded, fExpanded];
    } else if (fReflected >= values[d - 1]!) {
      const contracted = fReflected < values[d]! ? along(-0.5, worst) : along(0.5, worst);
      const fContracted = f(contracted);
      evaluations++;
      if (fContracted < Math.min(fReflected, values[d]!)) [next, fNext] = [contracted, fContracted];
      else {
        for (let i = 1; i <= d; i++) {
          for (let axis = 0; axis < d; axis++) {
            points[i]![axis] = points[0]![axis]! + 0.5 * (points[i]![axis]! - points[0]![axis]!);
          }
          values[i] = f(points[i]!);
        }
        evaluations += d;
        order();
        continue;
      }
    }
    points[d] = next;
    values[d] = fNext;
    order();
  }
  return points[0]!;
}
