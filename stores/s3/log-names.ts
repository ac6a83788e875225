/** Names inside a log's folder, and what S3 tells readers about each: its type, and how long a copy may be kept. */

const slug = /^[a-z2-7]{26}$/;
/** Parts of letters, digits and `._-`, so that no name climbs out of its folder or is read in two ways. */
const path = /^(?!\.)[A-Za-z0-9._-]+(\/(?!\.)[A-Za-z0-9._-]+)*$/;
const tile = /^tile\/(\d|[1-5]\d|6[0-3]|entries)\/(x\d{3}\/)*\d{3}(\.p\/\d{1,3})?$/;
const archived = /^checkpoint-archive\/\d{20}$/;

export const isLogSlug = (name: string): boolean => slug.test(name);
export const isLogPath = (name: string): boolean => name.length <= 200 && path.test(name);
export const isTilePath = (name: string): boolean => tile.test(name);
export const isArchived = (name: string): boolean => archived.test(name);

export const archiveFolder = 'checkpoint-archive/';

/** `checkpoint-archive/<size, 20 digits>`: names sort as their sizes do. */
export function archivePath(size: number): string {
  if (!Number.isSafeInteger(size) || size < 0) throw new TypeError(`${size} is not the size of a tree`);
  return archiveFolder + String(size).padStart(20, '0');
}

const week = 'max-age=604800, immutable';

/** C2SP tlog-tiles: tiles and bundles are bytes that never change, a checkpoint is a text that does. */
export function headersOf(name: string): { readonly ContentType: string; readonly CacheControl: string } {
  if (isTilePath(name)) return { ContentType: 'application/octet-stream', CacheControl: week };
  const CacheControl = isArchived(name) ? week : 'no-cache';
  return { ContentType: 'text/plain; charset=utf-8', CacheControl };
}
