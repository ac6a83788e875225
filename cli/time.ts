import { UsageError } from './fail.ts';

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** RFC 3339 of what a person writes: `2h` (ago), `now`, a date, a time without its zone (UTC), ms, or RFC 3339. */
export function readTime(given: string, now: Date, flag: string): string {
  if (given === 'now') return now.toISOString();
  const ago = /^(\d{1,9})\s?([smhdw])$/.exec(given);
  if (ago) {
    const then = new Date(now.getTime() - Number(ago[1]) * unitMs[ago[2]!]!);
    if (!Number.isNaN(then.getTime())) return then.toISOString();
  }
  const written = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/i.exec(given);
  if (written) {
    const [, date, minutes = '00:00', seconds = ':00', zone = 'Z'] = written;
    const time = new Date(`${date}T${minutes}${seconds}${zone}`);
    if (!Number.isNaN(time.getTime())) return time.toISOString();
  }
  if (/^\d{12,14}$/.test(given)) return new Date(Number(given)).toISOString();
  throw new UsageError(`--${flag} ${given} is no time; write 2h (ago), 2026-03-01 or 2026-03-01T09:00:00Z.`);
}
