/** How far a long command is: a bar on a terminal, a line every few seconds elsewhere. */
import type { Streams } from './print.ts';

export interface ProgressState {
  /** Bytes of the files read so far, as they lie on the disk. */
  readonly bytes: number;
  /** All bytes, when they are known (not for stdin). */
  readonly bytesTotal: number | undefined;
  readonly events: number;
}

const drawEveryMs = 100;
const lineEveryMs = 2000;
const barWidth = 28;

export class Progress {
  readonly #err: Streams['err'];
  readonly #clock: () => number;
  readonly #startedMs: number;
  readonly #what: string;
  #drawnMs = 0;

  /** `what` is counted. */
  constructor(err: Streams['err'], clock: () => number, what = 'events') {
    this.#what = what;
    this.#err = err;
    this.#clock = clock;
    this.#startedMs = clock();
  }

  get seconds(): number {
    return (this.#clock() - this.#startedMs) / 1000;
  }

  /** Draws when it is time to. */
  show(state: ProgressState): void {
    const now = this.#clock();
    if (now - this.#drawnMs < (this.#err.isTTY ? drawEveryMs : lineEveryMs)) return;
    if (this.#drawnMs === 0 && !this.#err.isTTY) {
      // The first line comes after the first interval: a short run needs none.
      this.#drawnMs = now;
      return;
    }
    this.#drawnMs = now;
    this.#draw(state);
  }

  /** The last line, whatever the time; on a terminal it replaces the bar. */
  done(state: ProgressState): void {
    this.#draw(state);
    if (this.#err.isTTY) this.#err.write('\n');
  }

  #draw(state: ProgressState): void {
    const line = progressLine(state, this.seconds, this.#err.isTTY === true, this.#what);
    if (this.#err.isTTY) this.#err.write(`\r\u001b[K${line.slice(0, (this.#err.columns ?? 80) - 1)}`);
    else this.#err.write(`${line}\n`);
  }
}

/** One line of progress: bar, share, events, rate and time left. */
export function progressLine(
  { bytes, bytesTotal, events }: ProgressState,
  seconds: number,
  bar: boolean,
  what = 'events',
): string {
  const rate = seconds > 0 ? Math.round(events / seconds) : 0;
  const counts = `${events.toLocaleString('en')} ${what}  ${rate.toLocaleString('en')}/s`;
  if (!bytesTotal) return `${counts}  ${seconds.toFixed(0)} s`;
  const share = Math.min(1, bytes / bytesTotal);
  const left = share > 0 ? (seconds / share) * (1 - share) : 0;
  const filled = Math.round(share * barWidth);
  const drawn = bar ? `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ` : '';
  const eta = share >= 1 ? '' : `  ETA ${duration(left)}`;
  return `${drawn}${`${Math.floor(share * 100)}`.padStart(3)} %  ${counts}${eta}`;
}

const duration = (seconds: number): string =>
  seconds < 60
    ? `${Math.ceil(seconds)} s`
    : `${Math.floor(seconds / 60)} min ${String(Math.ceil(seconds % 60)).padStart(2, '0')} s`;
