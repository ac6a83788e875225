/** Amounts as bars of a terminal: each currency by its own scale, because amounts of two are never compared. */
import { plain } from './print.ts';

export interface Bar {
  readonly label: readonly string[];
  readonly currency: string;
  /** A decimal as text. */
  readonly amount: string;
}

const widthUsual = 80;
const barMin = 10;
const labelMax = 32;
const cut = (text: string, width: number) => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);

/** A line for each, in their order. A credit has a bar of `-`. Bars are drawn, not computed with: doubles will do. */
export function costBars(bars: readonly Bar[], width = widthUsual): string {
  const labels = bars.map(({ label }) => cut(plain(label.join(' · ')), labelMax));
  const labelWidth = Math.max(0, ...labels.map((label) => label.length));
  const amounts = bars.map(({ amount, currency }) => `${amount} ${currency}`);
  const amountWidth = Math.max(0, ...amounts.map((amount) => amount.length));
  const barWidth = Math.max(barMin, width - labelWidth - amountWidth - 4);
  const largest = new Map<string, number>();
  for (const { currency, amount } of bars) {
    largest.set(currency, Math.max(largest.get(currency) ?? 0, Math.abs(Number(amount))));
  }
  return bars
    .map(({ currency, amount }, index) => {
      const size = (largest.get(currency) ?? 0) === 0 ? 0 : Math.abs(Number(amount)) / largest.get(currency)!;
      // What is not nothing is seen.
      const length = Number(amount) === 0 ? 0 : Math.max(1, Math.round(size * barWidth));
      const bar = (Number(amount) < 0 ? '-' : '#').repeat(length);
      return `${labels[index]!.padEnd(labelWidth)}  ${amounts[index]!.padStart(amountWidth)}  ${bar}`.trimEnd();
    })
    .map((line) => `${line}\n`)
    .join('');
}
