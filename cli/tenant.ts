/** Tenants: the platform's own key makes them and gives them their first key. */
import { type Command, type Invocation, listMax, scopesOf, words } from './command.ts';
import { unknownVerb } from './key.ts';
import { fields, say, table } from './print.ts';
import { move } from './tenant-move.ts';

const verbs = ['list', 'create', 'show', 'key', 'intake', 'move'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const show = (one: object) => say({ out }, json ? `${JSON.stringify(one)}\n` : fields({ ...one }));
  switch (verb) {
    case 'list': {
      words(rest, []);
      const { tenants, next } = await invocation.open('admin').tenants.list({ limit: listMax });
      if (json) for (const tenant of tenants) say({ out }, `${JSON.stringify(tenant)}\n`);
      else
        say(
          { out },
          table(
            ['TENANT', 'NAME', 'CREATED'],
            tenants.map(({ id, name, created_at }) => [id, name, created_at]),
          ),
        );
      if (next) err.write('There are more tenants; the API lists them with ?after=.\n');
      return 0;
    }
    case 'create':
      show(await invocation.open('admin').tenants.create({ name: words(rest, ['The name of the tenant'])[0]! }));
      return 0;
    case 'show':
      show(await invocation.open('admin').tenants.get(words(rest, ['The id of the tenant'])[0]!));
      return 0;
    case 'key': {
      const [id, name] = words(rest, ['The id of the tenant', 'The name of the key']);
      const scopes = scopesOf(flags);
      const made = await invocation
        .open('admin')
        .tenants.createKey(id!, { name: name!, ...(scopes.length === 0 ? {} : { scopes }) });
      show(made);
      if (!json) err.write('The key is shown this once; keep it where secrets are kept.\n');
      return 0;
    }
    case 'intake': {
      const [id] = words(rest, ['The id of the tenant']);
      const { tenants } = invocation.open('admin');
      show(flags.open === true ? await tenants.openIntake(id!) : await tenants.intake(id!));
      return 0;
    }
    case 'move': {
      const [id] = words(rest, ['The id of the tenant']);
      return move(invocation, id!);
    }
    default:
      throw unknownVerb('tenant', verb, verbs);
  }
}

export const tenantCommand: Command = {
  name: 'tenant',
  summary: 'make and list tenants (admin)',
  usage: 'list | create NAME | show ID | key ID NAME | intake ID [--open] | move ID [--to SHARD] [--finish]',
  options: {
    scope: { type: 'string', multiple: true },
    open: { type: 'boolean' },
    to: { type: 'string' },
    finish: { type: 'boolean' },
  },
  flags: [
    ['--scope SCOPE', 'of the key that is made: events:write, events:read, keys:manage'],
    ['--open', 'makes the queue for producers inside AWS when there is none'],
    ['--to SHARD', 'moves the tenant to this cluster, and tells how far it is until it lives there'],
    ['--finish', 'deletes what a move left behind'],
  ],
  examples: [
    ['trailkeep tenant create "Example Ltd"', 'a tenant'],
    ['trailkeep tenant key 0198c0de-0000-7000-8000-000000000000 first', 'its first key'],
    ['trailkeep tenant intake 0198c0de-0000-7000-8000-000000000000 --open', 'a queue of its own'],
    ['trailkeep tenant move 0198c0de-0000-7000-8000-000000000000 --to 1', 'a cluster of its own'],
  ],
  run,
};
