/**
 * Every way Trailkeep says no. A problem has three parts: a stable code, a
 * sentence for the caller, and (in traces only) a sentence for us.
 *
 * Each code has a page in docs/reference/errors/; a test fails when one is missing.
 */
export const problemKinds = {
  // The body as bytes and JSON
  body_missing: { status: 400, title: 'The request has no body' },
  body_too_large: { status: 413, title: 'The request body is too large' },
  encoding_unsupported: { status: 415, title: 'The content encoding is not supported' },
  media_type_unsupported: { status: 415, title: 'The content type is not supported' },
  gzip_invalid: { status: 400, title: 'The gzip body cannot be inflated' },
  utf8_invalid: { status: 400, title: 'The body is not valid UTF-8' },
  json_invalid: { status: 400, title: 'The body is not valid JSON' },
  json_duplicate_key: { status: 400, title: 'An object has the same key twice' },
  json_number_unsafe: { status: 400, title: 'A number would change its value' },
  json_key_forbidden: { status: 400, title: 'A key is not allowed' },
  json_string_unsafe: { status: 400, title: 'A string holds a character that cannot be stored' },
  json_too_deep: { status: 400, title: 'The JSON is nested too deeply' },
  json_too_many_keys: { status: 400, title: 'The event has too many keys' },
  // Events
  batch_empty: { status: 400, title: 'The batch holds no event' },
  batch_too_large: { status: 413, title: 'The batch holds too many events' },
  event_too_large: { status: 413, title: 'The event is too large' },
  event_invalid: { status: 400, title: 'The event does not have the right shape' },
  event_schema_violated: { status: 422, title: 'The event breaks the schema registered for its action' },
  event_time_invalid: { status: 400, title: 'The event time cannot be used' },
  event_id_invalid: { status: 400, title: 'The event id cannot be used' },
  batch_refused: { status: 422, title: 'No event of the batch was accepted' },
  // Idempotency and rate
  idempotency_key_invalid: { status: 400, title: 'The Idempotency-Key cannot be used' },
  idempotency_conflict: { status: 409, title: 'The Idempotency-Key was used with another body' },
  rate_limited: { status: 429, title: 'Too many events for this key' },
  // Access
  unauthenticated: { status: 401, title: 'The API key is missing or not valid' },
  forbidden: { status: 403, title: 'The API key may not do this' },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'This path does not take that method' },
  conflict: { status: 409, title: 'It was changed or made by someone else meanwhile' },
  // Privacy
  second_person_required: { status: 403, title: 'This takes a second person' },
  legal_basis_invalid: { status: 422, title: 'The trail cannot be retained on this ground' },
  erasure_under_way: { status: 409, title: 'An erasure of this subject is under way' },
  // Proofs
  proof_pending: { status: 409, title: 'It is not in the log yet' },
  proof_unavailable: { status: 409, title: 'The log has no leaf for it' },
  range_too_large: { status: 422, title: 'The range holds too many leaves for one answer' },
  recovery_stuck: { status: 409, title: 'The log cannot be recovered as things are' },
  // Exports
  export_pending: { status: 409, title: 'The export is not built yet' },
  export_incomplete: { status: 409, title: 'A part of the trail could not be read for the export' },
  // Asking
  filter_invalid: { status: 400, title: 'A filter cannot be understood' },
  cursor_invalid: { status: 400, title: 'The cursor cannot be used' },
  feed_expired: { status: 410, title: 'The feed does not go back that far' },
  query_unfinished: { status: 409, title: 'The query has no results' },
  archived: { status: 409, title: 'It is archived and must be restored first' },
  stored_damaged: { status: 500, title: 'What is stored is not what was written' },
  request_invalid: { status: 400, title: 'The request does not have the right shape' },
  schema_invalid: { status: 400, title: 'The JSON Schema cannot be registered' },
  role_invalid: { status: 422, title: 'The role cannot be put' },
  // Ours
  unavailable: { status: 503, title: 'A part of Trailkeep is unavailable, try again' },
  timeout: { status: 504, title: 'It took too long' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  // Messages on queues (dead-letter reasons)
  message_unreadable: { status: 400, title: 'The message cannot be read' },
  message_foreign: { status: 400, title: 'The message came by a queue that belongs to no tenant' },
} as const satisfies Record<string, { status: number; title: string }>;

/** A stable error code. */
export type ProblemCode = keyof typeof problemKinds;

/** A fault in data, as a value: what is wrong and where (RFC 6901 pointer into the item). */
export interface Fault {
  readonly code: ProblemCode;
  /** A sentence for the caller. Never holds another tenant's data, never a stack. */
  readonly detail: string;
  /** JSON pointer into the body or the item. */
  readonly pointer?: string;
}

/** A value or a fault; core never throws for bad data. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const fail = (code: ProblemCode, detail: string, pointer?: string): { ok: false; fault: Fault } => ({
  ok: false,
  fault: pointer === undefined ? { code, detail } : { code, detail, pointer },
});

/** A fault that ends a request. Thrown by verbs, turned into problem+json by functions/runtime/http.ts. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly fault: Fault;
  readonly status: number;
  /** Seconds, for `Retry-After` on 429 and 503. */
  readonly retryAfterSeconds: number | undefined;
  /** Members added to the problem+json body (RFC 9457 §3.2), for example `items`. */
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    code: ProblemCode,
    detail: string,
    options: {
      pointer?: string;
      retryAfterSeconds?: number;
      extensions?: Record<string, unknown>;
      cause?: unknown;
    } = {},
  ) {
    super(`${code}: ${detail}`, { cause: options.cause });
    this.fault = options.pointer === undefined ? { code, detail } : { code, detail, pointer: options.pointer };
    this.status = problemKinds[code].status;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.extensions = options.extensions ?? {};
  }
}

/** A Problem from a fault that core returned. */
export const problemOf = (fault: Fault): Problem =>
  new Problem(fault.code, fault.detail, fault.pointer === undefined ? {} : { pointer: fault.pointer });
