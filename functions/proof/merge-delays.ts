/** How long after its commit a leaf may be missing from what is published, by the tier of its event, in seconds. */
import type { PolicyRegistry } from '#core/access/ports.ts';
import type { Tier } from '#core/event/event.ts';
import { mergeDelaysOf } from '#core/proof/seal-due.ts';

export async function mergeDelays(
  { policies }: { readonly policies: Pick<PolicyRegistry, 'get'> },
  tenant: string,
): Promise<Readonly<Record<Tier, number>>> {
  return mergeDelaysOf((await policies.get(tenant)).settings);
}
