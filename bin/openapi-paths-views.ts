/** What the API does for what is summed beforehand; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { type ColumnKind, readableViewNames, readableViews, viewRowsMax } from '#core/costs/view-rows.ts';
import {
  array,
  maybe,
  type Operation,
  object,
  ok,
  pathParameter,
  queryParameter,
  type Schema,
  text,
  time,
} from './openapi-words.ts';

const amount: Schema = { ...text, description: 'A decimal in a string: exact.' };
const day: Schema = { ...text, format: 'date' };
const kinds: Readonly<Record<ColumnKind, Schema>> = {
  id: { type: 'integer' },
  text,
  day,
  count: { type: 'integer' },
  amount: maybe(amount),
  flag: { type: 'boolean' },
  amounts: { type: 'object', additionalProperties: amount, description: 'By currency.' },
};
const rows = readableViewNames.map((name) => ({
  title: name,
  ...object(
    Object.fromEntries(Object.entries(readableViews[name].columns).map(([column, kind]) => [column, kinds[kind]])),
  ),
}));
const name: Schema = { enum: readableViewNames };

export const viewPaths: Record<string, Record<string, Operation>> = {
  '/v1/costs/views': {
    get: {
      summary: 'What is summed beforehand, and when each was refreshed',
      scope: 'costs:read',
      answers: ok('All views.', object({ views: array(object({ view: name, refreshed_at: maybe(time) })) })),
      problems: [],
    },
  },
  '/v1/costs/views/{view}': {
    get: {
      summary: 'Rows of a view, in the order of their keys',
      scope: 'costs:read',
      parameters: [
        pathParameter('view', `One of ${readableViewNames.join(', ')}. The last one asks for events:read instead.`),
        queryParameter('from', day, 'First day or month, for views that have one.'),
        queryParameter('to', day, 'Last one, included.'),
        queryParameter('cursor', text, 'The `next_cursor` of the page before.'),
        queryParameter('limit', { type: 'integer', minimum: 1, maximum: viewRowsMax }, 'How many rows at most.'),
      ],
      answers: ok(
        'A page.',
        object({
          view: name,
          refreshed_at: { ...maybe(time), description: 'What the rows show is not older than that.' },
          rows: array({ anyOf: rows }),
          overrides: { ...array(text), description: 'Ids of the overrides that counted then.' },
          next_cursor: maybe(text),
        }),
      ),
      problems: ['request_invalid', 'cursor_invalid', 'not_found'],
    },
  },
};
