/** A forecast as a chart of characters: points on their intervals, oldest at the left. */

export interface ChartPoint {
  readonly point: number;
  readonly low80: number;
  readonly high80: number;
}

const short = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumSignificantDigits: 3 });

/**
 * `rows` lines of one column a point: `●` the forecast, `│` where 80 % of what comes is expected. The scale is that of
 * the intervals, not from zero: the labels say so.
 */
export function forecastChart(points: readonly ChartPoint[], rows = 10): string {
  if (points.length === 0) return '';
  const low = Math.min(...points.map(({ low80 }) => low80));
  const high = Math.max(...points.map(({ high80 }) => high80));
  const rowOf = (value: number) => (high > low ? Math.round(((value - low) / (high - low)) * (rows - 1)) : 0);
  const labels = Array.from({ length: rows }, (_, row) =>
    short.format(low + ((high - low) * row) / Math.max(1, rows - 1)),
  );
  const width = Math.max(...labels.map((label) => label.length));
  const lines: string[] = [];
  for (let row = high > low ? rows - 1 : 0; row >= 0; row--) {
    const cells = points.map(({ point, low80, high80 }) => {
      if (rowOf(point) === row) return '●';
      return row >= rowOf(low80) && row <= rowOf(high80) ? '│' : ' ';
    });
    lines.push(`${labels[row]!.padStart(width)} ┤${cells.join(' ')}`.trimEnd());
  }
  return `${lines.join('\n')}\n`;
}
