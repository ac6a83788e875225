/** What the API does with sources of usage and costs, and prices; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { sourceBody, sourceKinds } from '#core/costs/source.ts';
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
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const whole = { type: 'integer' };
const day = { type: 'string', format: 'date' };
const source = object(
  {
    id: text,
    kind: { enum: sourceKinds },
    name: text,
    settings: { type: 'object', description: 'Never the secret.' },
    created_by: text,
    created_at: time,
    changed_at: time,
    watermarks: {
      ...array(object({ stream: text, position: text, moved_at: time })),
      description: 'How far each stream was read; of one source only.',
    },
  },
  ['watermarks'],
);
const row = object({
  ...{ id: text, run: text, stream: text, slice: text, place: text, code: text, reason: text },
  row: { ...text, description: 'What came, at most 8 KB of it.' },
  seen_at: time,
  resolved_at: { ...maybe(time), description: 'A later load of the slice took its place.' },
});
const load = object({
  ...{ load: whole, run: text, stream: text, slice: text, from_day: day, to_day: day },
  rows: object({ read: whole, written: whole, rejected: whole }),
  loaded_at: time,
});
const file = object({ name: text, bytes: whole, put_at: time, loaded: { type: 'boolean' } });
const offer = object({ name: text, method: { const: 'PUT' }, url: text, expires_at: time });
const priceFields = {
  package: text,
  from_day: day,
  currency: { type: 'string', pattern: '^[A-Z]{3}$' },
  amount: { ...text, description: 'Of one unit for one day: a decimal number.' },
};
const price = object({ ...priceFields, set_by: text, set_at: time });
const sourceId = pathParameter('sourceId', 'UUIDv7');
const before = [
  queryParameter('before', text, 'The `next` of the page before.'),
  queryParameter('limit', { type: 'integer', minimum: 1, maximum: 1000 }, 'How many at most.'),
];
const scope = 'costs:manage';
const wrong = ['request_invalid', 'body_missing', 'json_invalid'] as const;

export const sourcePaths: Record<string, Record<string, Operation>> = {
  '/v1/sources': {
    get: {
      ...{ summary: 'List sources, oldest first', scope, parameters: paging },
      answers: ok('Sources.', list('sources', source)),
      problems: ['request_invalid'],
    },
    post: {
      summary: 'Make a source',
      description: 'Its secret goes to a place of its own and is never shown again.',
      ...{ scope, body: body(schemaOf(sourceBody)) },
      answers: { 201: { description: 'The source.', content: json(source) } },
      problems: [...wrong, 'conflict'],
    },
  },
  '/v1/sources/{sourceId}': {
    get: {
      ...{ summary: 'One source, and how far it was read', scope, parameters: [sourceId] },
      answers: ok('The source.', source),
      problems: ['not_found'],
    },
    put: {
      summary: 'Change the settings or the secret of a source',
      description: 'Settings are replaced as a whole. Another address takes its secret with it.',
      ...{ scope, parameters: [sourceId] },
      body: body({ type: 'object', properties: { settings: { type: 'object' }, secret: text } }),
      answers: ok('The source.', source),
      problems: [...wrong, 'not_found'],
    },
    delete: {
      summary: 'Remove a source and its secret',
      description: 'What was loaded from it stays.',
      ...{ scope, parameters: [sourceId] },
      answers: { 204: { description: 'It is gone, and its name is free.' } },
      problems: ['not_found'],
    },
  },
  '/v1/sources/{sourceId}/quarantine': {
    get: {
      summary: 'Rows that were not loaded, newest first, with the reason',
      scope,
      parameters: [
        ...[sourceId, ...before],
        queryParameter('all', { type: 'boolean' }, 'Also those of slices that were loaded anew meanwhile.'),
      ],
      answers: ok('Rows.', list('rows', row)),
      problems: ['not_found', 'request_invalid'],
    },
  },
  '/v1/sources/{sourceId}/loads': {
    get: {
      ...{ summary: 'Slices that count, newest first', scope, parameters: [sourceId, ...before] },
      answers: ok('Loads.', list('loads', load)),
      problems: ['not_found', 'request_invalid'],
    },
  },
  '/v1/sources/{sourceId}/files': {
    get: {
      ...{ summary: 'Files in the inbox of a source', scope, parameters: [sourceId] },
      answers: ok('Files, and whether each was loaded as it is.', object({ files: array(file) })),
      problems: ['not_found'],
    },
    post: {
      summary: 'Offer a file to a source',
      description: 'The answer is an address that takes a PUT of the file within an hour; the next run loads it.',
      ...{ scope, parameters: [sourceId], body: body(object({ name: text })) },
      answers: { 201: { description: 'Where to put it.', content: json(offer) } },
      problems: [...wrong, 'not_found', 'conflict'],
    },
  },
  '/v1/prices': {
    get: {
      ...{ summary: 'Prices of licences', scope: 'costs:read' },
      answers: ok('Prices by package and day.', object({ prices: array(price) })),
    },
    post: {
      summary: 'Set what a unit of a licence costs from a day on',
      description: 'Days that were loaded before are charged anew when they are loaded again.',
      ...{ scope, body: body(object(priceFields)) },
      answers: { 201: { description: 'The price.', content: json(price) } },
      problems: [...wrong, 'conflict'],
    },
  },
};
