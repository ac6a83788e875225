/** What the API does for retention; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { archiveFormats, retentionBody } from '#core/archive/retention.ts';
import { categories } from '#core/event/event.ts';
import { approveBody } from '#functions/archive/retention.http.ts';
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
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const whole = { type: 'integer' };
const retentionClass = object({
  hot: whole,
  warm: whole,
  cold: whole,
  archive_format: { enum: archiveFormats },
  compliance_requirements: array(text),
  ladder: { ...text, description: "How its files move through S3's storage classes." },
});
const policy = object(
  {
    version: { ...whole, description: '0 is the default, under which nothing is purged.' },
    classes: { type: 'object', additionalProperties: retentionClass },
    by_category: { type: 'object', additionalProperties: text },
    proposed_by: text,
    proposed_at: time,
    approved: maybe(object({ by: text, at: time })),
  },
  ['proposed_by', 'proposed_at', 'approved'],
);
const retention = object({
  policy,
  waiting: maybe(policy),
  purging: { type: 'boolean', description: 'False until a policy is approved.' },
  overdue: object({ files: whole, oldest: maybe(time) }),
  held: { ...whole, description: 'Files past their end that a legal hold keeps.' },
  next: array(object({ class: text, categories: array({ enum: categories }), files: whole, purge_at: maybe(time) })),
});
const purge = object({
  id: text,
  policy_version: whole,
  approved_by: text,
  files: whole,
  events: whole,
  bytes: whole,
  newest: time,
  leaves: { ...array(array(whole)), description: 'Half-open runs of leaves of the log.' },
  started_at: time,
  ended_at: time,
});
const shape = ['request_invalid', 'body_missing', 'json_invalid', 'conflict'] as const;

export const retentionPaths: Record<string, Record<string, Operation>> = {
  '/v1/retention': {
    get: {
      summary: 'How long events are kept, and what is due',
      scope: 'retention:read',
      answers: ok('The policy that counts, what waits for approval, and what is past its end.', retention),
    },
    put: {
      summary: 'Propose a retention policy',
      description: 'It counts once somebody else has approved it; what waited before it no longer does.',
      scope: 'retention:manage',
      body: body(schemaOf(retentionBody)),
      answers: { 202: { description: 'It waits for a second person.', content: json(policy) } },
      problems: [...shape],
    },
  },
  '/v1/retention/approve': {
    post: {
      summary: 'Approve the retention policy that waits',
      description: 'By somebody else than who proposed it. Files past their end are purged from now on.',
      scope: 'retention:manage',
      body: body(schemaOf(approveBody)),
      answers: ok('The policy, which counts now.', policy),
      problems: [...shape, 'second_person_required'],
    },
  },
  '/v1/retention/purges': {
    get: {
      summary: 'What was purged, newest first',
      scope: 'retention:read',
      parameters: paging,
      answers: ok('Purges.', list('purges', purge)),
      problems: ['request_invalid'],
    },
  },
};
