/** Roles: what permissions are bundled into. Bounds and conditions of grants go by the API. */
import { type Command, type Invocation, listMax, text, texts, words } from './command.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { fields, plain, say, table } from './print.ts';

const verbs = ['list', 'show', 'put', 'delete'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const { roles } = invocation.open();
  const id = () => words(rest, ['The id of the role'])[0]!;
  const reason = text(flags, 'reason');
  const why = reason === undefined ? {} : { reason };
  const show = (one: Awaited<ReturnType<typeof roles.get>>) =>
    say(
      { out },
      json
        ? `${JSON.stringify(one)}\n`
        : fields({ ...one, inherits: one.inherits.join(' '), grants: one.grants.map(namesOf).join(' ') }),
    );
  switch (verb) {
    case 'list': {
      words(rest, []);
      const { roles: all, next } = await roles.list({ limit: listMax });
      if (json) for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
      else {
        const rows = all.map((one) => [one.id, one.name, one.inherits.join(' '), one.grants.map(namesOf).join(' ')]);
        say({ out }, table(['ROLE', 'NAME', 'INHERITS', 'GRANTS'], rows, out.isTTY ? out.columns : undefined));
      }
      if (next) err.write('There are more; the API lists them with ?after=.\n');
      return 0;
    }
    case 'show':
      show(await roles.get(id()));
      return 0;
    case 'put': {
      const grants = texts(flags, 'grant').map(grantOf);
      show(
        await roles.put(id(), { name: text(flags, 'name') ?? id(), inherits: texts(flags, 'inherit'), grants, ...why }),
      );
      return 0;
    }
    case 'delete':
      await roles.remove(id(), why);
      if (!json) say({ out }, `${plain(id())} is gone.\n`);
      return 0;
    default:
      throw unknownVerb('role', verb, verbs);
  }
}

const namesOf = ({ module, permission }: { readonly module: string; readonly permission: string }) =>
  `${module}/${permission}`;

function grantOf(given: string) {
  const [module, permission, more] = given.split('/');
  if (!module || !permission || more !== undefined) {
    throw new UsageError(`A grant is MODULE/PERMISSION, as billing/invoice.approve, not ${JSON.stringify(given)}.`);
  }
  return { module, permission };
}

export const roleCommand: Command = {
  name: 'role',
  summary: 'make, list and delete roles',
  usage: 'list | show ID | put ID --grant MODULE/PERMISSION | delete ID',
  options: {
    name: { type: 'string' },
    inherit: { type: 'string', multiple: true },
    grant: { type: 'string', multiple: true },
    reason: { type: 'string' },
  },
  flags: [
    ['--grant MODULE/PERMISSION', 'what the role gives, * for all of the module; may be repeated'],
    ['--inherit ROLE', 'has the grants of this one too; may be repeated'],
    ['--name NAME', 'for people; else the id'],
    ['--reason TEXT', 'recorded'],
  ],
  examples: [
    ['trailkeep role put clerk --grant billing/invoice.read --grant billing/invoice.approve', 'a role of your own'],
    ['trailkeep role put auditor --inherit trailkeep:compliance', 'one from a template'],
  ],
  run,
};
