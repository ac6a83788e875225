/** What the API does to ask the whole archive; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { queryLimitMax } from '#functions/query/queries.http.ts';
import { filter, gaps } from './openapi-paths-events.ts';
import {
  array,
  body,
  json,
  maybe,
  type Operation,
  object,
  ok,
  pathParameter,
  queryParameter,
  ref,
  type Schema,
  text,
  time,
} from './openapi-words.ts';

const whole = { type: 'integer' };
const { limit: _limit, cursor: _cursor, ...filters } = filter.properties as Record<string, Schema>;

const coverage = object(
  {
    complete: {
      type: 'boolean',
      description: 'Whether everything that was committed when you asked is in reach.',
    },
    commit: { ...text, description: 'The last commit that was in the archive.' },
    archived: gaps.archived!,
    pending: {
      ...object({ events: whole, from: time }),
      description: 'Committed and not in the archive yet: how many events, and the earliest time of one.',
    },
  },
  ['archived', 'pending'],
);
const hints = { ...array(text), description: 'What can be done about what is out of reach.' };
const view = object(
  {
    id: text,
    state: {
      enum: ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'too_large'],
      description: '`too_large`: it would have scanned more than the stage allows for one query.',
    },
    asked_at: time,
    limit: whole,
    scanned_bytes: whole,
    cost_usd: { type: 'number', description: "At Athena's list price." },
    coverage,
    hints,
  },
  ['hints'],
);
const results = object(
  {
    events: array(ref('Event')),
    next_cursor: maybe(text),
    complete: { type: 'boolean', description: 'False: something is out of reach, or the limit ended the answer.' },
    limited: { type: 'boolean', description: 'There is more in the archive than the query asked for.' },
    coverage,
    hints,
    left_out: { ...array(text), description: 'Kinds of events that are left out unless they are asked for by name.' },
  },
  ['hints', 'left_out'],
);
const id = pathParameter('queryId', 'The query.');

export const queryPaths: Record<string, Record<string, Operation>> = {
  '/v1/queries': {
    post: {
      summary: 'Ask the whole archive',
      description:
        'For what is too much for one answer of `GET /v1/events`: Athena scans the days and categories of the filter, of your tenant alone. Poll the query, then read its results for a week. The same question within the hour is answered from the first results. Recorded. See docs/guides/athena.md.',
      scope: 'events:read',
      body: body({
        type: 'object',
        additionalProperties: false,
        properties: { ...filters, limit: { ...whole, minimum: 1, maximum: queryLimitMax, default: 1000 } },
      }),
      answers: { 202: { description: 'It is under way.', content: json(view) } },
      problems: ['filter_invalid', 'request_invalid', 'body_missing', 'json_invalid'],
    },
  },
  '/v1/queries/{queryId}': {
    get: {
      summary: 'How far a query is, and what it costs',
      scope: 'events:read',
      parameters: [id],
      answers: ok('Its state, the bytes it scanned, and what was out of reach when it was asked.', view),
      problems: ['not_found'],
    },
    delete: {
      summary: 'Cancel a query',
      description: 'What has ended stays as it ended. What it scanned until now is billed.',
      scope: 'events:read',
      parameters: [id],
      answers: { 204: { description: 'It runs no longer.' } },
      problems: ['not_found'],
    },
  },
  '/v1/queries/{queryId}/results': {
    get: {
      summary: 'Events that a query found, newest first',
      description: 'Each page shows what you may see, opened and masked as everywhere, and is recorded.',
      scope: 'events:read',
      parameters: [
        id,
        queryParameter('limit', { ...whole, minimum: 1, maximum: 1000, default: 200 }, 'Events of the page.'),
        queryParameter('cursor', text, 'next_cursor of the page before.'),
      ],
      answers: ok('A page; it may be empty and yet go on.', results),
      problems: ['not_found', 'query_unfinished', 'filter_invalid', 'cursor_invalid'],
    },
  },
};
