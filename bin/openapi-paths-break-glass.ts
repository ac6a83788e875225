/** What the API does for emergencies; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { breakGlassBody, breakGlassReviewBody, breakGlassVerdicts } from '#core/access/break-glass.ts';
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

const breakGlass = object({
  id: text,
  principal: { type: 'string', description: 'Who broke the glass.' },
  reason: text,
  ticket: maybe(text),
  began_at: time,
  until: { ...time, description: 'It ends by itself then.' },
  ended_at: maybe(time),
  lasts: { type: 'boolean' },
  review: maybe(object({ by: text, at: time, verdict: { enum: breakGlassVerdicts }, comment: text })),
});
const id = pathParameter('breakGlassId', 'UUIDv7');
const either = 'Whoever may `breakglass:review` sees all, whoever may `breakglass:use` their own.';

export const breakGlassPaths: Record<string, Record<string, Operation>> = {
  '/v1/break-glass': {
    get: {
      summary: 'List break-glasses, newest first',
      description: either,
      scope: 'breakglass:use',
      parameters: [
        ...paging,
        queryParameter('review', { enum: ['open', 'done'] }, 'Only those that await a review, or had one.'),
      ],
      answers: ok('Break-glasses.', list('break_glass', breakGlass)),
      problems: ['request_invalid'],
    },
    post: {
      summary: 'Break the glass',
      description:
        'For at most an hour the caller sees events whole. Recorded, announced at once, and reviewed by somebody else afterwards.',
      scope: 'breakglass:use',
      body: body(schemaOf(breakGlassBody)),
      answers: { 201: { description: 'It lasts from now on.', content: json(breakGlass) } },
      problems: ['request_invalid', 'body_missing', 'json_invalid'],
    },
  },
  '/v1/break-glass/{breakGlassId}': {
    get: {
      summary: 'One break-glass',
      description: either,
      scope: 'breakglass:use',
      parameters: [id],
      answers: ok('The break-glass.', breakGlass),
      problems: ['not_found'],
    },
  },
  '/v1/break-glass/{breakGlassId}/end': {
    post: {
      summary: 'End a break-glass before its time',
      description: either,
      scope: 'breakglass:use',
      parameters: [id],
      answers: ok('It is over.', breakGlass),
      problems: ['not_found'],
    },
  },
  '/v1/break-glass/{breakGlassId}/review': {
    post: {
      summary: 'Review a break-glass that is over',
      description: 'Once, and never by the one who broke the glass.',
      scope: 'breakglass:review',
      parameters: [id],
      body: body(schemaOf(breakGlassReviewBody)),
      answers: ok('It is reviewed.', breakGlass),
      problems: ['not_found', 'conflict', 'request_invalid', 'body_missing', 'json_invalid'],
    },
  },
};
