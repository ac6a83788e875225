/** May this user do that? Exit code 0 is yes, 1 is no. */
import { type Command, type Invocation, words } from './command.ts';
import { plain, say } from './print.ts';

async function run(invocation: Invocation): Promise<number> {
  const { flags, out } = invocation;
  const [user, module, permission] = words(invocation.words, ['The user', 'The module', 'The permission']);
  const answer = await invocation.open().permissions.check({ user: user!, module: module!, permission: permission! });
  const { allowed, reason, role, until } = answer;
  const by = role === undefined ? '' : ` by ${plain(role)}`;
  const end = until === undefined ? '' : ` until ${plain(until)}`;
  say(
    { out },
    flags.json === true ? `${JSON.stringify(answer)}\n` : `${allowed ? 'yes' : 'no'}: ${reason}${by}${end}\n`,
  );
  return allowed ? 0 : 1;
}

export const checkCommand: Command = {
  name: 'check',
  summary: 'ask whether a user may do something',
  usage: 'USER MODULE PERMISSION',
  options: {},
  flags: [],
  examples: [['trailkeep check ada billing invoice.approve && echo go on', 'in a script: exit code 0 is yes']],
  run,
};
