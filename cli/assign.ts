/** Assignments: who has which role, until when. */
import { type Command, type Invocation, listMax, text, words } from './command.ts';
import { futureTime, unknownVerb } from './key.ts';
import { fields, plain, say, table } from './print.ts';

const verbs = ['list', 'add', 'end'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const { assignments } = invocation.open();
  const [reason, module] = [text(flags, 'reason'), text(flags, 'module')];
  switch (verb) {
    case 'list': {
      words(rest, []);
      const [user, role] = [text(flags, 'user'), text(flags, 'role')];
      const { assignments: all, next } = await assignments.list({
        limit: listMax,
        ...(user === undefined ? {} : { user }),
        ...(role === undefined ? {} : { role }),
        ...(flags.ended === true ? { ended: true } : {}),
      });
      if (json) for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
      else {
        const rows = all.map((one) => [
          one.id,
          one.user,
          one.role,
          one.module ?? 'all',
          one.revoked_at ? 'ended' : (one.expires_at ?? '-'),
          one.granted_by,
        ]);
        const head = ['ID', 'USER', 'ROLE', 'MODULE', 'EXPIRES', 'GRANTED BY'];
        say({ out }, table(head, rows, out.isTTY ? out.columns : undefined));
      }
      if (next) err.write('There are more; the API lists them with ?after=.\n');
      return 0;
    }
    case 'add': {
      const [user, role] = words(rest, ['The user', 'The role']);
      const expires = text(flags, 'expires');
      const made = await assignments.create({
        user: user!,
        role: role!,
        ...(module === undefined ? {} : { module }),
        ...(reason === undefined ? {} : { reason }),
        ...(expires === undefined ? {} : { expires_at: futureTime(expires, invocation.now()) }),
      });
      say({ out }, json ? `${JSON.stringify(made)}\n` : fields({ ...made }));
      return 0;
    }
    case 'end': {
      const [id] = words(rest, ['The id of the assignment']);
      await assignments.end(id!, reason === undefined ? {} : { reason });
      if (!json) say({ out }, `${plain(id!)} has ended; everyone sees it within two seconds.\n`);
      return 0;
    }
    default:
      throw unknownVerb('assign', verb, verbs);
  }
}

export const assignCommand: Command = {
  name: 'assign',
  summary: 'give users roles, and take them away',
  usage: 'list | add USER ROLE | end ID',
  options: {
    user: { type: 'string' },
    role: { type: 'string' },
    ended: { type: 'boolean' },
    module: { type: 'string' },
    expires: { type: 'string' },
    reason: { type: 'string' },
  },
  flags: [
    ['--expires TIME', '90d from now, or a time: it ends by itself'],
    ['--module MODULE', 'only what the role gives in this module'],
    ['--reason TEXT', 'recorded'],
    ['--user USER', 'list: of this user only'],
    ['--role ROLE', 'list: of this role only'],
    ['--ended', 'list: those that have ended, too'],
  ],
  examples: [
    ['trailkeep assign add ada trailkeep:analyst --expires 30d --reason "Inquiry 7"', 'for a month'],
    ['trailkeep assign add service:reports trailkeep:compliance', 'to a service account'],
  ],
  run,
};
