/** An error that a person reads: what is wrong, and what to do next. */

/** The command was typed wrongly: exit code 2. Everything else that fails is 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something else is wrong; `next` says what to do about it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly next: string | undefined;
  constructor(message: string, next?: string) {
    super(message);
    this.next = next;
  }
}

interface ApiFailure {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId?: string | undefined;
}

/** What the API answered when it said no, whatever class carries it. */
const isApiFailure = (error: unknown): error is Error & ApiFailure =>
  error instanceof Error && 'status' in error && 'code' in error && 'detail' in error;

/** The codes with which a connection fails before anybody answered. */
const unreachable = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ECONNRESET|EHOSTUNREACH|ETIMEDOUT|UND_ERR|fetch failed/;

function causeText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? ` ${String(error.code)}` : '';
  return `${error.message}${code}${error.cause === undefined ? '' : ` ${causeText(error.cause)}`}`;
}

/** The lines to print for an error, given where the address and the key came from. */
export function explain(error: unknown, from: { readonly url?: string; readonly keyFrom?: string } = {}): string[] {
  if (error instanceof UsageError) return [error.message];
  if (error instanceof CliError) return [error.message, ...(error.next === undefined ? [] : [error.next])];
  if (isApiFailure(error) && error.status > 0) {
    const lines = [`The API refused: ${error.detail} (${error.status} ${error.code})`];
    if (error.status === 401) {
      lines.push(
        `The key came from ${from.keyFrom ?? 'nowhere'}. After a new "npm start" in an empty folder, old keys are gone.`,
      );
    } else if (error.status === 403) {
      lines.push(`The key came from ${from.keyFrom ?? 'nowhere'}; "trailkeep whoami" shows its scopes.`);
    } else if (error.status === 429) {
      lines.push(
        'Wait a little and run it again, or ask for a key with a higher rate (--rate of "trailkeep key create").',
      );
    }
    lines.push(`See https://trailkeep.dev/errors/${error.code} (docs/reference/errors/${error.code}.md).`);
    if (error.requestId) lines.push(`Request id: ${error.requestId}`);
    return lines;
  }
  if (isApiFailure(error) && error.code === 'timeout') {
    return [error.detail, 'It may be starting or overloaded; run the command again in a minute.'];
  }
  if ((isApiFailure(error) && error.code === 'network') || unreachable.test(causeText(error))) {
    return [
      `Nobody answers at ${from.url ?? 'the API'}.`,
      'On this machine, start it with "npm start" and leave that running; else give --url or TRAILKEEP_URL.',
    ];
  }
  const failure = error instanceof Error ? error : new Error(String(error));
  return [failure.message, ...(process.env.TRAILKEEP_DEBUG ? [failure.stack ?? ''] : [])];
}
