/** Which of the files that are old enough for Deep Archive are there, and cannot be read now. */
import type { ArchiveObjects } from '#core/archive/ports.ts';
import type { ColdFile } from '#core/query/athena-ports.ts';
import { type ArchivedDay, dayOfKey } from '#core/query/gaps.ts';

/** Looks at S3 for one question. More files than that are taken for archived without a look, which errs on the safe side. */
const looksMax = 1000;
const looksAtOnce = 24;

/** Days (or months) and categories that must be restored first, newest first. */
export async function archivedOf(
  objects: Pick<ArchiveObjects, 'state'>,
  cold: readonly ColdFile[],
  now: Date,
): Promise<readonly ArchivedDay[]> {
  const archived: ColdFile[] = [...cold.slice(looksMax)];
  const queue = cold.slice(0, looksMax);
  const lane = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const state = await objects.state(file.key);
      // A file that is gone was merged meanwhile: others hold its events.
      const copy = state?.restore;
      const readable = copy?.ongoing === false && copy.until !== undefined && copy.until > now;
      if (state?.storageClass === 'DEEP_ARCHIVE' && !readable) archived.push(file);
    }
  };
  await Promise.all(Array.from({ length: Math.min(looksAtOnce, queue.length) }, lane));
  const places = new Map<string, ArchivedDay>();
  for (const { key, events, bytes } of archived) {
    const place = dayOfKey(key);
    if (!place) throw new Error(`${key} is not the key of an archive file`);
    const name = `${place.day ?? place.month}/${place.category}`;
    const before = places.get(name);
    places.set(name, { ...place, events: events + (before?.events ?? 0), bytes: bytes + (before?.bytes ?? 0) });
  }
  return [...places.keys()]
    .sort()
    .reverse()
    .map((name) => places.get(name)!);
}
