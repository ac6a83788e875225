/** How long after its commit a leaf may be missing from what is published, by the tier of its event, in seconds. */
import type { PolicyRegistry } from '#core/access/ports.ts';
import type { Tier } from '#core/event/event.ts';

const defaults = { critical: 60, bulk: 900 };

export async function mergeDelays(
  { policies }: { readonly policies: Pick<PolicyRegistry, 'get'> },
  tenant: string,
): Promise<Readonly<Record<Tier, number>>> {
  const { settings } = await policies.get(tenant);
  return { ...defaults, ...(settings as { mergeDelaySeconds?: Partial<Record<Tier, number>> }).mergeDelaySeconds };
}
