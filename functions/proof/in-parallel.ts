/** Runs `work` over all items, `width` at a time, in their order. The first that rejects stops the rest from starting. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const item = items[next++]!;
      try {
        await work(item);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  // All lanes have ended when this returns: nothing of it is still being written by then.
  const ended = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, lane));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}
