import { type Command, words } from './command.ts';
import { fields, say } from './print.ts';

export const whoamiCommand: Command = {
  name: 'whoami',
  summary: 'what the API takes your key for',
  usage: '',
  options: { admin: { type: 'boolean' } },
  flags: [['--admin', 'asks for the admin key instead']],
  examples: [['trailkeep whoami', 'tenant, scopes and rate of the key']],
  async run(invocation) {
    words(invocation.words, []);
    const me = await invocation.open(invocation.flags.admin === true ? 'admin' : 'tenant').whoami();
    const { url, keyFrom } = invocation.origin;
    say(
      invocation,
      invocation.flags.json === true ? `${JSON.stringify(me)}\n` : fields({ api: url, key_from: keyFrom, ...me }),
    );
    return 0;
  },
};
