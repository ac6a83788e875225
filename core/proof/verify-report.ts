/** What was found while many things were verified: everything is counted, and as much is listed as a person reads. */
import { type Judgement, judge, type Reason, type Verdict, verdicts } from './verdict.ts';

/** A list of a million findings helps nobody; the count says how many there are. */
const listedMax = 1_000;

/** The outcome of verifying a log or an export. */
export interface Report {
  /** The worst that was found, or that all is well. */
  readonly judgement: Judgement;
  /** What is wrong, and what is gone for a reason; at most 1,000. */
  readonly findings: readonly Judgement[];
  /** Findings that are not listed. */
  readonly more: number;
  readonly origin?: string;
  readonly size?: number;
  /** Seconds since 1970: a witness saw the checkpoint no later than then. */
  readonly witnessedAt?: number;
  /** Entries that were checked. */
  readonly entries: number;
  /** Events by verdict. */
  readonly events: Readonly<Partial<Record<Verdict, number>>>;
  /** Events that the bundle leaves out because whoever asked may not see them. Its word alone says so. */
  readonly withheld?: number;
}

export class Tally {
  readonly #listed: Judgement[] = [];
  readonly #events = new Map<Verdict, number>();
  readonly #seen = new Set<string>();
  #worst: Judgement | undefined;
  #found = 0;
  entries = 0;

  /** Takes a finding; the same one twice counts once. */
  readonly found = (judgement: Judgement): void => {
    const { path, index, id, size } = judgement.at;
    const name = [judgement.reason, path, index, id, size].join(' ');
    if (this.#seen.has(name)) return;
    // The names of what is not listed any more are not worth their memory.
    if (this.#seen.size < listedMax) this.#seen.add(name);
    this.#found++;
    if (this.#listed.length < listedMax) this.#listed.push(judgement);
    if (!this.#worst || verdicts.indexOf(judgement.verdict) > verdicts.indexOf(this.#worst.verdict)) {
      this.#worst = judgement;
    }
  };

  /** Takes what became of an event; only what is not plainly verified is a finding. */
  event(judgement: Judgement): void {
    this.#events.set(judgement.verdict, (this.#events.get(judgement.verdict) ?? 0) + 1);
    if (judgement.verdict !== 'VERIFIED') this.found(judgement);
  }

  report(
    good: { readonly reason: Reason & 'verified'; readonly why: string },
    about: Partial<Pick<Report, 'origin' | 'size' | 'witnessedAt' | 'withheld'>> = {},
  ): Report {
    return {
      judgement: this.#worst ?? judge(good.reason, good.why, about.size === undefined ? {} : { size: about.size }),
      findings: this.#listed,
      more: this.#found - this.#listed.length,
      entries: this.entries,
      events: Object.fromEntries(this.#events),
      ...about,
    };
  }
}
