/**
 * What the log says of events that were deleted under a policy, read from where such events lie today.
 *
 * A purge is believed when its line is what the log committed to, and when it is so young that the log does not show it
 * yet: it was told before anything was deleted.
 */
import type { Event } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { type Purge, purgeAction, purgeOf } from '#core/proof/purge.ts';
import { isGood } from '#core/proof/verdict.ts';
import { judgeLine, readEvent } from '#core/proof/verify-event.ts';
import type { Verification } from '#core/proof/verify-ports.ts';
import type { CheckedBundle, CheckedTree } from '#core/proof/verify-tree.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { keyOf, mayContain } from '#core/record/membership.ts';
import { Unavailable } from '#core/record/ports.ts';
import { findLeaf, linesOf } from './find-leaf.ts';

export interface PurgePorts {
  readonly verification: Pick<Verification, 'purgeIds' | 'criticalChunks' | 'partsWithId'>;
  readonly blocks: BlockReader;
  readonly crypto: ProofCrypto;
}

const chunksPerPage = 32;
const key = keyOf('action', purgeAction);

export async function toldPurges(
  ports: PurgePorts,
  tenant: string,
  { tree }: { readonly tree: CheckedTree },
  entries: (from: number, to: number) => Promise<CheckedBundle['entries']>,
): Promise<Purge[]> {
  const purges: Purge[] = [];
  const take = async (line: string, index: number | undefined) => {
    const event = readEvent(line);
    if (event?.action !== purgeAction || event.tenant !== tenant || index === undefined) return;
    if (index < tree.size) {
      const [entry] = await entries(index, index + 1);
      if (!entry || !isGood(judgeLine(ports.crypto, line, entry, { index }))) return;
    }
    const purge = purgeOf(event as Event, index);
    if (purge) purges.push(purge);
  };
  for (const id of await ports.verification.purgeIds(tenant)) {
    const found = await findLeaf({ leaves: ports.verification, blocks: ports.blocks }, tenant, id).catch(unread);
    if (found) await take(found.line, found.index);
  }
  for (let after: Awaited<ReturnType<Verification['criticalChunks']>>[number] | undefined; ; ) {
    const chunks = await ports.verification.criticalChunks(tenant, after, chunksPerPage);
    for (const chunk of chunks) {
      const wanted = [...chunk.blocks.entries()].filter(([, { filter }]) => mayContain(filter, key));
      for (const [number, block] of wanted) {
        const texts = (await ports.blocks.read(chunk, [block]).catch(unread)) ?? [];
        for (const text of texts) {
          for (const [at, line] of linesOf(text).entries()) {
            if (line.includes(purgeAction)) await take(line, chunk.leaves[number]?.[at]);
          }
        }
      }
    }
    after = chunks.at(-1);
    if (chunks.length < chunksPerPage) return purges;
  }
}

/** A purge that cannot be read excuses nothing; why it cannot be read is for the round over the archive to tell. */
function unread(error: unknown): undefined {
  if (error instanceof Unavailable || (error instanceof Problem && error.fault.code === 'unavailable')) throw error;
  return undefined;
}
