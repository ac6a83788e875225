/**
 * Ms that never run backwards and never slower than either of two clocks.
 *
 * A monotonic clock may stand still while an execution environment is frozen, and a wall clock may be set back; what
 * was fresh before a freeze must not be fresh after it. Where both advance, the one that advanced more counts: then
 * something is asked again too early, which is the cheap mistake.
 */
export function steadyClock(monotonic: () => number, wall: () => number): () => number {
  let elapsed = 0;
  let lastMonotonic = monotonic();
  let lastWall = wall();
  return () => {
    const monotonicNow = monotonic();
    const wallNow = wall();
    elapsed += Math.max(monotonicNow - lastMonotonic, wallNow - lastWall, 0);
    lastMonotonic = monotonicNow;
    lastWall = wallNow;
    return elapsed;
  };
}
