/** What the API does to hand out events in bulk; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { exportFormats } from '#core/export/ports.ts';
import { filter } from './openapi-paths-events.ts';
import { array, body, json, type Operation, object, type Schema, text, time } from './openapi-words.ts';

const whole = { type: 'integer' };
const { limit: _limit, cursor: _cursor, ...filters } = filter.properties as Record<string, Schema>;

/** What could not be read. */
const unread = {
  oneOf: [
    object({ why: { const: 'archived' }, day: text, category: text }),
    object({ why: { const: 'missing' }, key: text }),
    object({ why: { const: 'damaged' }, key: text, bytes: text }),
  ],
};

export const eventExport = object(
  {
    id: text,
    kind: { const: 'events' },
    state: { enum: ['building', 'ready', 'failed'] },
    format: { enum: exportFormats },
    filter: { type: 'object', description: 'What was asked, without the names of people.' },
    skip_archived: { const: true },
    asked_at: { ...time, description: 'Events that were accepted later are not in it.' },
    parts: { ...whole, description: 'So far, or in all.' },
    events: whole,
    bytes: whole,
    reached: { ...time, description: 'While it is built: how far back it has come.' },
    ended_at: time,
    expires_at: time,
    problem: { type: 'string', description: 'Code of why it failed.' },
    unread: { ...array(unread), description: 'What was left out as you asked, or made it fail.' },
    files: {
      ...array(
        object({
          part: whole,
          name: text,
          events: whole,
          bytes: whole,
          sha256: { type: 'string', description: 'Hex, of the file.' },
          url: { type: 'string', description: 'Fetches the file without a key until `url_expires_at`.' },
          url_expires_at: time,
        }),
      ),
      description: 'When it is ready: a hundred parts from `after` on.',
    },
    next_after: { ...whole, description: 'Say it as `after` for the parts that follow.' },
  },
  [...['skip_archived', 'reached', 'ended_at', 'expires_at', 'problem', 'unread', 'files', 'next_after']],
);

export const exportPaths: Record<string, Record<string, Operation>> = {
  '/v1/exports': {
    post: {
      summary: 'Ask for all events that a filter finds, as files',
      description:
        'JSONL and CSV as gzip, or Parquet; see docs/guides/export.md. Takes `events:read` too; what you may not see is not in it. It holds what was committed when you asked. Complete or failed, never cut short. Recorded.',
      scope: 'events:export',
      body: body({
        type: 'object',
        additionalProperties: false,
        required: ['format'],
        properties: {
          format: { enum: exportFormats },
          skip_archived: {
            type: 'boolean',
            default: false,
            description: 'Leave out days that lie in Glacier, and name them, instead of failing.',
          },
          ...filters,
        },
      }),
      answers: {
        202: {
          description: 'It is being built.',
          content: json(eventExport),
          headers: { Location: { schema: text }, 'Retry-After': { schema: whole } },
        },
      },
      problems: ['filter_invalid', 'request_invalid', 'body_missing', 'json_invalid'],
    },
  },
};
