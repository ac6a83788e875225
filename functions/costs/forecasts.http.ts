/**
 * Forecasts: each series' latest, with its intervals, what it was made by and why, and how forecasts of it turned out.
 *
 * Nothing is computed here: what a run has saved is what everybody sees.
 */
import type { Guard } from '#core/access/guard.ts';
import type { ForecastEntry, Forecasts } from '#core/costs/forecast/ports.ts';
import { parseForecastQuestion } from '#core/costs/forecast/question.ts';
import { periodAfter } from '#core/costs/forecast/series.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { openForecasts, openGuard } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';

export interface ForecastsPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly forecasts: Pick<Forecasts, 'list'>;
}

export async function forecasts(ports: ForecastsPorts, request: HttpRequest): Promise<HttpResponse> {
  const { tenant } = requireWholeTenant(await ports.guard.require(request, 'costs:read', circumstancesOf(request)));
  if (request.method !== 'GET') throw new Problem('method_not_allowed', 'This path does not take that method.');
  const question = parseForecastQuestion(request.query);
  if (!question.ok) throw problemOf(question.fault);
  const { limit } = question.value;
  const found = await ports.forecasts.list(tenant, { ...question.value, limit: limit + 1 });
  const page = found.slice(0, limit);
  return {
    status: 200,
    body: { forecasts: page.map(viewOf), next_cursor: found.length > limit ? page.at(-1)!.series : null },
  };
}

const viewOf = ({ key, madeAt, ...entry }: ForecastEntry): object => ({
  series: entry.series,
  scope: key.scope,
  subject: { id: key.id, name: entry.name },
  measure: key.measure,
  currency: key.currency || null,
  grain: key.grain,
  run: entry.run,
  made_at: madeAt.toISOString(),
  through: entry.through,
  periods: entry.periods,
  filled: entry.filled,
  because: entry.because,
  missing: entry.missing,
  weights: entry.weights,
  best: entry.best,
  errors: entry.errors,
  backtest: entry.backtest,
  verdict: entry.verdict,
  ratio: entry.ratio,
  trend: entry.trend,
  reselected: entry.reselected,
  accuracy: entry.accuracy,
  points: entry.points.map((point, at) => ({ at: periodAfter(key.grain, entry.through, at + 1), ...point })),
});

export const handler = onHttp(forecasts, { guard: openGuard, forecasts: openForecasts });
