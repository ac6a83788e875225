/** What commands print: aligned tables for people, one JSON object a line for programs. */
import type { Event } from '#core/event/event.ts';

export interface Streams {
  readonly out: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
}

// Names and reasons come from strangers: control characters would rewrite the reader's terminal.
const controls = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** A text on one line, harmless to a terminal. */
export const plain = (text: string): string => text.replace(controls, '\uFFFD');

/** Rows as an aligned table, cells cut so that a row fits the width when that is known. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], width?: number): string {
  const all = [head, ...rows.map((row) => row.map(plain))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  if (width !== undefined) shrink(widths, width - 2 * (head.length - 1));
  const lineOf = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cut(cell, widths[column]!) : cut(cell, widths[column]!).padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return all.map((row) => `${lineOf(row)}\n`).join('');
}

const cut = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);

/** Takes from the widest column, one character at a time, until the row fits; no column falls below eight. */
function shrink(widths: number[], width: number): void {
  for (let excess = widths.reduce((sum, one) => sum + one, 0) - width; excess > 0; excess--) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= 8) return;
    widths[widest]! -= 1;
  }
}

export const eventHead = ['TIME', 'ACTION', 'ACTOR', 'OUTCOME', 'TARGET', 'IP'] as const;

/** The cells of an event in a table. */
export function eventRow({ occurred_at, action, actor, outcome, targets, context }: Event): string[] {
  const [first, ...more] = targets ?? [];
  const target = first ? `${first.type}:${first.name ?? first.id}${more.length > 0 ? ` +${more.length}` : ''}` : '-';
  const time = occurred_at.replace('T', ' ').replace(/(\.000)?Z$/, '');
  return [time, action, actor.name ?? actor.id, outcome.result, target, context?.ip ?? context?.service ?? '-'];
}

/** Writes text; a reader that went away (`| head`) ends the command quietly. */
export const say = ({ out }: Pick<Streams, 'out'>, text: string): void => void out.write(text);

/** A thing with many fields as `name  value` lines. */
export function fields(of: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(of).filter(([, value]) => value !== null && value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(
      ([name, value]) =>
        `${name.padEnd(width)}  ${plain(typeof value === 'object' ? (Array.isArray(value) ? value.join(' ') : JSON.stringify(value)) : String(value))}\n`,
    )
    .join('');
}
