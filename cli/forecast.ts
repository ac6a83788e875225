/** Forecasts: what usage and costs come to, with intervals, why, and how earlier forecasts turned out. */
import type { ForecastOptions, ForecastView } from '#client/forecasts.ts';
import { forecastParameters } from '#core/costs/forecast/question.ts';
import { type Command, type Flags, type Invocation, text, words } from './command.ts';
import { UsageError } from './fail.ts';
import { forecastChart } from './forecast-chart.ts';
import { say, table } from './print.ts';

const pageSize = 100;
const rowsDefault = 100;
const filters = ['scope', 'subject', 'measure', 'currency', 'grain', 'verdict'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const { forecasts } = invocation.open();
  if (invocation.words.length > 0) {
    const [series] = words(invocation.words, ['The series, as application/12/cost/EUR/monthly']);
    const [found] = (await forecasts.list({ series: checked('series', series!) as string })).forecasts;
    if (!found) {
      err.write(`There is no forecast of ${series}. "trailkeep forecast" lists those that there are.\n`);
      return 1;
    }
    say({ out }, flags.json === true ? `${JSON.stringify(found)}\n` : forecastText(found));
    return 0;
  }
  const limit = Number(text(flags, 'limit') ?? rowsDefault);
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError('--limit is a number of series.');
  const asked = optionsOf(flags);
  const all: ForecastView[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await forecasts.list({
      ...asked,
      limit: Math.min(pageSize, limit - all.length),
      ...(cursor ? { cursor } : {}),
    });
    all.push(...page.forecasts);
    cursor = page.next_cursor;
  } while (cursor && all.length < limit);
  if (flags.json === true) for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
  else say({ out }, table(head, all.map(row), out.isTTY ? out.columns : undefined));
  if (cursor) err.write('There are more: --limit.\n');
  return 0;
}

function checked(name: keyof typeof forecastParameters, value: string): string | number {
  const parsed = forecastParameters[name].safeParse(value);
  if (!parsed.success) throw new UsageError(`${name}: ${parsed.error.issues[0]?.message ?? 'is wrong'}.`);
  return parsed.data;
}

const optionsOf = (flags: Flags): ForecastOptions =>
  Object.fromEntries(
    filters.flatMap((name) => {
      const value = text(flags, name);
      return value === undefined ? [] : [[name, checked(name, value)]];
    }),
  );

const head = ['SERIES', 'NAME', 'THROUGH', 'NEXT', '80 %', 'MAPE', 'MASE', 'STATE'] as const;
const figure = (value: number | null | undefined, digits = 2): string =>
  value === null || value === undefined ? '-' : value.toFixed(digits);

function row(one: ForecastView): string[] {
  const [next] = one.points;
  const [nearest] = one.accuracy;
  return [
    one.series,
    one.subject.name,
    one.through,
    figure(next?.point),
    `${figure(next?.low80)} to ${figure(next?.high80)}`,
    nearest ? `${figure(nearest.mape, 1)} %` : '-',
    figure(nearest?.mase),
    stateOf(one),
  ];
}

function stateOf({ because, missing, verdict }: ForecastView): string {
  if (because === 'insufficient-data') return `${missing} more needed`;
  // Nothing that was foretold has come yet, or too little of it.
  return verdict === 'unknown' ? 'new' : verdict;
}

function forecastText(one: ForecastView): string {
  const unit = one.currency ?? one.measure;
  const what = `${one.subject.name || one.series}: ${one.measure} by ${one.grain === 'daily' ? 'day' : 'month'}, in ${unit}`;
  const lines = [`${what}\n\n`, forecastChart(one.points), `${axis(one)}\n\n`, `${whyText(one)}\n`];
  if (one.filled > 0) lines.push(`${one.filled} of ${one.periods} periods were not loaded and were filled in.\n`);
  if (one.reselected)
    lines.push('Forecasts had become worse: its methods were chosen on the later half of the history.\n');
  if (one.accuracy.length > 0) {
    const rows = one.accuracy.map((each) => [
      String(each.step),
      String(each.count),
      ...[figure(each.mape, 1), figure(each.smape, 1), figure(each.mase)],
      ...[each.bias, each.coverage80, each.coverage95].map((share) => figure(share === null ? null : 100 * share, 0)),
    ]);
    lines.push('\nHow earlier forecasts turned out:\n');
    lines.push(table(['AHEAD', 'COUNT', 'MAPE %', 'SMAPE %', 'MASE', 'BIAS %', 'IN 80 %', 'IN 95 %'], rows));
    lines.push(`${verdictText(one)}\n`);
  }
  return lines.join('');
}

const axis = ({ points }: ForecastView): string => `from ${points[0]?.at} to ${points.at(-1)?.at}, ● forecast, │ 80 %`;

function whyText({ because, missing, weights, best, periods }: ForecastView): string {
  if (because === 'insufficient-data')
    return `Insufficient data: ${periods} periods, ${missing} more are needed. This is the last value.`;
  if (because === 'nothing-beats-seasonal-naive')
    return 'The last season again: in the backtest nothing was better than that.';
  const shares = Object.entries(weights)
    .sort(([, a], [, b]) => b - a)
    .map(([name, share]) => `${name} ${Math.round(100 * share)} %`);
  return `A weighted mean of ${shares.join(', ')}. The best one by itself: ${best}.`;
}

function verdictText({ verdict, ratio, trend }: ForecastView): string {
  const grew = trend === null ? '' : ` They change by ${figure(100 * trend, 1)} % each time.`;
  if (verdict === 'unknown') return `Too few to say whether forecasts become worse.${grew}`;
  const share = ratio === null ? '' : ` Errors are ${figure(ratio)} times what they were.`;
  return `${{ steady: 'Steady.', watch: 'Worth a look.', alert: 'Worse than before.' }[verdict]}${share}${grew}`;
}

export const forecastCommand: Command = {
  name: 'forecast',
  summary: 'show what usage and costs come to, and how sure that is',
  usage: '[SERIES]',
  options: {
    scope: { type: 'string' },
    subject: { type: 'string' },
    measure: { type: 'string' },
    currency: { type: 'string' },
    grain: { type: 'string' },
    verdict: { type: 'string' },
    limit: { type: 'string' },
  },
  flags: [
    ['--scope SCOPE', 'application or sector'],
    ['--subject N', 'the number of one of them'],
    ['--measure MEASURE', 'cost, nodes, vcpu, licence_units or calls'],
    ['--currency CODE', 'of costs, as EUR'],
    ['--grain GRAIN', 'daily or monthly'],
    ['--verdict VERDICT', 'alert: those that have become worse'],
    ['--limit N', `how many series (${rowsDefault})`],
  ],
  examples: [
    ['trailkeep forecast --scope sector --grain monthly', 'what each sector comes to'],
    ['trailkeep forecast application/12/cost/EUR/monthly', 'one series as a chart, and why'],
    ['trailkeep forecast --verdict alert', 'forecasts that have become worse'],
  ],
  run,
};
