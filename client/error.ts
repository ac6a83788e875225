import type { BatchReceipt, ItemReceipt } from './answers.ts';

/** Details of a TrailkeepError. */
export interface Failure {
  /** HTTP status; 0 when nobody answered. */
  readonly status: number;
  /** A stable code of the API (docs/reference/errors), or the client's own: `network`, `timeout`, `aborted`, … */
  readonly code: string;
  /** One sentence that says what is wrong. */
  readonly detail: string;
  readonly requestId?: string | undefined;
  /** JSON pointer to what is wrong in the body. */
  readonly pointer?: string | undefined;
  /** Per event, when events were refused. */
  readonly items?: readonly ItemReceipt[] | undefined;
  /** What the API asked to wait. */
  readonly retryAfterMs?: number | undefined;
  /** What went in before a later part of the same `sendMany` failed. */
  readonly receipt?: BatchReceipt | undefined;
  readonly cause?: unknown;
}

/** Every way in which a call of the client fails. */
export class TrailkeepError extends Error {
  override readonly name = 'TrailkeepError';
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string | undefined;
  readonly pointer: string | undefined;
  readonly items: readonly ItemReceipt[] | undefined;
  readonly retryAfterMs: number | undefined;
  readonly receipt: BatchReceipt | undefined;

  constructor(failure: Failure) {
    super(`${failure.code}: ${failure.detail}`, { cause: failure.cause });
    this.status = failure.status;
    this.code = failure.code;
    this.detail = failure.detail;
    this.requestId = failure.requestId;
    this.pointer = failure.pointer;
    this.items = failure.items;
    this.retryAfterMs = failure.retryAfterMs;
    this.receipt = failure.receipt;
  }

  /** Whether the same call may succeed later: nobody answered, too much at once, or a fault of the other side. */
  get temporary(): boolean {
    return this.code === 'network' || this.code === 'timeout' || this.status === 429 || this.status >= 500;
  }

  /** What the API asked to wait, in seconds as in the header. */
  get retryAfterSeconds(): number | undefined {
    return this.retryAfterMs === undefined ? undefined : this.retryAfterMs / 1000;
  }
}
