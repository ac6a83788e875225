/** What the API does with archived events; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { restoreSpeeds } from '#core/archive/restore.ts';
import { categories } from '#core/event/event.ts';
import { restoreBody } from '#functions/archive/restores.http.ts';
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
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const whole = { type: 'integer' };
const dollars = { type: 'number' };
const restore = object({
  id: text,
  state: {
    enum: ['estimated', 'asking', 'under_way', 'ready', 'over'],
    description: 'over: the first of the copies ended.',
  },
  from: time,
  to: time,
  category: maybe({ enum: categories }),
  speed: { enum: restoreSpeeds },
  days: whole,
  files: { ...whole, description: 'Files of the range in Deep Archive when it was estimated.' },
  bytes: whole,
  restored_before: { ...whole, description: 'Of these, those with a copy already, which stays longer.' },
  cost_usd: object({ requests: dollars, retrieval: dollars, storage: dollars, total: dollars }),
  expected_hours: whole,
  asked_by: text,
  asked_at: time,
  confirm_until: maybe(time),
  confirmed: maybe(object({ by: text, at: time })),
  expected_at: maybe(time),
  progress: maybe(
    object({
      files: { ...whole, description: 'Of the range, those included that have not come to Deep Archive yet.' },
      waiting: { ...whole, description: 'S3 was not asked for them yet.' },
      under_way: { ...whole, description: 'As far as anybody looked: a question looks at 200 of them.' },
      ready: whole,
      ready_bytes: whole,
      gone: { ...whole, description: 'Merged into others or purged meanwhile.' },
      readable_until: { ...maybe(time), description: 'When the first copy ends.' },
    }),
  ),
});
const restoreId = pathParameter('restoreId', 'UUIDv7');

export const archivePaths: Record<string, Record<string, Operation>> = {
  '/v1/archive/restores': {
    get: {
      summary: 'List restores, newest first',
      scope: 'archive:restore',
      parameters: paging,
      answers: ok('Restores, as they were when somebody last looked.', list('restores', restore)),
      problems: ['request_invalid'],
    },
    post: {
      summary: 'Estimate a restore from Deep Archive',
      description: 'Nothing is restored and nothing is paid before it is confirmed.',
      scope: 'archive:restore',
      body: body(schemaOf(restoreBody)),
      answers: { 201: { description: 'What it takes.', content: json(restore) } },
      problems: ['request_invalid', 'body_missing', 'json_invalid'],
    },
  },
  '/v1/archive/restores/{restoreId}': {
    get: {
      summary: 'One restore, and how far S3 is with it',
      scope: 'archive:restore',
      parameters: [restoreId],
      answers: ok('The restore.', restore),
      problems: ['not_found'],
    },
  },
  '/v1/archive/restores/{restoreId}/confirm': {
    post: {
      summary: 'Start an estimated restore',
      description: 'Within a day of its estimate. Confirming again does no harm.',
      scope: 'archive:restore',
      parameters: [restoreId],
      answers: { 202: { description: 'It is started.', content: json(restore) } },
      problems: ['not_found', 'conflict'],
    },
  },
};
