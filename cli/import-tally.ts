/** What an import did, counted. */
import type { BatchReceipt } from '#client/answers.ts';
import type { EventInput, Tier } from '#core/event/event.ts';
import { plain } from './print.ts';

/** So many refused events of a code are shown with their place. */
const shownMax = 3;

interface Refused {
  count: number;
  readonly shown: { readonly place: string; readonly detail: string }[];
}

export class Tally {
  /** Lines, rows or records. */
  read = 0;
  readonly #tiers: Record<Tier, number> = { critical: 0, bulk: 0 };
  readonly #refused = new Map<string, Refused>();
  readonly #actions = new Map<string, number>();
  readonly #strange: string[] = [];
  #unrecognised = 0;
  #sample: EventInput | undefined;
  readonly #manyFiles: boolean;

  constructor(manyFiles: boolean) {
    this.#manyFiles = manyFiles;
  }

  get accepted(): number {
    return this.#tiers.critical + this.#tiers.bulk;
  }

  /** Events of which the fate is known. */
  get settled(): number {
    return this.accepted + [...this.#refused.values()].reduce((sum, { count }) => sum + count, 0);
  }

  unrecognise(line: string, place: string): void {
    this.#unrecognised += 1;
    if (this.#strange.length < shownMax) this.#strange.push(`${place}: ${plain(line).slice(0, 100)}`);
  }

  refuse(code: string, detail: string, place: string): void {
    const refused = this.#refused.get(code) ?? { count: 0, shown: [] };
    refused.count += 1;
    if (refused.shown.length < shownMax) refused.shown.push({ place, detail });
    this.#refused.set(code, refused);
  }

  answered({ items }: BatchReceipt, places: readonly string[]): void {
    for (const item of items) {
      if (item.status === 'accepted') this.#tiers[item.tier] += 1;
      else this.refuse(item.code, item.detail, places[item.index] ?? '?');
    }
  }

  wouldSend(event: EventInput, tier: Tier): void {
    this.#tiers[tier] += 1;
    this.#actions.set(event.action, (this.#actions.get(event.action) ?? 0) + 1);
    this.#sample ??= event;
  }

  /** The end of the story, for people and for programs. */
  summary(seconds: number, dry: boolean): { readonly text: string; readonly json: Record<string, unknown> } {
    const rate = seconds > 0 ? Math.round(this.accepted / seconds) : 0;
    const refused = [...this.#refused].sort(([, a], [, b]) => b.count - a.count);
    const lines = [
      `read          ${count(this.read)}`,
      `${dry ? 'would accept' : 'accepted    '}  ${count(this.accepted)} (critical ${count(this.#tiers.critical)}, bulk ${count(this.#tiers.bulk)})`,
      `refused       ${count(this.settled - this.accepted)}`,
      ...refused.flatMap(([code, { count: many, shown }]) => [
        `  ${code}  ${count(many)}  https://trailkeep.dev/errors/${code}`,
        ...shown.map(({ place, detail }) => `    ${place}  ${plain(detail)}`),
      ]),
      `unrecognised  ${count(this.#unrecognised)}${this.#unrecognised > 0 ? ' (--unrecognised raw keeps them)' : ''}`,
      ...this.#strange.map((line) => `    ${line}`),
    ];
    if (dry) {
      const top = [...this.#actions].sort(([, a], [, b]) => b - a).slice(0, 10);
      lines.push('actions', ...top.map(([action, many]) => `  ${count(many).padStart(8)}  ${action}`));
      if (this.#sample)
        lines.push(`the first event${this.#manyFiles ? ' of all' : ''}`, JSON.stringify(this.#sample, null, 2));
      lines.push('Nothing was sent.');
    } else {
      lines.push(`time          ${seconds.toFixed(1)} s, ${count(rate)} events/s`);
    }
    return {
      text: `${lines.join('\n')}\n`,
      json: {
        read: this.read,
        accepted: this.accepted,
        tiers: this.#tiers,
        refused: Object.fromEntries(refused.map(([code, { count: many }]) => [code, many])),
        unrecognised: this.#unrecognised,
        seconds: Number(seconds.toFixed(3)),
        events_per_second: rate,
        dry_run: dry,
      },
    };
  }
}

const count = (value: number): string => value.toLocaleString('en');
