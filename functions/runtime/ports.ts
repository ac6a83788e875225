/** How each port of a verb is opened. */
export type Openers<Ports> = { readonly [K in keyof Ports]: () => Ports[K] | Promise<Ports[K]> };

/**
 * Opens the ports on the first call and keeps them for the life of the execution environment.
 * An opening that fails is tried again by the next call, so a cold start during an outage heals.
 */
export function openOnce<Ports>(openers: Openers<Ports>): () => Promise<Ports> {
  let opening: Promise<Ports> | undefined;
  return () => {
    opening ??= openAll(openers).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
}

async function openAll<Ports>(openers: Openers<Ports>): Promise<Ports> {
  const names = Object.keys(openers) as (keyof Ports)[];
  const opened = await Promise.all(names.map(async (name) => [name, await openers[name]()] as const));
  return Object.fromEntries(opened) as Ports;
}
