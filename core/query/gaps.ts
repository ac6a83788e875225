/** What an answer could not read: nothing is left out without a word. */
import { Archived } from '../archive/ports.ts';
import { Problem } from '../event/problem.ts';
import { Missing } from '../record/ports.ts';
import type { Block, Part } from '../record/segment.ts';
import { Damaged } from './ports.ts';

/** Events of a day (or a month) and category that must be restored before they can be read. */
export interface ArchivedDay {
  /** `2026-03-01`; `month` is `2026-03` where days are too small to stand alone. */
  readonly day?: string;
  readonly month?: string;
  readonly category: string;
  /** Events that may be asked for, and compressed bytes of the blocks they are in. */
  readonly events: number;
  readonly bytes: number;
}

/** A block that is not what was written. */
export interface DamagedBlock {
  /** Key of the object. */
  readonly file: string;
  /** From 0; of a segment, among the tenant's own. */
  readonly block: number;
  /** First and last byte in the object. */
  readonly bytes: string;
}

const placePattern =
  /^audit-logs(?:-monthly)?\/(?:dt=(\d{4}-\d\d-\d\d)|month=(\d{4}-\d\d))\/tenant=[^/]+\/category=([^/]+)\//;

/** The day or month and the category that an archive file's key names. */
export function dayOfKey(key: string): Pick<ArchivedDay, 'day' | 'month' | 'category'> | undefined {
  const [, day, month, category] = placePattern.exec(key) ?? [];
  if (category === undefined) return undefined;
  return day === undefined ? { month: month!, category } : { day, category };
}

/** Gathers what is missing, archived and damaged while an answer is made. */
export class Gaps {
  readonly #missing = new Set<string>();
  readonly #archived = new Map<string, ArchivedDay>();
  readonly #damaged = new Map<string, DamagedBlock>();
  /** Keys of objects that are archived: they are not asked for again. */
  readonly archivedKeys = new Set<string>();

  get none(): boolean {
    return this.#missing.size + this.#archived.size + this.#damaged.size === 0;
  }

  /** Keys of objects that the catalogue names and S3 does not have. */
  get missing(): readonly string[] {
    return [...this.#missing].sort();
  }

  /** Newest first. */
  get archived(): readonly ArchivedDay[] {
    return [...this.#archived.keys()]
      .sort()
      .reverse()
      .map((key) => this.#archived.get(key)!);
  }

  get damaged(): readonly DamagedBlock[] {
    return [...this.#damaged.keys()].sort().map((key) => this.#damaged.get(key)!);
  }

  addMissing(key: string): void {
    this.#missing.add(key);
  }

  addArchived({ key, minTime }: Pick<Part, 'key' | 'minTime'>, blocks: readonly Block[]): void {
    this.archivedKeys.add(key);
    const place = dayOfKey(key) ?? { day: new Date(minTime).toISOString().slice(0, 10), category: '' };
    const name = `${place.day ?? place.month}/${place.category}`;
    const before = this.#archived.get(name);
    this.#archived.set(name, {
      ...place,
      events: blocks.reduce((sum, { events }) => sum + events, before?.events ?? 0),
      bytes: blocks.reduce((sum, { bytes }) => sum + bytes, before?.bytes ?? 0),
    });
  }

  /** `first` is the number of the part's first block in its object. */
  addDamaged(part: Pick<Part, 'key' | 'blocks'>, block: Block, first: number): void {
    const { offset, bytes } = block;
    const at = part.blocks.findIndex((one) => one.offset === offset);
    this.#damaged.set(`${part.key}/${String(offset).padStart(12, '0')}`, {
      file: part.key,
      block: first + at,
      bytes: `${offset}-${offset + bytes - 1}`,
    });
  }

  /** Takes what reading a part failed with; false when that is no gap. `first` as for `addDamaged`. */
  take(error: unknown, part: Part, blocks: readonly Block[], first: number): boolean {
    if (error instanceof Missing) this.addMissing(part.key);
    else if (error instanceof Archived) this.addArchived(part, blocks);
    else if (error instanceof Damaged) for (const block of blocks) this.addDamaged(part, block, first);
    else return false;
    return true;
  }
}

/** The members of an answer, or of a problem, that name what is left out. */
export const gapsBody = ({ missing, archived, damaged }: Gaps): Record<string, unknown> => ({
  ...(missing.length === 0 ? {} : { missing }),
  ...(archived.length === 0 ? {} : { archived }),
  ...(damaged.length === 0 ? {} : { damaged }),
});

/** The problem of one event that may be where nobody can read it now. */
export function unreadable(gaps: Gaps): Problem {
  if (gaps.archived.length > 0) {
    const detail = 'The event may be in the archive. POST /v1/archive/restores brings it back.';
    return new Problem('archived', detail, { extensions: gapsBody(gaps) });
  }
  if (gaps.damaged.length > 0) {
    const detail = 'The event may be in a stored block that is not what was written.';
    return new Problem('stored_damaged', detail, { extensions: gapsBody(gaps) });
  }
  return new Problem('unavailable', 'A file that may hold this event cannot be read now.', { retryAfterSeconds: 60 });
}
