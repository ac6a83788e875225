/**
 * Tiles: a tenant's log at its origin's path, byte for byte as C2SP tlog-tiles has it, for tools that are not ours.
 *
 * Only the caller's own log is there. What is asked for must be spelled as a log spells it. A partial tile that was
 * removed when the full one came is cut from the full one, so that a checkpoint of any age stays checkable. Looks are
 * not recorded: a tool asks for hundreds of files, and they hold ids, times and digests, no events.
 */
import type { Guard } from '#core/access/guard.ts';
import { Problem } from '#core/event/problem.ts';
import type { LogStore } from '#core/proof/ports.ts';
import type { LeafCatalogue } from '#core/proof/read-ports.ts';
import { parseTilePath } from '#core/proof/tiles.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { openGuard, openLeaves, openLogStore } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { readFile } from './read-file.ts';

export interface TilesPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly leaves: Pick<LeafCatalogue, 'slug'>;
  readonly store: Pick<LogStore, 'get'>;
}

/** What changes: nobody keeps it. */
const texts = new Set(['checkpoint', 'keys.txt', 'policy.txt']);
const archived = /^checkpoint-archive\/\d{20}$/;

export async function tiles(ports: TilesPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'proofs:read', circumstancesOf(request)));
  const { slug = '', path = '' } = request.params;
  if (slug !== (await ports.leaves.slug(caller.tenant))) throw nothing();
  if (texts.has(path) || archived.test(path)) {
    const bytes = await ports.store.get(slug, path);
    if (!bytes) throw nothing();
    return {
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' },
      body: new TextDecoder().decode(bytes),
    };
  }
  const bytes = parseTilePath(path) && (await readFile(ports.store, slug, path));
  if (!bytes) throw nothing();
  return {
    status: 200,
    headers: { 'content-type': 'application/octet-stream', 'cache-control': 'private, max-age=604800, immutable' },
    body: bytes,
  };
}

const nothing = (): Problem => new Problem('not_found', 'There is nothing here.');

export const handler = onHttp(tiles, { guard: openGuard, leaves: openLeaves, store: openLogStore });
