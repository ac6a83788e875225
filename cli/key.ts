/** Keys: a tenant's own, with its own key that may manage keys. The secret is shown once. */

import { nearest } from '#core/query/nearest.ts';
import { type Command, type Invocation, listMax, scopesOf, text, whole, words } from './command.ts';
import { UsageError } from './fail.ts';
import { fields, plain, say, table } from './print.ts';
import { readTime } from './time.ts';

const verbs = ['list', 'create', 'show', 'revoke', 'rotate'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const show = (one: object) => say({ out }, json ? `${JSON.stringify(one)}\n` : fields({ ...one }));
  switch (verb) {
    case 'list': {
      words(rest, []);
      const { keys, next } = await invocation.open().keys.list({ limit: listMax });
      if (json) for (const key of keys) say({ out }, `${JSON.stringify(key)}\n`);
      else {
        const rows = keys.map((key) => [
          key.key_id,
          key.name,
          key.service_account ?? key.scopes.join(' '),
          String(key.events_per_second),
          key.revoked_at ? 'revoked' : (key.expires_at ?? '-'),
          key.last_used_at ?? 'never',
        ]);
        say(
          { out },
          table(
            ['KEY', 'NAME', 'SCOPES', 'EVENTS/S', 'EXPIRES', 'LAST USED'],
            rows,
            out.isTTY ? out.columns : undefined,
          ),
        );
      }
      if (next) err.write('There are more keys; the API lists them with ?after=.\n');
      return 0;
    }
    case 'create': {
      const [name] = words(rest, ['The name of the key']);
      const scopes = scopesOf(flags);
      const account = text(flags, 'service-account');
      if (scopes.length === 0 && account === undefined)
        throw new UsageError(
          'What may the key do? Say --scope events:write, events:read or keys:manage; or --service-account NAME.',
        );
      const expires = text(flags, 'expires');
      const rate = whole(flags, 'rate', 1, 1_000_000);
      const project = text(flags, 'project');
      const environment = text(flags, 'environment');
      const made = await invocation.open().keys.create({
        name: name!,
        ...(account === undefined || scopes.length > 0 ? { scopes } : {}),
        ...(account === undefined ? {} : { service_account: account }),
        ...(expires === undefined ? {} : { expires_at: futureTime(expires, invocation.now()) }),
        ...(rate === undefined ? {} : { events_per_second: rate }),
        ...(project === undefined ? {} : { project }),
        ...(environment === undefined ? {} : { environment }),
      });
      show(made);
      if (!json) err.write('The key is shown this once; keep it where secrets are kept.\n');
      return 0;
    }
    case 'show':
      show(await invocation.open().keys.get(words(rest, ['The id of the key'])[0]!));
      return 0;
    case 'revoke': {
      const [id] = words(rest, ['The id of the key']);
      await invocation.open().keys.revoke(id!);
      if (!json) say({ out }, `${plain(id!)} is revoked; it works for at most another minute.\n`);
      return 0;
    }
    case 'rotate': {
      const [id] = words(rest, ['The id of the key']);
      const overlap = whole(flags, 'overlap', 0, 86_400);
      show(await invocation.open().keys.rotate(id!, overlap === undefined ? {} : { overlap_seconds: overlap }));
      if (!json)
        err.write(`The old secret works for ${overlap ?? 3600} more seconds. The new key is shown this once.\n`);
      return 0;
    }
    default:
      throw unknownVerb('key', verb, verbs);
  }
}

/** `30d` is thirty days from now; else a time. */
export function futureTime(given: string, now: Date): string {
  const ahead = /^(\d{1,5})d$/.exec(given);
  return ahead
    ? new Date(now.getTime() + Number(ahead[1]) * 86_400_000).toISOString()
    : readTime(given, now, 'expires');
}

/** A verb that a command does not have, with the nearest that it has. */
export function unknownVerb(command: string, verb: string, all: readonly string[]): UsageError {
  const guess = nearest(verb, all);
  return new UsageError(
    `${command} has no ${JSON.stringify(verb)}${guess === undefined ? '' : `; did you mean "${command} ${guess}"?`} It has ${all.join(', ')}.`,
  );
}

export const keyCommand: Command = {
  name: 'key',
  summary: 'make, list, rotate and revoke API keys',
  usage: 'list | create NAME --scope SCOPE | show ID | rotate ID | revoke ID',
  options: {
    scope: { type: 'string', multiple: true },
    'service-account': { type: 'string' },
    expires: { type: 'string' },
    rate: { type: 'string' },
    project: { type: 'string' },
    environment: { type: 'string' },
    overlap: { type: 'string' },
  },
  flags: [
    ['--scope SCOPE', 'events:write, events:read, keys:manage; may be repeated'],
    ['--service-account NAME', 'instead of scopes: the key has the roles assigned to service:NAME'],
    ['--expires TIME', '90d from now, or a time'],
    ['--rate N', 'events a second at most'],
    ['--project ID', 'sees and writes this project only'],
    ['--environment ID', 'and this environment of it only'],
    ['--overlap SECONDS', 'how long the old secret works after rotate (3600)'],
  ],
  examples: [
    ['trailkeep key create billing --scope events:write --expires 90d', 'for a service that writes'],
    ['trailkeep key rotate abcdefghijklmnopqrst --overlap 600', 'a new secret'],
  ],
  run,
};
