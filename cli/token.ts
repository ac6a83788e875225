import { type Command, text, words } from './command.ts';
import { findLocal } from './config.ts';
import { CliError, UsageError } from './fail.ts';
import { say } from './print.ts';

const fields = ['name', 'email', 'tenant', 'act'] as const;

/** A token of the issuer that `npm start` runs. Any other issuer gives its tokens in its own way. */
export const tokenCommand: Command = {
  name: 'token',
  summary: 'a token of the local issuer, to be somebody',
  usage: '--user USER',
  options: {
    user: { type: 'string' },
    name: { type: 'string' },
    email: { type: 'string' },
    tenant: { type: 'string' },
    act: { type: 'string' },
    mfa: { type: 'boolean' },
  },
  flags: [
    ['--user USER', 'whom the token speaks for'],
    ['--name TEXT', 'the name it says'],
    ['--email TEXT', 'the address it says'],
    ['--tenant ID', 'the tenant; else that of .trailkeep/local.json'],
    ['--mfa', 'with a second factor, proved now'],
    ['--act USER', 'a support session: this one acts for --user'],
  ],
  examples: [
    ['trailkeep token --user ada', 'the administrator of the first tenant'],
    ['trailkeep whoami --key "$(trailkeep token --user ada --mfa)"', 'what the API takes ada for'],
    ['trailkeep token --user ada --act sam', 'sam acts for ada; the trail tells of both'],
  ],
  async run(invocation) {
    words(invocation.words, []);
    const { flags } = invocation;
    const user = text(flags, 'user');
    if (user === undefined) throw new UsageError('Whom shall the token speak for? Say --user ada.');
    const local = findLocal(process.cwd());
    if (!local?.issuerUrl || !local.tenantId) {
      throw new CliError('There is no local issuer.', 'Start the platform on this machine with "npm start".');
    }
    const form = new URLSearchParams({ user, tenant: local.tenantId });
    for (const field of fields) {
      const value = text(flags, field);
      if (value !== undefined) form.set(field, value);
    }
    if (flags.mfa === true) form.set('mfa', 'true');
    const answer = await fetch(`${local.issuerUrl}/token`, { method: 'POST', body: form }).catch(() => undefined);
    if (!answer?.ok) throw new CliError(`${local.issuerUrl} gave no token.`, 'Is "npm start" still running?');
    const given = (await answer.json()) as { readonly access_token: string };
    say(invocation, `${flags.json === true ? JSON.stringify(given) : given.access_token}\n`);
    return 0;
  },
};
