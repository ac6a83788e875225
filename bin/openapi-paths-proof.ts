/** What the API does to be checked by those who do not trust it; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { logStates } from '#core/proof/ports.ts';
import { exportBody } from '#functions/proof/exports.http.ts';
import { periodBody } from '#functions/proof/range.http.ts';
import { recoverBody } from '#functions/proof/recover.http.ts';
import { eventExport } from './openapi-paths-exports.ts';
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
  type Schema,
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const whole = { type: 'integer' };
const hash = { type: 'string', description: '32 bytes in standard base64.' };
const note = { type: 'string', description: 'A C2SP checkpoint with its signatures.' };
const vkey = { type: 'string', description: 'The verifier key of the log.' };
const plain = (description: string): Schema => ({ 'text/plain': { schema: { type: 'string', description } } });
const bytes = (type: string): Schema => ({ [type]: { schema: { type: 'string', format: 'binary' } } });

const log = object(
  {
    state: { enum: logStates },
    frozen_reason: text,
    origin: { ...maybe(text), description: 'Name of the log. Null before the first leaf was sealed.' },
    path: { ...maybe(text), description: 'Where standard tools find it.' },
    verifier: maybe(vkey),
    leaves: { ...whole, description: 'Leaves whose order is fixed.' },
    integrated_size: whole,
    archived_size: whole,
    published_size: whole,
    pending: { ...whole, description: 'Leaves that no published checkpoint covers.' },
    pending_due_at: maybe(time),
    merge_delay_seconds: object({ critical: whole, bulk: whole }),
    created_at: maybe(time),
  },
  ['frozen_reason'],
);
const proof = object(
  {
    v: { const: 1 },
    origin: text,
    line: { type: 'string', description: 'The stored event to the byte, with its salt.' },
    entry: { type: 'string', description: 'The leaf: canonical JSON that holds the commitment.' },
    index: whole,
    size: whole,
    hashes: array(hash),
    checkpoint: note,
    verifier: vkey,
    erased: { ...array(text), description: 'Fields whose keys are destroyed.' },
  },
  ['erased'],
);
const range = object({
  v: { const: 1 },
  origin: text,
  size: whole,
  from: time,
  to: time,
  start: { ...whole, description: 'First leaf of the period.' },
  end: { ...whole, description: 'The leaf behind its last.' },
  first: { ...whole, description: 'First leaf that is proved: the neighbour before the period.' },
  last: whole,
  left: array(hash),
  right: array(hash),
  entries: array(text),
  checkpoint: note,
  verifier: vkey,
});
const made = object(
  {
    id: text,
    state: { enum: ['building', 'ready', 'failed'] },
    from: time,
    to: time,
    ids: { ...whole, description: 'How many events were asked for.' },
    asked_at: time,
    ended_at: time,
    parts: { ...whole, description: 'The zip is so many parts, one after the other.' },
    bytes: whole,
    sha256: { type: 'string', description: 'Hex, of the whole zip.' },
    events: whole,
    size: { ...whole, description: 'Leaves under the checkpoint in it.' },
    expires_at: time,
    problem: { type: 'string', description: 'Code of why it failed.' },
  },
  ['from', 'to', 'ids', 'ended_at', 'parts', 'bytes', 'sha256', 'events', 'size', 'expires_at', 'problem'],
);
const eventId = pathParameter('eventId', 'UUIDv7');
const exportId = pathParameter('exportId', 'UUIDv7');
const scope = 'proofs:read';
const shape = ['request_invalid', 'body_missing', 'json_invalid'] as const;
const wholeTenant = 'Not for keys of one project or environment.';

const recovery = object(
  {
    state: { enum: ['recovered', 'draining', 'recovering', 'active', 'initializing', 'retired'] },
    until: { ...time, description: 'While it drains, or another recovery works: ask again then.' },
    epoch: { ...whole, description: 'Counts recoveries.' },
    archived_size: whole,
    found_segments: whole,
    found_events: { ...whole, description: 'Events that the database had lost.' },
    missing_events: { ...whole, description: 'Leaves whose events are nowhere any more.' },
    moved_segments: { ...whole, description: 'What the database got since, behind the log now.' },
    dropped_segments: { ...whole, description: 'Those of it that held events which the log has.' },
    tiles_removed: whole,
  },
  [
    ...['until', 'epoch', 'archived_size', 'found_segments', 'found_events', 'missing_events'],
    ...['moved_segments', 'dropped_segments', 'tiles_removed'],
  ],
);

export const proofPaths: Record<string, Record<string, Operation>> = {
  '/v1/tenants/{tenantId}/log/recover': {
    post: {
      summary: "Bring a tenant's frozen log back",
      description:
        'Asked again until it says `recovered` or `active`; it goes on when you stop waiting. A log that is not frozen is left alone unless `freeze` says otherwise.',
      scope: 'admin',
      parameters: [pathParameter('tenantId', 'Tenant id')],
      body: body(schemaOf(recoverBody), false),
      answers: {
        ...ok('Where the log is now, and what was done.', recovery),
        202: { description: 'Ask again after `Retry-After` seconds.', content: json(recovery) },
      },
      problems: ['not_found', 'request_invalid', 'recovery_stuck'],
    },
  },
  '/t/{slug}/{path}': {
    get: {
      summary: 'A file of the log, for standard tools',
      description: `C2SP tlog-tiles at the log's own path: \`checkpoint\`, \`tile/…\`, \`tile/entries/…\`, and beside them \`keys.txt\`, \`policy.txt\` and \`checkpoint-archive/<size>\`. ${wholeTenant}`,
      scope,
      parameters: [
        pathParameter('slug', 'Of your own log, as `GET /v1/log` says.'),
        pathParameter('path', 'May have slashes.'),
      ],
      answers: {
        200: { description: 'The file.', content: { ...plain('Texts.'), ...bytes('application/octet-stream') } },
      },
      problems: ['not_found'],
    },
  },
  '/v1/log': {
    get: {
      summary: 'How far the log is',
      description: wholeTenant,
      scope,
      answers: ok('Its state and sizes.', log),
    },
  },
  '/v1/log/consistency': {
    get: {
      summary: 'That one tree of the log continues another',
      description: `RFC 6962 consistency proof. With \`Accept: text/plain\` one hash a line. ${wholeTenant}`,
      scope,
      parameters: [
        { ...queryParameter('from', whole, 'Size of the smaller tree.'), required: true },
        queryParameter('to', whole, 'Size of the larger one; without it the newest published.'),
      ],
      answers: {
        200: {
          description: 'The hashes.',
          content: {
            ...json(object({ origin: text, from: whole, to: whole, hashes: array(hash) })),
            ...plain('One hash a line.'),
          },
        },
      },
      problems: ['request_invalid', 'not_found', 'proof_pending'],
    },
  },
  '/v1/log/range-proof': {
    post: {
      summary: 'All leaves of a period, and that there are no others',
      description: `A completeness proof: leaves of events that you may not read are listed too. At most 20,000; for more make an export. The look is recorded. ${wholeTenant}`,
      scope,
      body: body(schemaOf(periodBody)),
      answers: ok('The leaves and their proof.', range),
      problems: [...shape, 'range_too_large', 'proof_pending'],
    },
  },
  '/v1/events/{eventId}/proof': {
    get: {
      summary: 'That an event is in the log, as it is stored',
      description:
        'Takes `events:read` too. The event comes as it is stored: personal fields stay sealed. With `Accept: text/plain` a C2SP tlog-proof whose extra line is the entry. The look is recorded.',
      scope,
      parameters: [eventId, queryParameter('size', whole, 'For the archived checkpoint of this size instead.')],
      answers: {
        200: { description: 'The event and its proof.', content: { ...json(proof), ...plain('A tlog-proof.') } },
      },
      problems: ['not_found', 'request_invalid', 'proof_pending', 'proof_unavailable'],
    },
  },
  '/v1/exports/auditor': {
    post: {
      summary: 'Ask for a bundle of evidence',
      description: `Events with salts and proofs in one zip, of a period or by ids, that stands for itself: see docs/reference/auditor-bundle.md. Takes \`events:read\` too; what you may not see is named and left out. Recorded. ${wholeTenant}`,
      scope: 'exports:create',
      body: body(schemaOf(exportBody)),
      answers: {
        202: {
          description: 'It is being built.',
          content: json(made),
          headers: { Location: { schema: text }, 'Retry-After': { schema: whole } },
        },
      },
      problems: shape,
    },
  },
  '/v1/exports/{exportId}': {
    get: {
      summary: 'What became of an export',
      description:
        'Of your own, of either kind; seven days long. One of events takes `events:export`, one for auditors `exports:create`. When one of events is ready its `files` have addresses that open without a key for 15 minutes: asking for them is recorded.',
      scope: 'exports:create',
      parameters: [exportId, queryParameter('after', whole, 'Of events: parts after this one.')],
      answers: ok('Its state.', { oneOf: [made, eventExport] }),
      problems: ['not_found', 'request_invalid'],
    },
  },
  '/v1/exports/{exportId}/content': {
    get: {
      summary: 'A part of an export',
      description:
        'For auditors: all parts, one after the other, are the zip. Of events: at most 4,000,000 bytes of a file from `offset` on; all of them, one after the other, are the file. Recorded.',
      scope: 'exports:create',
      parameters: [
        exportId,
        queryParameter('part', whole, 'From 1, which is the default.'),
        queryParameter('offset', whole, 'Of events: the first byte, 0 by default.'),
      ],
      answers: {
        200: {
          description: 'The bytes.',
          content: {
            ...bytes('application/zip'),
            ...bytes('application/gzip'),
            ...bytes('application/vnd.apache.parquet'),
          },
        },
      },
      problems: [
        ...['not_found', 'request_invalid', 'export_pending', 'export_incomplete'],
        ...['proof_pending', 'proof_unavailable', 'range_too_large'],
      ] as const,
    },
  },
};
