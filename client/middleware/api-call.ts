/**
 * The event of one API call, the same from every framework: `api.<method>` on a route, by whom the application says.
 *
 * Never a body, never a query string: both hold secrets and personal data. Nothing in here can fail a request: what
 * goes wrong is told to `onError`, and the response has long been made.
 */
import type { Crud, EventInput, Party } from '#core/event/event.ts';
import type { Trailkeep } from '../trailkeep.ts';

export interface CallOptions<Request> {
  /** Who called, asked when the response is done, so that authentication has run. Undefined: nobody known. */
  readonly actor: (request: Request) => Party | undefined;
  /** Which calls are recorded; all when absent. Health checks are many and say nothing. */
  readonly only?: (request: Request) => boolean;
  /** What else the event should hold; it wins over what was found. */
  readonly extra?: (request: Request) => Partial<EventInput> | undefined;
  /** The service that these calls belong to. */
  readonly service?: string;
  /** What went wrong while recording; the call itself went on. */
  readonly onError?: (error: unknown) => void;
}

/** What a framework knows of a call when it is over. */
export interface Call {
  readonly method: string;
  /** As it is registered, `/users/:id`; undefined when no route matched. */
  readonly route: string | undefined;
  /** Without the query string. */
  readonly path: string;
  /** Undefined when the caller was gone before the response. */
  readonly status: number | undefined;
  readonly startedMs: number;
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly requestId?: string | undefined;
}

const nobody: Party = { type: 'anonymous', id: 'anonymous' };

/** Records a call; never throws. */
export function recordCall<Request>(
  trail: Pick<Trailkeep, 'record'>,
  options: CallOptions<Request>,
  request: Request,
  read: () => Call,
): void {
  try {
    if (options.only && !options.only(request)) return;
    trail.record(eventOf(read(), options, request));
  } catch (error) {
    tell(options, error);
  }
}

function tell<Request>({ onError }: CallOptions<Request>, error: unknown): void {
  try {
    if (onError) onError(error);
    else console.warn('trailkeep: a call could not be recorded:', error);
  } catch {
    // There is nobody left to tell.
  }
}

function eventOf<Request>(call: Call, options: CallOptions<Request>, request: Request): EventInput {
  const method = /^[A-Za-z]{1,20}$/.test(call.method) ? call.method.toUpperCase() : 'OTHER';
  const context = {
    ip: plainIp(call.ip)?.slice(0, 64),
    user_agent: call.userAgent?.slice(0, 2048),
    request_id: call.requestId?.slice(0, 1024),
    service: options.service,
  };
  const path = call.path.slice(0, 2048);
  return {
    action: `api.${method.toLowerCase()}`,
    // Its id is the same for all calls of a route; which thing it was stands in metadata.path.
    targets: [{ type: 'route', id: (call.route ?? path).slice(0, 1024) || '/' }],
    crud: crudOf(method),
    outcome: outcomeOf(call.status),
    ...(Object.values(context).some((value) => value) ? { context: known(context) } : {}),
    metadata: {
      method,
      path,
      ...(call.status === undefined ? {} : { status: call.status }),
      duration_ms: Math.max(0, Math.round(Date.now() - call.startedMs)),
    },
    ...ask(options, request),
  };
}

/** The application's own functions may fail; the call is recorded all the same. */
function ask<Request>(
  options: CallOptions<Request>,
  request: Request,
): Pick<EventInput, 'actor'> & Partial<EventInput> {
  let actor: Party | undefined;
  let extra: Partial<EventInput> | undefined;
  try {
    actor = options.actor(request);
    extra = options.extra?.(request);
  } catch (error) {
    tell(options, error);
  }
  return { actor: actor ?? nobody, ...extra };
}

function crudOf(method: string): Crud {
  if (method === 'POST') return 'c';
  if (method === 'DELETE') return 'd';
  return method === 'PUT' || method === 'PATCH' ? 'u' : 'r';
}

function outcomeOf(status: number | undefined): NonNullable<EventInput['outcome']> {
  if (status === undefined) return { result: 'failure', reason: 'The caller was gone before the response.' };
  if (status < 400) return { result: 'success' };
  return { result: status === 401 || status === 403 ? 'denied' : 'failure', reason: `HTTP ${status}` };
}

/** An IPv4 address that came over an IPv6 socket is the same address. */
const plainIp = (ip: string | undefined): string | undefined => ip?.replace(/^::ffff:(?=\d+\.)/i, '');

const known = (of: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(of).filter((entry): entry is [string, string] => Boolean(entry[1])));
