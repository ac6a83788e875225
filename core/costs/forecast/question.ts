/** Forecasts as people ask for them. */
import * as z from 'zod';
import { fail, ok, type Result } from '../../event/problem.ts';
import { verdicts } from './degradation.ts';
import type { ForecastQuestion } from './ports.ts';
import { measures, scopes, seriesGrains } from './series.ts';

export const forecastsMax = 100;
const idMax = 2 ** 31 - 1;

/** `application/12/cost/EUR/monthly`: what stands between the slashes is one of ours, or a currency. */
const series = z
  .string()
  .regex(
    new RegExp(
      `^(${scopes.join('|')})/(0|[1-9]\\d{0,9})/(${measures.join('|')})/([A-Z]{3}|-)/(${seriesGrains.join('|')})$`,
    ),
    'must be the name of a series, as application/12/cost/EUR/monthly',
  );

/** What a question may hold, by the name of its parameter. */
export const forecastParameters = {
  series,
  scope: z.enum(scopes),
  subject: z.coerce.number().int().min(0).max(idMax),
  measure: z.enum(measures),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be a currency, as EUR'),
  grain: z.enum(seriesGrains),
  verdict: z.enum(verdicts),
  limit: z.coerce.number().int().min(1).max(forecastsMax),
} as const;

/** The question of a query string; `cursor` is what an answer gave for its next page. */
export function parseForecastQuestion(query: URLSearchParams): Result<ForecastQuestion> {
  const question: Record<string, unknown> = { limit: 20 };
  for (const name of query.keys()) {
    if (query.getAll(name).length > 1) return fail('request_invalid', `${name} is there twice.`, `/${name}`);
    const value = query.get(name)!;
    if (name === 'cursor') {
      if (!series.safeParse(value).success) return fail('cursor_invalid', 'This cursor is none of ours.', '/cursor');
      question.after = value;
      continue;
    }
    if (!Object.hasOwn(forecastParameters, name))
      return fail('request_invalid', `Forecasts are not asked by ${JSON.stringify(name.slice(0, 60))}.`);
    const parsed =
      value === '' ? undefined : forecastParameters[name as keyof typeof forecastParameters].safeParse(value);
    if (!parsed?.success)
      return fail('request_invalid', `${name}: ${parsed?.error.issues[0]?.message ?? 'is empty'}.`, `/${name}`);
    question[name] = parsed.data;
  }
  return ok(question as unknown as ForecastQuestion);
}
