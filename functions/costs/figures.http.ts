/**
 * Costs: summed as the caller asks, each currency for itself.
 *
 * Figures are summed from facts when they are asked for. The answer says which overrides it contains, when the newest
 * load was and up to which day there are costs, so nobody takes a month that is still coming in for a cheap one.
 */
import type { Guard } from '#core/access/guard.ts';
import { type CostFigures, type Figures, parseFigureQuestion } from '#core/costs/figures.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { openCostFigures, openGuard } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';

export interface FiguresPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly figures: Pick<CostFigures, 'ask'>;
}

export async function figures(ports: FiguresPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'costs:read', circumstancesOf(request)));
  if (request.method !== 'GET') throw new Problem('method_not_allowed', 'This path does not take that method.');
  const question = parseFigureQuestion(request.query, request.now);
  if (!question.ok) throw problemOf(question.fault);
  const { from, to, by } = question.value;
  const answer = await ports.figures.ask(caller.tenant, question.value);
  return { status: 200, body: { from, to, by, ...viewOf(answer) } };
}

const viewOf = (answer: Figures): object => ({
  figures: answer.figures.map(({ of, ids, ...sums }) => ({
    ...of,
    ...Object.fromEntries(Object.entries(ids).map(([name, id]) => [`${name}_id`, id])),
    ...sums,
  })),
  complete: !answer.cut,
  totals: answer.totals,
  overrides: answer.overrides,
  fresh: {
    loaded_at: answer.fresh.loadedAt ? new Date(answer.fresh.loadedAt).toISOString() : null,
    last_day: answer.fresh.lastDay ?? null,
  },
});

export const handler = onHttp(figures, { guard: openGuard, figures: openCostFigures });
