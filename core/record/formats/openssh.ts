/**
 * The lines of an OpenSSH server in syslog form (RFC 3164), as `sshd` writes them to auth.log or secure.
 *
 * A syslog line has no year and no zone: the year is given, or taken so that nothing happened in the future;
 * the zone is UTC unless the line says otherwise (RFC 5424 time stamps carry both and are read exactly).
 */
import type { EventInput, JsonObject } from '../../event/event.ts';
import { fail, ok } from '../../event/problem.ts';
import { normaliseTime } from '../../event/time.ts';
import { clip, isIp, type Recognised } from './format.ts';

export interface OpensshOptions {
  /** The year of the first line; later lines follow it over New Year only when no year is given. */
  readonly year?: number;
  /** A line without a year is never later than this. */
  readonly now: Date;
}

type Found = Pick<EventInput, 'action' | 'outcome'> & {
  readonly user?: string | undefined;
  readonly from?: string | undefined;
  readonly metadata?: Record<string, string | number | undefined>;
};
type Groups = Readonly<Record<string, string | undefined>>;

const header =
  /^(?<time>[A-Z][a-z]{2}\s+\d{1,2}\s\d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+)\s+(?<host>\S+)\s+sshd(?:-session|-auth)?(?:\[(?<pid>\d{1,10})\])?:\s+(?<text>.*)$/;

const failed = (reason: string): NonNullable<EventInput['outcome']> => ({ result: 'failure', reason });
// Names come from strangers and may hold the sentence's own words: a name reaches as far as it can, and the
// address is the last one of the line.
const endpoint = String.raw`(?<from>\S+)(?: port (?<port>\d+))?`;

const disconnected = ({ user, from, port, said }: Groups): Found => ({
  action: 'ssh.disconnect',
  outcome: { result: 'success' },
  user,
  from,
  metadata: { port: numberOf(port), said: said?.trim() || undefined },
});

/** What sshd says, in the order in which it is tried. */
const sentences: readonly (readonly [RegExp, (groups: Groups) => Found])[] = [
  [
    new RegExp(`^Accepted (?<method>\\S+) for (?<user>.+) from ${endpoint}(?: \\S+)?(?:: (?<key>.+))?$`),
    ({ user, from, port, method, key }) => ({
      action: 'ssh.login',
      outcome: { result: 'success' },
      user,
      from,
      metadata: { method, port: numberOf(port), key },
    }),
  ],
  [
    new RegExp(
      `^Failed (?<method>\\S+) for (?<invalid>invalid user )?(?<user>.*) from ${endpoint}(?: ssh\\d*)?(?:: .*)?$`,
    ),
    ({ user, from, port, method, invalid }) => ({
      action: 'ssh.login',
      outcome: failed(invalid ? `Failed ${method}, the user does not exist` : `Failed ${method}`),
      user,
      from,
      metadata: { method, port: numberOf(port) },
    }),
  ],
  [
    new RegExp(`^Invalid user (?<user>.*) from ${endpoint}$`),
    ({ user, from, port }) => ({
      action: 'ssh.login',
      outcome: failed('Invalid user'),
      user,
      from,
      metadata: { port: numberOf(port) },
    }),
  ],
  [
    /^(?:pam_\w+\(sshd:auth\): authentication failure|PAM (?<more>\d+) more authentication failures?);.*? rhost=(?<from>\S*)(?:\s+user=(?<user>\S+))?\s*$/,
    ({ user, from, more }) => ({
      action: 'ssh.login',
      outcome: failed(more ? `${more} more authentication failures` : 'Authentication failure'),
      user,
      from,
      metadata: { method: 'pam', failures: numberOf(more) },
    }),
  ],
  [
    new RegExp(
      `^(?:error: )?maximum authentication attempts exceeded for (?<invalid>invalid user )?(?<user>.*) from ${endpoint}(?: ssh\\d*)?(?: \\[preauth\\])?$`,
    ),
    ({ user, from, port }) => ({
      action: 'ssh.login',
      outcome: failed('Maximum authentication attempts exceeded'),
      user,
      from,
      metadata: { port: numberOf(port) },
    }),
  ],
  [
    /^(?:Disconnecting(?: (?:invalid|authenticating) user (?<user>.*) (?<from>\S+) port (?<port>\d+))?: )?Too many authentication failures(?: for (?<other>\S+))?/,
    ({ user, other, from, port }) => ({
      action: 'ssh.login',
      outcome: failed('Too many authentication failures'),
      user: user ?? other,
      from,
      metadata: { port: numberOf(port) },
    }),
  ],
  [
    /(?:for|Address) (?<first>\S+)(?: \[(?<from>[^\]]+)\])?.*POSSIBLE BREAK-IN ATTEMPT!?$/,
    ({ first, from }) => ({
      action: 'ssh.login',
      outcome: failed('Possible break-in attempt: the name and the address do not match'),
      from: from ?? first,
      metadata: from === undefined ? {} : { reverse_name: first },
    }),
  ],
  [
    /^pam_\w+\(sshd:session\): session (?<what>opened|closed) for user (?<user>[^\s(]+)/,
    ({ user, what }) => ({
      action: what === 'opened' ? 'ssh.session_open' : 'ssh.session_close',
      outcome: { result: 'success' },
      user,
    }),
  ],
  [
    /^(?:error: )?(?:Received disconnect from|Disconnected from|Connection closed by|Connection reset by) (?:(?:invalid |authenticating )?user (?<user>.*) )?(?<from>\S+) port (?<port>\d+)(?::\s*(?<code>\d+): (?<said>.*?))?(?: \[preauth\])?$/,
    disconnected,
  ],
  // Before OpenSSH 7 these lines had no port.
  [
    /^(?:error: )?(?:Received disconnect from|Disconnected from|Connection closed by|Connection reset by) (?<from>[^\s:]\S*?)(?::\s*(?<code>\d+): (?<said>.*?))?(?: \[preauth\])?$/,
    disconnected,
  ],
];

/** The event of one line; what is no sentence of sshd that says who did something is unrecognised. */
export function fromOpenssh(line: string, { year, now }: OpensshOptions): Recognised {
  const head = header.exec(line.trimEnd())?.groups;
  if (!head) return 'unrecognised';
  const repeated = /^message repeated (\d+) times: \[ (.*)\]$/.exec(head.text!);
  const text = repeated?.[2] ?? head.text!;
  for (const [pattern, read] of sentences) {
    const match = pattern.exec(text);
    if (!match) continue;
    const occurredAt = timeOf(head.time!, year, now);
    if (occurredAt === undefined) return fail('event_time_invalid', `${head.time} is not a time of that year.`);
    const found = read(match.groups ?? {});
    return ok(
      eventOf(found, { host: head.host!, pid: numberOf(head.pid), repeated: numberOf(repeated?.[1]) }, occurredAt),
    );
  }
  return 'unrecognised';
}

function eventOf(
  { action, outcome, user, from, metadata }: Found,
  by: { readonly host: string; readonly pid: number | undefined; readonly repeated: number | undefined },
  occurredAt: string,
): EventInput {
  const context =
    from === undefined || from === '' ? undefined : isIp(from) ? { ip: from } : { location: clip(from, 1024) };
  const more = Object.entries({ ...metadata, pid: by.pid, repeated: by.repeated }).filter(
    ([, value]) => value !== undefined,
  );
  return {
    action,
    occurred_at: occurredAt,
    // An attacker may send an empty name, and a line about an address names nobody.
    actor: { type: 'user', id: clip(user || 'unknown', 1024) },
    ...(outcome === undefined ? {} : { outcome }),
    targets: [{ type: 'host', id: clip(by.host, 1024) }],
    ...(context === undefined ? {} : { context }),
    ...(more.length === 0 ? {} : { metadata: Object.fromEntries(more) as JsonObject }),
  };
}

const numberOf = (digits: string | undefined): number | undefined =>
  digits === undefined ? undefined : Number(digits);

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** RFC 3339 in UTC; a time without a year gets the given one, or the newest in which it is not in the future. */
function timeOf(text: string, year: number | undefined, now: Date): string | undefined {
  if (/^\d{4}-/.test(text)) {
    const exact = normaliseTime(text);
    return exact.ok ? exact.value : undefined;
  }
  const [month, day, clock] = text.split(/\s+/) as [string, string, string];
  const at = (of: number) => {
    const number = String(months.indexOf(month) + 1).padStart(2, '0');
    const exact = normaliseTime(`${String(of).padStart(4, '0')}-${number}-${day.padStart(2, '0')}T${clock}Z`);
    return exact.ok ? exact.value : undefined;
  };
  if (year !== undefined) return at(year);
  const newest = now.getUTCFullYear();
  // Up to eight years back, for a 29 February around a year 2100.
  for (let of = newest; of > newest - 9; of--) {
    const time = at(of);
    if (time !== undefined && Date.parse(time) <= now.getTime()) return time;
  }
  return undefined;
}
