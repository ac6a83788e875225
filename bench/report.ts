/** What a bench prints: the figure, the limit measured in the same run, their ratio, and where and when. */
import { cpus, totalmem } from 'node:os';

export interface Line {
  readonly path: string;
  readonly figure: number;
  readonly unit: string;
  /** The limit or the peer, measured in the same run. */
  readonly against?: { readonly name: string; readonly figure: number };
  readonly goal?: string;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest rank. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))] ?? Number.NaN;
}

const show = (n: number) => (Math.abs(n) >= 100 ? Math.round(n).toLocaleString('en-GB') : n.toPrecision(3));

/** Prints lines as a Markdown table, ready for docs/internals/performance.md. */
export function report(title: string, lines: readonly Line[]): void {
  const model = cpus()[0]?.model ?? 'unknown processor';
  console.log(`\n### ${title}\n`);
  console.log(
    `${new Date().toISOString().slice(0, 10)} · ${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB · Node ${process.version}\n`,
  );
  console.log('| path | figure | against | ratio | goal |\n|---|---|---|---|---|');
  for (const { path, figure, unit, against, goal } of lines) {
    const other = against ? `${against.name}: ${show(against.figure)} ${unit}` : '–';
    const ratio = against ? (figure / against.figure).toFixed(2) : '–';
    console.log(`| ${path} | ${show(figure)} ${unit} | ${other} | ${ratio} | ${goal ?? '–'} |`);
  }
}
