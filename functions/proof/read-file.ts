/** A file of the log; a partial tile that went when the full one came is cut from it, so that trees of any age stay whole. */
import type { LogStore } from '#core/proof/ports.ts';
import { decodeBundle, encodeBundle, entriesPath, parseTilePath, tilePath, tileWidth } from '#core/proof/tiles.ts';
import { hashBytes } from '#core/proof/tree.ts';

/** Undefined when there is none. */
export async function readFile(
  store: Pick<LogStore, 'get'>,
  slug: string,
  path: string,
): Promise<Uint8Array | undefined> {
  const bytes = await store.get(slug, path);
  const place = parseTilePath(path);
  if (bytes || !place || place.width === tileWidth) return bytes;
  const { level, n, width } = place;
  const full = await store.get(slug, level === 'entries' ? entriesPath(n) : tilePath(level, n));
  if (!full) return undefined;
  return level === 'entries' ? encodeBundle(decodeBundle(full).slice(0, width)) : full.slice(0, width * hashBytes);
}
