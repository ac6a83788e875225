/** What the pages of an answer could not read, for a person: once each, however many pages named it. */
import type { EventPage } from '#client/answers.ts';
import type { ArchivedDay, DamagedBlock } from '#core/query/gaps.ts';

/** More lines than this scroll away what was found. */
const linesMax = 12;

/** `1.5 MB`: powers of a thousand, as bills have them. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

export class PageGaps {
  readonly #missing = new Set<string>();
  readonly #archived = new Map<string, ArchivedDay>();
  readonly #damaged = new Map<string, DamagedBlock>();

  get some(): boolean {
    return this.#missing.size + this.#archived.size + this.#damaged.size > 0;
  }

  add({ missing = [], archived = [], damaged = [] }: EventPage): void {
    for (const key of missing) this.#missing.add(key);
    for (const one of archived) {
      const name = `${one.day ?? one.month} ${one.category}`;
      const before = this.#archived.get(name);
      const [events, bytes] = [one.events + (before?.events ?? 0), one.bytes + (before?.bytes ?? 0)];
      this.#archived.set(name, { ...one, events, bytes });
    }
    for (const one of damaged) this.#damaged.set(`${one.file} ${one.bytes}`, one);
  }

  /** Lines for standard error, or nothing. */
  text(): string {
    return [
      section('These objects are gone, and their events are missing above:', [...this.#missing]),
      section(
        'Archived, and not shown above. See what it takes to bring them back: trailkeep help archive',
        [...this.#archived].map(([name, { events, bytes }]) => `${name}: up to ${events} events, ${bytesText(bytes)}`),
      ),
      section(
        'Damaged, and not shown above. Tell your operator:',
        [...this.#damaged.values()].map(({ file, block, bytes }) => `${file}: block ${block}, bytes ${bytes}`),
      ),
    ].join('');
  }
}

function section(head: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const shown = lines.slice(0, linesMax).map((line) => `  ${line}\n`);
  const more = lines.length > linesMax ? `  and ${lines.length - linesMax} more\n` : '';
  return `${head}\n${shown.join('')}${more}`;
}
