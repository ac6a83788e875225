/**
 * Lineage: from a figure back to the lines it is from, and forward to what is made from a load or an override.
 *
 * Run events are handed out as OpenLineage has them, so that any tool that reads those can take them.
 */
import * as z from 'zod';
import type { Guard } from '#core/access/guard.ts';
import { type CostFigures, parseFigureQuestion } from '#core/costs/figures.ts';
import { datasetFrom, type Lineage, type LineagePosition, lineageTypes } from '#core/costs/lineage.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { openCostFigures, openGuard, openLineage } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';

export interface LineagePorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly lineage: Lineage;
  readonly figures: Pick<CostFigures, 'origin' | 'impact'>;
}

const count = (most: number, usual: number) =>
  z
    .string()
    .regex(/^\d{1,4}$/, 'must be a number')
    .transform(Number)
    .pipe(z.int().min(1).max(most))
    .default(usual);

export async function lineage(ports: LineagePorts, request: HttpRequest): Promise<HttpResponse> {
  const { tenant } = requireWholeTenant(await ports.guard.require(request, 'costs:read', circumstancesOf(request)));
  if (request.method !== 'GET') throw new Problem('method_not_allowed', 'This path does not take that method.');
  switch (/\/(graph|figure|impact)$/.exec(request.path)?.[1]) {
    case 'graph':
      return graph(ports, request, tenant);
    case 'figure':
      return figure(ports, request, tenant);
    case 'impact':
      return impact(ports, request, tenant);
    default:
      return events(ports, request, tenant);
  }
}

const eventsQuery = z.strictObject({
  run: z.string().refine(isUuid, 'must be the id of a run').optional(),
  job: z.string().min(1).max(200).optional(),
  type: z.enum(lineageTypes).optional(),
  cursor: z.string().max(2000).optional(),
  limit: count(1000, 100),
});

async function events(ports: LineagePorts, { query }: HttpRequest, tenant: string): Promise<HttpResponse> {
  const { cursor, limit, run, job, type } = asked(eventsQuery, query);
  const before = cursor === undefined ? undefined : positionOf(cursor);
  const page = await ports.lineage.events(tenant, {
    limit,
    ...(run === undefined ? {} : { run }),
    ...(job === undefined ? {} : { job }),
    ...(type === undefined ? {} : { type }),
    ...(before ? { before } : {}),
  });
  const last = page.length === limit ? page.at(-1) : undefined;
  return { status: 200, body: { events: page.map(({ event }) => event), next_cursor: last ? cursorOf(last) : null } };
}

const graphQuery = z.strictObject({
  namespace: z.string().min(1).max(500),
  name: z.string().min(1).max(2000),
  direction: z.enum(['back', 'forward']).default('back'),
  limit: count(5000, 500),
});

async function graph(ports: LineagePorts, { query }: HttpRequest, tenant: string): Promise<HttpResponse> {
  const { namespace, name, direction, limit } = asked(graphQuery, query);
  const from = datasetFrom(`${namespace} ${name}`);
  if (from?.namespace !== namespace) {
    throw new Problem('request_invalid', 'A namespace has no blank.', { pointer: '/namespace' });
  }
  const steps = await ports.lineage.walk(tenant, from, direction, limit + 1);
  const edges = steps.slice(0, limit).map(({ at, ...step }) => ({ ...step, at: at.toISOString() }));
  return { status: 200, body: { dataset: from, direction, edges, complete: steps.length <= limit } };
}

/** Takes what `/v1/costs` takes. */
async function figure(ports: LineagePorts, { query, now }: HttpRequest, tenant: string): Promise<HttpResponse> {
  const question = parseFigureQuestion(query, now);
  if (!question.ok) throw problemOf(question.fault);
  const { loads, adjustments, mappings, cut } = await ports.figures.origin(tenant, question.value);
  const { from, to, only } = question.value;
  return {
    status: 200,
    body: {
      ...{ from, to, only },
      loads: loads.map(({ loadedAt, ...load }) => ({ ...load, loaded_at: loadedAt.toISOString() })),
      ...{ adjustments, overrides: mappings, complete: !cut },
    },
  };
}

const impactQuery = z.strictObject({
  load: z
    .string()
    .regex(/^\d{1,9}$/, 'must be the number of one')
    .transform(Number)
    .optional(),
  override: z.string().refine(isUuid, 'must be the id of one').optional(),
});

async function impact(ports: LineagePorts, { query }: HttpRequest, tenant: string): Promise<HttpResponse> {
  const { load, override } = asked(impactQuery, query);
  if ((load === undefined) === (override === undefined)) {
    throw new Problem('request_invalid', 'Name a load or an override.');
  }
  const found = await ports.figures.impact(tenant, load === undefined ? { override: override! } : { load });
  if (!found) throw new Problem('not_found', `There is no ${load === undefined ? 'override' : 'load'} of this name.`);
  const { figures, statements, cut } = found;
  return { status: 200, body: { figures, statements, complete: !cut } };
}

function asked<S extends z.ZodType>(shape: S, query: URLSearchParams): z.output<S> {
  const parsed = shape.safeParse(Object.fromEntries(query));
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const name = String(path[0] ?? '');
  throw new Problem('request_invalid', `${name || 'The query'}: ${message}.`, name ? { pointer: `/${name}` } : {});
}

/** Holds nothing that its reader did not see. */
const cursorOf = ({ at, run, type, task }: LineagePosition): string =>
  Buffer.from([at.toISOString(), run, type, task].join(' ')).toString('base64url');

function positionOf(cursor: string): LineagePosition {
  const [at, run, type, ...task] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  const known = lineageTypes.find((one) => one === type);
  if (!at || Number.isNaN(Date.parse(at)) || !run || !isUuid(run) || !known) {
    throw new Problem('cursor_invalid', 'This cursor is none of ours.', { pointer: '/cursor' });
  }
  return { at: new Date(at), run, type: known, task: task.join(' ') };
}

export const handler = onHttp(lineage, { guard: openGuard, lineage: openLineage, figures: openCostFigures });
