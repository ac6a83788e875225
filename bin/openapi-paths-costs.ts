/** What the API does for costs: figures, statements, overrides, lineage; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { figureKeys, figuresMax } from '#core/costs/figures.ts';
import { lineageTypes } from '#core/costs/lineage.ts';
import { decisionBody, overrideBody, overrideKinds, overrideStates } from '#core/costs/override.ts';
import { chargedCosts, shareKeys } from '#core/costs/statement.ts';
import { approveBody, lockBody } from '#functions/costs/statement.http.ts';
import { statementFormats, statementKinds } from '#functions/costs/statement-question.ts';
import {
  array,
  body,
  json,
  list,
  maybe,
  type Operation,
  object,
  ok,
  paging,
  pathParameter,
  queryParameter,
  type Schema,
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const whole = { type: 'integer' };
const amount: Schema = { ...text, description: 'A decimal in a string: exact.' };
const month: Schema = { ...text, pattern: '^20\\d{2}-(0[1-9]|1[0-2])$' };
const day: Schema = { ...text, format: 'date' };
const costs = { billed: amount, effective: amount, contracted: amount, list: amount, charges: whole };
const contained = object({
  id: text,
  kind: { enum: overrideKinds },
  from: day,
  to: maybe(day),
  reason: text,
  approved_by: text,
  expires_at: maybe(time),
});
const names = Object.fromEntries(figureKeys.map((key) => [key, text]));
const figure = object({ ...names, application_id: whole, controller_id: whole, currency: text, ...costs }, [
  ...figureKeys,
  'application_id',
  'controller_id',
]);
const figures = object({
  from: month,
  to: month,
  by: array({ enum: figureKeys }),
  figures: array(figure),
  complete: { type: 'boolean', description: 'False: more groups were there. The totals are of all.' },
  totals: array(
    object({
      currency: text,
      ...costs,
      unmapped: { ...amount, description: 'Effective cost that no H-code bears.' },
      adjusted: { ...amount, description: 'Of the effective cost, added by adjustments.' },
    }),
  ),
  overrides: { ...array(contained), description: 'All that count on any of these days.' },
  fresh: object({ loaded_at: maybe(time), last_day: maybe(day) }),
});
const figureParameters = [
  queryParameter('from', month, 'First month; left out: the last twelve.'),
  queryParameter('to', month, 'Last month, included.'),
  queryParameter('by', text, `Some of ${figureKeys.join(', ')}, with commas.`),
  ...['sector', 'owner', 'architecture', 'controller', 'h_code', 'service', 'category', 'currency'].map((name) =>
    queryParameter(name, text, 'Only of this name.'),
  ),
  queryParameter('application', whole, 'Only of this number.'),
  queryParameter('limit', { type: 'integer', minimum: 1, maximum: figuresMax }, 'How many groups at most.'),
];

const bearer = {
  currency: text,
  h_code_id: whole,
  h_code: text,
  cost_centre: text,
  sector_id: whole,
  sector: text,
  owner_id: whole,
  owner: text,
};
const sums = { direct: amount, shared: amount, adjustments: amount, corrections: amount, total: amount };
const charged = { ...amount, description: 'In what the currency is booked with; the lines add up to the total.' };
const load = object({
  id: whole,
  source: text,
  stream: text,
  slice: text,
  sha256: text,
  rows: whole,
  loaded_at: time,
});
const statement = object({
  v: { const: 1 },
  month,
  settings: object(
    {
      cost: { enum: chargedCosts },
      shared: object({ h_codes: array(text), by: { enum: shareKeys } }),
    },
    ['shared'],
  ),
  lines: array(object({ ...bearer, ...sums, charged, previous: amount })),
  totals: array(object({ currency: text, ...sums, charged, unmapped: amount, unmapped_percent: maybe(text) })),
  corrections: { ...array(object({ ...bearer, month, amount })), description: 'Of locked months.' },
  coverage: object({
    applications: whole,
    mapped: whole,
    percent: maybe(text),
    rules: { type: 'object', additionalProperties: whole },
  }),
  overrides: array(contained),
  loads: array(load),
});
const signed = {
  state: { enum: ['draft', 'approved', 'locked', 'showback'] },
  sha256: { ...text, description: 'Over the canonical JSON (RFC 8785) of the statement.' },
  version: maybe(whole),
  approved: maybe(object({ by: text, at: time })),
  locked: maybe(object({ by: text, at: time })),
};
const signedView = object({ month, ...signed });

const dims = { type: 'object', additionalProperties: maybe(text), description: 'null is "(unmapped)".' };
const override = object({
  id: text,
  kind: { enum: overrideKinds },
  state: { enum: overrideStates },
  application: maybe(object({ id: whole, name: text })),
  from: day,
  to: maybe(day),
  set: dims,
  controller: maybe(whole),
  measure: maybe(text),
  amount: maybe(amount),
  currency: maybe(text),
  before: { type: 'object', description: 'What counted when it was proposed.' },
  after: { type: 'object' },
  reason: text,
  proposed_by: text,
  proposed_at: time,
  expires_at: maybe(time),
  decisions: array(
    object({ decision: { enum: ['approved', 'refused', 'withdrawn'] }, by: text, at: time, note: text }),
  ),
});
const overrideId = pathParameter('overrideId', 'UUIDv7');
const shape = ['request_invalid', 'body_missing', 'json_invalid'] as const;
const decide = (summary: string, description: string, more: Operation['problems'] = []): Record<string, Operation> => ({
  post: {
    summary,
    description,
    scope: 'costs:approve',
    parameters: [overrideId],
    body: body(schemaOf(decisionBody), false),
    answers: ok('The override as it is now.', override),
    problems: ['not_found', 'conflict', 'request_invalid', ...more],
  },
});

const dataset = object({ namespace: text, name: text });
const complete = { type: 'boolean', description: 'False: there was more.' };

export const costPaths: Record<string, Record<string, Operation>> = {
  '/v1/costs': {
    get: {
      summary: 'Costs, summed as you ask',
      description: 'Each currency for itself, FOCUS’s four costs apart, from facts as they are now.',
      scope: 'costs:read',
      parameters: figureParameters,
      answers: ok('Figures, totals, the overrides they contain, and how fresh they are.', figures),
      problems: ['request_invalid'],
    },
  },
  '/v1/costs/statement': {
    get: {
      summary: 'A month’s chargeback or showback statement',
      description: 'What was approved or locked, else a draft of now.',
      scope: 'costs:read',
      parameters: [
        { ...queryParameter('month', month, 'As 2026-10.'), required: true },
        queryParameter('kind', { enum: statementKinds }, 'draft: as it would be now; showback: of the month alone.'),
        queryParameter('format', { enum: statementFormats }, 'CSV for programs, HTML to print.'),
        queryParameter('cost', { enum: chargedCosts }, 'Which cost is charged; of a draft or a showback.'),
        queryParameter('shared', text, 'H-codes that all others bear, with commas.'),
        queryParameter('shared_by', { enum: shareKeys }, 'What they are shared by.'),
      ],
      answers: {
        200: {
          description: 'The statement.',
          content: {
            ...json(
              object(
                {
                  month,
                  ...signed,
                  moved: { type: 'boolean', description: 'Figures moved since it was approved.' },
                  statement,
                },
                ['month'],
              ),
            ),
            'text/csv': { schema: text },
            'text/html': { schema: text },
          },
        },
      },
      problems: ['request_invalid', 'conflict'],
    },
  },
  '/v1/costs/statements': {
    get: {
      summary: 'The newest version of each month’s statement, newest month first',
      scope: 'costs:read',
      answers: ok('Statements.', object({ statements: array(signedView) })),
      problems: ['request_invalid'],
    },
  },
  '/v1/costs/statement/approve': {
    post: {
      summary: 'Approve a month’s draft',
      description: 'Named by the hash of what you looked at; a 409 says that figures moved since.',
      scope: 'costs:approve',
      body: body(schemaOf(approveBody)),
      answers: ok('The version.', signedView),
      problems: [...shape, 'conflict'],
    },
  },
  '/v1/costs/statement/lock': {
    post: {
      summary: 'Lock a month',
      description:
        'By somebody else than who approved it, one month after the other. What changes later is a correction of the next open month.',
      scope: 'costs:approve',
      body: body(schemaOf(lockBody)),
      answers: ok('The version, which never changes again.', signedView),
      problems: [...shape, 'conflict', 'second_person_required'],
    },
  },
  '/v1/overrides': {
    get: {
      summary: 'List overrides, newest first',
      scope: 'costs:read',
      parameters: [
        queryParameter('state', { enum: overrideStates }, 'Only these.'),
        queryParameter('kind', { enum: overrideKinds }, 'Only these.'),
        queryParameter('application', whole, 'Only of this application.'),
        ...paging,
      ],
      answers: ok('Overrides.', list('overrides', override)),
      problems: ['request_invalid'],
    },
    post: {
      summary: 'Propose an override',
      description:
        'Whom an application belongs to, how much it used, or an amount of money on top. It counts once somebody else has approved it.',
      scope: 'costs:override',
      body: body(schemaOf(overrideBody)),
      answers: { 201: { description: 'It waits for a second person.', content: json(override) } },
      problems: [...shape, 'conflict'],
    },
  },
  '/v1/overrides/{overrideId}': {
    get: {
      summary: 'One override',
      scope: 'costs:read',
      parameters: [overrideId],
      answers: ok('The override with its decisions.', override),
      problems: ['not_found'],
    },
  },
  '/v1/overrides/{overrideId}/approve': decide('Approve an override', 'By somebody else than who proposed it.', [
    'second_person_required',
  ]),
  '/v1/overrides/{overrideId}/refuse': decide('Refuse an override', 'By somebody else than who proposed it.', [
    'second_person_required',
  ]),
  '/v1/overrides/{overrideId}/withdraw': decide(
    'Withdraw an override',
    'Also by who proposed it, who needs `costs:override` alone. It counts no longer.',
  ),
  '/v1/lineage': {
    get: {
      summary: 'Run events, newest first',
      scope: 'costs:read',
      parameters: [
        queryParameter('run', text, 'Only of this run.'),
        queryParameter('job', text, 'Only of this job, as `etl.focus`.'),
        queryParameter('type', { enum: lineageTypes }, 'Only these.'),
        queryParameter('cursor', text, 'The `next_cursor` of the page before.'),
        queryParameter('limit', { type: 'integer', minimum: 1, maximum: 1000 }, 'How many at most.'),
      ],
      answers: ok(
        'Events of OpenLineage 2-0-2.',
        object({ events: array({ type: 'object' }), next_cursor: maybe(text) }),
      ),
      problems: ['request_invalid', 'cursor_invalid'],
    },
  },
  '/v1/lineage/graph': {
    get: {
      summary: 'What a data set is made from, or what is made from it',
      scope: 'costs:read',
      parameters: [
        { ...queryParameter('namespace', text, 'As `postgres://trailkeep`.'), required: true },
        { ...queryParameter('name', text, 'As `costs.cost_daily`.'), required: true },
        queryParameter('direction', { enum: ['back', 'forward'] }, 'back when left out.'),
        queryParameter('limit', { type: 'integer', minimum: 1, maximum: 5000 }, 'How many steps at most.'),
      ],
      answers: ok(
        'The steps, nearest first.',
        object({
          dataset,
          direction: { enum: ['back', 'forward'] },
          edges: array(
            object({
              input: dataset,
              output: dataset,
              job: text,
              columns: { type: 'object', additionalProperties: array(text) },
              at: time,
              run: text,
              depth: whole,
            }),
          ),
          complete,
        }),
      ),
      problems: ['request_invalid'],
    },
  },
  '/v1/lineage/figure': {
    get: {
      summary: 'The loads, lines and adjustments that a figure is from',
      description: 'Takes what `/v1/costs` takes. What it names adds up to the figure.',
      scope: 'costs:read',
      parameters: figureParameters,
      answers: ok(
        'Where it is from.',
        object({
          from: month,
          to: month,
          only: { type: 'object', additionalProperties: text },
          loads: array(
            object({
              load: whole,
              source: text,
              stream: text,
              slice: text,
              sha256: text,
              run: text,
              loaded_at: time,
              currency: text,
              effective: amount,
              billed: amount,
              charges: whole,
              lines: { ...array(whole), description: 'The first ones.' },
            }),
          ),
          adjustments: array(object({ id: text, currency: text, amount, reason: text })),
          overrides: array(contained),
          complete,
        }),
      ),
      problems: ['request_invalid'],
    },
  },
  '/v1/lineage/impact': {
    get: {
      summary: 'The figures and statements that a load or an override is in',
      scope: 'costs:read',
      parameters: [
        queryParameter('load', whole, 'Number of the load.'),
        queryParameter('override', text, 'Id of the override, instead.'),
      ],
      answers: ok(
        'What it is in.',
        object({
          figures: array(
            object({
              month,
              h_code: text,
              sector: text,
              owner: text,
              currency: text,
              effective: amount,
              charges: whole,
            }),
          ),
          statements: array(object({ month, version: whole, locked: { type: 'boolean' } })),
          complete,
        }),
      ),
      problems: ['request_invalid', 'not_found'],
    },
  },
};
