/** A mapping to begin with: of the table that most programs have. */
export const exampleMapping = {
  $schema: './mapping.schema.json',
  table: 'public.audit_logs',
  key: ['id'],
  time_zone: 'Europe/Berlin',
  fields: {
    action: {
      column: 'event',
      map: { LOGIN: 'user.login', LOGIN_FAILED: 'user.login_failed' },
      as: 'action',
      prefix: 'legacy.',
    },
    occurred_at: 'created_at',
    'actor.id': { column: 'user_id', default: 'unknown' },
    'actor.type': "'user'",
    'actor.email': 'user_email',
    'outcome.result': { column: 'success', map: { true: 'success', false: 'failure' }, default: 'success' },
    'outcome.reason': { column: 'error', max: 4000 },
    'targets.0.type': { column: 'entity_type', default: 'record' },
    'targets.0.id': { column: 'entity_id', default: 'unknown' },
    'context.ip': 'ip_address',
    'context.user_agent': { column: 'user_agent', max: 2000 },
    'context.request_id': { column: 'details', path: '/request/id', invalid: 'omit' },
    'metadata.details': { column: 'details', invalid: 'text', max: 16000 },
  },
  changes: { before: 'old_values', after: 'new_values', invalid: 'omit' },
} as const;
