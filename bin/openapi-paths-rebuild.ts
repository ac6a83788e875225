/** What the API does for operators after a loss of the database; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { replayBody } from '#functions/archive/replay.http.ts';
import {
  array,
  body,
  maybe,
  type Operation,
  object,
  ok,
  pathParameter,
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const whole = { type: 'integer' };
const problem = object({ key: text, reason: text });
const sum = object({
  events: whole,
  sum: { ...text, description: 'Sum modulo 2^256 of the SHA-256 of the lines, in hex.' },
});

const rebuilt = object({
  leaves: { ...whole, description: "Leaves of the tenant's log; the next four add up to it." },
  in_files: whole,
  in_parts: { ...whole, description: 'In segments that are not compacted.' },
  purged: { ...whole, description: 'Deleted under a policy, or repeats; the trail tells of them.' },
  missing_leaves: whole,
  missing: {
    ...array(object({ from: whole, to: whole })),
    description: 'Half-open runs of leaves, the first of them.',
  },
  files: object({
    found: { ...whole, description: 'Sidecars of the tenant on S3.' },
    added: whole,
    superseded: { ...whole, description: 'Newer files have what they have.' },
    unfinished: { ...whole, description: 'Of a compaction that broke off; parts have what they have.' },
    purged: { ...whole, description: 'Should have been deleted.' },
    twice: { ...whole, description: 'Left the catalogue, because newer files in it have what they have.' },
  }),
  broken: { ...array(problem), description: 'Files that are not what their sidecar says, or cannot be read.' },
  totals: array(object({ category: text, files: whole, events: whole })),
  compacted_seq: text,
});

const replayed = object({
  state: { enum: ['working', 'done'] },
  after: { ...maybe(text), description: 'Where the next step goes on: send it as `after`.' },
  hot_floor: { ...time, description: 'Events from here on are to be in Postgres.' },
  parts: whole,
  events: whole,
  added: { ...whole, description: 'Rows that were not there.' },
  same: { type: 'boolean', description: 'Whether the rows are, to the byte, the lines that were read.' },
  archived: sum,
  restored: sum,
  unread: array(problem),
});

const tenantId = pathParameter('tenantId', 'Tenant id');

export const rebuildPaths: Record<string, Record<string, Operation>> = {
  '/v1/tenants/{tenantId}/archive/rebuild': {
    post: {
      summary: "Make the catalogue of a tenant's archive files again",
      description:
        'From their sidecars on S3. What is there stays. It goes on when you stop waiting; asked again, it does the rest.',
      scope: 'admin',
      parameters: [tenantId],
      answers: ok('Where the events of the log are now.', rebuilt),
      problems: ['not_found', 'conflict'],
    },
  },
  '/v1/tenants/{tenantId}/replay': {
    post: {
      summary: "Put a tenant's critical events back into Postgres",
      description:
        'From archive files and segments, a step a request; asked again with `after` until it is `done`. Rows that are there stay, and nothing is sealed anew.',
      scope: 'admin',
      parameters: [tenantId],
      body: body(schemaOf(replayBody), false),
      answers: ok('What came back in this step.', replayed),
      problems: ['not_found', 'request_invalid', 'json_invalid'],
    },
  },
};
