/** What every AWS client and driver here has in common: patience, and which failures mean "try again". */
import { Unavailable } from '#core/record/ports.ts';

/**
 * Settings for every SDK client: three tries with jitter, and an answer within seconds or an error, so that a
 * verb can still say 503 inside its own time limit. Without `throwOnRequestTimeout` the SDK only warns.
 */
export const clientSettings = {
  retryMode: 'standard',
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1000, requestTimeout: 4000, throwOnRequestTimeout: true },
} as const;

const throttled =
  /^(Throttling|ThrottlingException|ThrottledException|RequestThrottled|RequestThrottledException|TooManyRequestsException|KmsThrottled|KMSThrottlingException|SlowDown|RequestLimitExceeded|OverLimit|ProvisionedThroughputExceededException|RequestTimeout|RequestTimeoutException|TimeoutError|ConditionalRequestConflict|OperationAborted|QueueDeletedRecently)$/;
const disconnected =
  /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL)$/;

/**
 * `Unavailable` for what time heals: 5xx, throttling, time-outs, broken connections. Anything else (denied, not
 * found, a wrong parameter, our own bug) comes back as it is, so that it is seen and not retried for ever.
 */
export function asUnavailable(error: unknown, place: string): unknown {
  return isPassing(error) ? new Unavailable(place, error) : error;
}

/** Runs a call and turns a passing failure into `Unavailable`. */
export async function reach<T>(place: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asUnavailable(error, place);
  }
}

/** The name of an error, for the few that a driver expects. */
export const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

/** The HTTP status of an SDK error. */
export const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

function isPassing(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof Unavailable) return false;
  const status = statusOf(error);
  if (status !== undefined && (status >= 500 || status === 429)) return true;
  if (throttled.test(error.name) || (error as { $retryable?: object }).$retryable !== undefined) return true;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && (disconnected.test(code) || throttled.test(code.split('.').at(-1)!))) return true;
  if (error.message === 'socket hang up') return true;
  return error.cause !== undefined && error.cause !== error && isPassing(error.cause);
}
