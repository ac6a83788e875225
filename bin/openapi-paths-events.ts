/** What the API does with events; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { tiers } from '#core/event/event.ts';
import { filterJsonSchema } from '#core/query/filter.ts';
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

export const filter = filterJsonSchema();
const filterParameters = Object.entries(filter.properties as Record<string, Schema>).map(([name, schema]) => {
  const { description, ...rest } = schema;
  return queryParameter(name, rest, String(description ?? name));
});

const item = {
  oneOf: [
    object({ index: { type: 'integer' }, status: { const: 'accepted' }, id: text, tier: { enum: tiers } }),
    object({ index: { type: 'integer' }, status: { const: 'refused' }, code: text, detail: text, pointer: text }, [
      'pointer',
    ]),
  ],
};

const eventBodies: Schema = {
  required: true,
  content: {
    'application/json': {
      schema: { oneOf: [ref('EventInput'), { type: 'array', items: ref('EventInput'), minItems: 1, maxItems: 1000 }] },
      example: {
        action: 'role.assign',
        actor: { type: 'user', id: 'ada', name: 'Ada Lovelace' },
        targets: [{ type: 'role', id: 'admin' }],
        outcome: { result: 'success' },
        context: { ip: '203.0.113.7' },
        metadata: { ticket: 'OPS-1041' },
      },
    },
    'application/x-ndjson': { schema: { type: 'string', description: 'One event a line.' } },
    'application/cloudevents+json': {
      schema: { type: 'object', description: 'A CloudEvent 1.0 whose data is the event.' },
    },
    'application/cloudevents-batch+json': { schema: { type: 'array', items: { type: 'object' } } },
  },
};

/** What an answer could not read. */
export const gaps: Record<string, Schema> = {
  missing: { ...array(text), description: 'Keys of objects that are gone.' },
  archived: {
    ...array(
      object(
        {
          day: { type: 'string', format: 'date' },
          month: { type: 'string', pattern: '^[0-9]{4}-[0-9]{2}$' },
          category: text,
          events: { type: 'integer', description: 'That may be asked for.' },
          bytes: { type: 'integer', description: 'Of the blocks they are in.' },
        },
        ['day', 'month'],
      ),
    ),
    description: 'What must be restored before it can be read: by day, or by month where days are too small.',
  },
  damaged: {
    ...array(object({ file: text, block: { type: 'integer' }, bytes: text })),
    description: 'Blocks that are not what was written: object, number of the block, first and last byte.',
  },
};

const page = object(
  {
    events: array(ref('Event')),
    next_cursor: maybe(text),
    complete: {
      type: 'boolean',
      description:
        'False: the budget of one request ended first (go on with next_cursor), or something cannot be read.',
    },
    scanned_bytes: { type: 'integer' },
    to_scan_bytes: {
      type: 'integer',
      description: 'When the budget ended: about how many bytes lie between next_cursor and the end of the question.',
    },
    sources: { type: 'object' },
    ...gaps,
    hints: { ...array(text), description: 'What can be done about an answer that is not complete.' },
    left_out: { ...array(text), description: 'Kinds of events that are there and were not asked for by name.' },
  },
  ['to_scan_bytes', ...Object.keys(gaps), 'hints', 'left_out'],
);
/** What a reader says of itself. */
const circumstances: readonly Schema[] = [
  {
    name: 'Trailkeep-Purpose',
    in: 'header',
    description:
      'Why you look, one word. Personal fields of pii, phi, chd and financial events are clear only for a purpose.',
    schema: { type: 'string', pattern: '^[a-z][a-z0-9_-]{1,63}$' },
  },
  {
    name: 'Trailkeep-Ticket',
    in: 'header',
    description: 'The ticket that asks for it; the record of the look names it.',
    schema: { type: 'string', maxLength: 128 },
  },
];

const consistency = queryParameter(
  'consistency',
  { enum: ['bounded', 'strong'] },
  'Where there are read replicas, `bounded` (the default) may lack the last seconds; `strong` has all that is committed.',
);

export const eventPaths: Record<string, Record<string, Operation>> = {
  '/v1/events': {
    post: {
      summary: 'Send events',
      description:
        'One event, an array, NDJSON or CloudEvents, plain or gzip. The receipt means that they are durable. Each item is judged alone.',
      scope: 'events:write',
      parameters: [
        {
          name: 'Idempotency-Key',
          in: 'header',
          description: 'The same key with the same body answers the same receipt for at least 24 hours.',
          schema: { type: 'string', minLength: 1, maxLength: 255 },
        },
        { name: 'Content-Encoding', in: 'header', schema: { enum: ['gzip', 'identity'] } },
      ],
      body: eventBodies,
      answers: {
        202: {
          description: 'Accepted.',
          content: json({
            oneOf: [
              object({ id: text, tier: { enum: tiers }, received_at: time }),
              object({
                accepted: { type: 'integer' },
                refused: { type: 'integer' },
                items: array(item),
                received_at: time,
              }),
            ],
          }),
        },
      },
      problems: [
        'body_missing',
        'body_too_large',
        'encoding_unsupported',
        'media_type_unsupported',
        'json_invalid',
        'event_invalid',
        'event_too_large',
        'event_schema_violated',
        'batch_empty',
        'batch_too_large',
        'batch_refused',
        'idempotency_conflict',
        'idempotency_key_invalid',
        'rate_limited',
      ],
    },
    get: {
      summary: 'Search events',
      description: 'Newest first, over both tiers, with one cursor.',
      scope: 'events:read',
      parameters: [...filterParameters, consistency, ...circumstances],
      answers: ok('A page.', page),
      problems: ['filter_invalid', 'cursor_invalid'],
    },
  },
  '/v1/events/search': {
    post: {
      summary: 'Search events with a long filter',
      scope: 'events:read',
      parameters: [consistency, ...circumstances],
      body: body(ref('Filter')),
      answers: ok('A page.', page),
      problems: ['filter_invalid', 'cursor_invalid'],
    },
  },
  '/v1/events/feed': {
    get: {
      summary: 'Poll events in commit order',
      description:
        'Follows the order of commits, so a late event still comes. At least once. The Link header names the next page, also of an empty one.',
      scope: 'events:read',
      parameters: [
        queryParameter('after', text, 'The `next` of the page before.'),
        queryParameter('limit', { type: 'integer', minimum: 1, maximum: 1000 }, 'How many at most.'),
        queryParameter('reads', { enum: ['exclude', 'include'] }, 'Whether records of reading the trail come too.'),
        consistency,
        ...circumstances,
      ],
      answers: ok(
        'A page.',
        object(
          {
            events: array(ref('Event')),
            next: text,
            since: {
              ...time,
              description: 'Of a feed begun anew that does not go back to the first event: its start.',
            },
            ...gaps,
          },
          ['since', ...Object.keys(gaps)],
        ),
      ),
      problems: ['filter_invalid', 'cursor_invalid', 'feed_expired'],
    },
  },
  '/v1/events/{eventId}': {
    get: {
      summary: 'One event',
      scope: 'events:read',
      parameters: [pathParameter('eventId', 'UUIDv7'), consistency, ...circumstances],
      answers: ok('The event.', ref('Event')),
      problems: ['not_found', 'archived', 'stored_damaged'],
    },
  },
};
