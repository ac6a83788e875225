/** What the API does for data subjects and legal holds; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { identityMethods, requestStates, requestTypes } from '#core/privacy/request.ts';
import { openRequestBody, placeHoldBody, reasonBody, verifyBody } from '#core/privacy/request-body.ts';
import {
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
const request = object(
  {
    id: text,
    type: { enum: requestTypes },
    state: { enum: requestStates },
    subject: { ...maybe(text), description: 'Null once the key of the person is destroyed.' },
    contact: maybe(text),
    opened_by: text,
    opened_at: time,
    due_at: { ...time, description: 'A month after it came, 30 days at most; 60 days more when extended.' },
    verified: maybe(object({ by: text, at: time, method: { enum: identityMethods } })),
    approved: maybe(object({ by: text, at: time })),
    extended: maybe(object({ at: time, reason: text })),
    ended_at: maybe(time),
    hold: { type: 'string', description: 'Of the legal hold that stands in the way.' },
    effective_at: { ...time, description: 'Nothing opened any more from then on.' },
    fence_until: { ...time, description: 'The erasure is verified and certified at the first look after this.' },
    reason: text,
    rights: { type: 'string', description: 'What the subject is told of a refusal (Art. 12(4)).' },
    package: {
      type: 'array',
      items: object({ part: whole, events: whole, bytes: whole, sha256: text }),
    },
    keys_changed: whole,
    certificate: { type: 'object' },
  },
  ['hold', 'effective_at', 'fence_until', 'reason', 'rights', 'package', 'keys_changed', 'certificate'],
);
const hold = object({
  id: text,
  matter: text,
  custodian: text,
  scope: { type: 'object' },
  placed_by: text,
  placed_at: time,
  release_asked: maybe(object({ by: text, at: time })),
  released: maybe(object({ by: text, at: time })),
});
const requestId = pathParameter('requestId', 'UUIDv7');
const shape = ['request_invalid', 'body_missing', 'json_invalid'] as const;

const step = (
  summary: string,
  scope: 'privacy:request' | 'privacy:approve',
  more: Pick<Operation, 'body' | 'description' | 'problems'> = {},
): Record<string, Operation> => ({
  post: {
    summary,
    scope,
    parameters: [requestId],
    answers: ok('The request as it is now.', request),
    ...more,
    problems: ['not_found', 'conflict', ...(more.problems ?? [])],
  },
});

export const privacyPaths: Record<string, Record<string, Operation>> = {
  '/v1/privacy/requests': {
    get: {
      summary: 'List requests of data subjects, oldest first',
      scope: 'privacy:request',
      parameters: [...paging, queryParameter('state', { enum: requestStates }, 'Only those in this state.')],
      answers: ok('Requests.', list('requests', request)),
      problems: ['request_invalid'],
    },
    post: {
      summary: 'Open a request of a data subject',
      description: 'The id of the person is kept sealed under the key of the person, and dies with it.',
      scope: 'privacy:request',
      body: body(schemaOf(openRequestBody)),
      answers: { 201: { description: 'It is received; the clock runs.', content: json(request) } },
      problems: [...shape, 'legal_basis_invalid', 'erasure_under_way'],
    },
  },
  '/v1/privacy/requests/{requestId}': {
    get: {
      summary: 'One request, with its certificate when it is done',
      scope: 'privacy:request',
      parameters: [requestId],
      answers: ok('The request.', request),
      problems: ['not_found'],
    },
  },
  '/v1/privacy/requests/{requestId}/verify': step(
    'State how the identity of the subject was checked',
    'privacy:request',
    {
      body: body(schemaOf(verifyBody)),
      problems: [...shape],
    },
  ),
  '/v1/privacy/requests/{requestId}/approve': step('Approve and execute', 'privacy:approve', {
    description: 'By somebody who neither opened nor verified it. A legal hold makes it wait.',
    problems: ['second_person_required'],
  }),
  '/v1/privacy/requests/{requestId}/refuse': step(
    'Refuse, with the reason that the subject is told',
    'privacy:approve',
    {
      body: body(schemaOf(reasonBody)),
      problems: [...shape],
    },
  ),
  '/v1/privacy/requests/{requestId}/extend': step('Sixty days more, once (Art. 12(3))', 'privacy:request', {
    body: body(schemaOf(reasonBody)),
    problems: [...shape],
  }),
  '/v1/privacy/requests/{requestId}/cancel': step('Cancel, before it is executed', 'privacy:request'),
  '/v1/privacy/requests/{requestId}/package': {
    get: {
      summary: 'A part of the package, as a zip',
      description: 'For 30 days, and not after an erasure of the subject. That you took it is noted (Art. 19).',
      scope: 'privacy:request',
      parameters: [requestId, queryParameter('part', { type: 'integer', minimum: 1 }, 'Which part; 1 by default.')],
      answers: {
        200: {
          description: 'The zip.',
          content: { 'application/zip': { schema: { type: 'string', contentEncoding: 'binary' } } },
        },
      },
      problems: ['not_found'],
    },
  },
  '/v1/holds': {
    get: {
      summary: 'List legal holds, oldest first',
      scope: 'holds:manage',
      parameters: paging,
      answers: ok('Holds.', list('holds', hold)),
      problems: ['request_invalid'],
    },
    post: {
      summary: 'Place a legal hold',
      description: 'From the answer on no key of a subject that it covers is destroyed. A filter holds every subject.',
      scope: 'holds:manage',
      body: body(schemaOf(placeHoldBody)),
      answers: { 201: { description: 'It holds.', content: json(hold) } },
      problems: [...shape, 'filter_invalid', 'erasure_under_way'],
    },
  },
  '/v1/holds/{holdId}/release': {
    post: {
      summary: 'Release a legal hold',
      description: 'The first call asks for the release, a second by somebody else releases.',
      scope: 'holds:manage',
      parameters: [pathParameter('holdId', 'UUIDv7')],
      answers: ok('The hold as it is now.', hold),
      problems: ['not_found', 'conflict', 'second_person_required'],
    },
  },
};
