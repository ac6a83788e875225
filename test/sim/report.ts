/** Writes RELIABILITY.md from a run. */

export async function report(_seeds: readonly number[], _options: { readonly jobs?: number }): Promise<void> {
  throw new Error('written next');
}
