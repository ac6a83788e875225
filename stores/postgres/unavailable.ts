import { Problem } from '#core/event/problem.ts';
import { Unavailable } from '#core/record/ports.ts';

/** What sockets and postgres.js say when the server is not there. */
const connectionCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'ERR_SOCKET_CLOSED', 'ERR_STREAM_DESTROYED'],
  ...['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT'],
]);
/**
 * SQLSTATEs that blame the place and not the data. Classes 08 (connection), 28 (log-in: IAM throttles during a
 * fail-over), 3D and 3F (not made yet), 40 (deadlock, retry), 53 (resources), 57 (shutdown, time-out), 58 and XX
 * (disk, internal); 25006 is a writer that became a reader. The 42s are a deployment whose migrations are not
 * done: events must wait for them and not be buried. Classes 22 and 23 blame the data.
 */
const stateClasses = new Set(['08', '28', '3D', '3F', '40', '53', '57', '58', 'XX']);
const states = new Set(['25006', '55P03', '42501', '42P01', '42703', '42883']);

/** `Unavailable` when the error means that the database is down or busy, else the error as it is. */
export function asUnavailable(error: unknown): unknown {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code !== 'string') return error;
  const isState = /^[0-9A-Z]{5}$/.test(code);
  const down = connectionCodes.has(code) || (isState && (states.has(code) || stateClasses.has(code.slice(0, 2))));
  return down ? new Unavailable('postgres', error) : error;
}

/** True for a row that exists already. */
export const isDuplicate = (error: unknown): boolean => (error as { code?: unknown } | undefined)?.code === '23505';

/** The outcome of a write, with a row that exists already told as Problem `conflict`. */
export async function orConflict<T>(detail: string, write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw isDuplicate(error) ? new Problem('conflict', detail, { cause: error }) : error;
  }
}
