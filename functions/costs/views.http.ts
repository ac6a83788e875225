/**
 * Views: rows of what is summed beforehand, with when that was and which overrides it contains.
 *
 * A page may be from before a refresh and the next one from after it: each says its own time.
 */
import type { Guard } from '#core/access/guard.ts';
import {
  parseViewQuestion,
  type ReadableViewName,
  readableView,
  readableViewNames,
  type ViewRows,
  viewCursor,
} from '#core/costs/view-rows.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { openGuard, openViewRows } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';

export interface ViewsPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly rows: ViewRows;
}

export async function views(ports: ViewsPorts, request: HttpRequest): Promise<HttpResponse> {
  const name = /\/views\/([^/]+)$/.exec(request.path)?.[1];
  const view = name === undefined ? undefined : readableView(name);
  const permission = view?.permission ?? 'costs:read';
  const { tenant } = requireWholeTenant(await ports.guard.require(request, permission, circumstancesOf(request)));
  if (request.method !== 'GET') throw new Problem('method_not_allowed', 'This path does not take that method.');
  if (name === undefined) return all(ports, tenant);
  if (!view) throw new Problem('not_found', 'There is no view of this name.');
  const question = parseViewQuestion(view, request.query);
  if (!question.ok) throw problemOf(question.fault);
  const { rows, refreshedAt, overrides } = await ports.rows.page(tenant, name as ReadableViewName, question.value);
  const last = rows.length === question.value.limit ? rows.at(-1) : undefined;
  return {
    status: 200,
    body: {
      view: name,
      refreshed_at: refreshedAt?.toISOString() ?? null,
      rows,
      overrides,
      next_cursor: last ? viewCursor(view, last) : null,
    },
  };
}

async function all({ rows }: ViewsPorts, tenant: string): Promise<HttpResponse> {
  const refreshed = await rows.freshness(tenant);
  return {
    status: 200,
    body: {
      views: readableViewNames.map((name) => ({ view: name, refreshed_at: refreshed[name]?.toISOString() ?? null })),
    },
  };
}

export const handler = onHttp(views, { guard: openGuard, rows: openViewRows });
