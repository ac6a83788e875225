/** What the API does for forecasts; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { verdicts } from '#core/costs/forecast/degradation.ts';
import { forecastsMax } from '#core/costs/forecast/question.ts';
import { measures, scopes, seriesGrains } from '#core/costs/forecast/series.ts';
import { array, maybe, type Operation, object, ok, queryParameter, type Schema, text, time } from './openapi-words.ts';

const number: Schema = { type: 'number' };
const whole: Schema = { type: 'integer' };
const day: Schema = { ...text, format: 'date' };
const shares = (description: string): Schema => ({ type: 'object', additionalProperties: number, description });
const words = (values: readonly string[]): Schema => ({ enum: values });

const accuracy = object({
  step: { ...whole, description: 'So many periods ahead.' },
  count: whole,
  mape: { ...maybe(number), description: 'Percent; actuals of zero are left out.' },
  smape: maybe(number),
  mase: { ...maybe(number), description: '1 is as good as repeating the last season was within the history.' },
  bias: { ...maybe(number), description: 'Σ(forecast − actual) / Σ|actual|.' },
  coverage80: maybe(number),
  coverage95: maybe(number),
});
const point = object({ at: day, point: number, low80: number, high80: number, low95: number, high95: number });
const forecast = object({
  series: { ...text, description: 'Its name, as application/12/cost/EUR/monthly.' },
  scope: words(scopes),
  subject: object({ id: whole, name: text }),
  measure: words(measures),
  currency: maybe(text),
  grain: words(seriesGrains),
  run: text,
  made_at: time,
  through: { ...day, description: 'First day of the last period that it was made from.' },
  periods: whole,
  filled: { ...whole, description: 'Periods that were not loaded and had to be filled in.' },
  because: words(['combination', 'nothing-beats-seasonal-naive', 'insufficient-data']),
  missing: { ...whole, description: 'Periods that are missing for more than the last value.' },
  weights: shares('How much each method was heard; the shares add up to 1.'),
  best: { ...text, description: 'The method with the least error in the backtest, as an explanation only.' },
  errors: shares('The error of each method in the backtest; 1 is that of repeating the season.'),
  backtest: maybe(object({ smape: number, mase: maybe(number), bias: maybe(number), coverage80: number })),
  verdict: { ...words(verdicts), description: 'Whether forecasts of the series have become worse.' },
  ratio: { ...maybe(number), description: 'The latest errors over those before.' },
  trend: { ...maybe(number), description: 'By which share errors change each time.' },
  reselected: { type: 'boolean', description: 'Methods were chosen again on the later half of the history.' },
  accuracy: { ...array(accuracy), description: 'How earlier forecasts turned out.' },
  points: array(point),
});

export const forecastPaths: Record<string, Record<string, Operation>> = {
  '/v1/forecasts': {
    get: {
      summary: "Each series' latest forecast, by the series' name",
      scope: 'costs:read',
      parameters: [
        queryParameter('series', text, 'One series, as application/12/cost/EUR/monthly.'),
        queryParameter('scope', words(scopes), 'Of applications, or of sectors.'),
        queryParameter('subject', whole, 'The number of an application or a sector.'),
        queryParameter('measure', words(measures), 'Of one measure.'),
        queryParameter('currency', text, 'Costs in one currency, as EUR.'),
        queryParameter('grain', words(seriesGrains), 'By day or by month.'),
        queryParameter('verdict', words(verdicts), '`alert`: those that have become worse.'),
        queryParameter('cursor', text, 'The `next_cursor` of the page before.'),
        queryParameter('limit', { type: 'integer', minimum: 1, maximum: forecastsMax }, 'How many series at most.'),
      ],
      answers: ok('A page.', object({ forecasts: array(forecast), next_cursor: maybe(text) })),
      problems: ['request_invalid', 'cursor_invalid'],
    },
  },
};
