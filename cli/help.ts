/** The help texts: what it is, how to begin, and for each command its flags and some lines to copy. */
import { type Command, commonFlags } from './command.ts';

const columns = (rows: readonly (readonly [string, string])[], indent = '  '): string => {
  // A long flag gets its explanation on the next line, so that one does not push all others away.
  const width = Math.min(26, Math.max(...rows.map(([left]) => left.length)));
  return rows
    .map(([left, right]) =>
      left.length <= width
        ? `${indent}${left.padEnd(width)}  ${right}\n`
        : `${indent}${left}\n${indent}${' '.repeat(width)}  ${right}\n`,
    )
    .join('');
};

export function mainHelp(commands: readonly Command[]): string {
  return `trailkeep: the audit trail you can prove

Usage: trailkeep COMMAND [flags]

Commands
${columns(commands.map(({ name, summary }) => [name, summary]))}
Begin with
  npm start                                     the platform on this machine
  trailkeep import -f openssh /var/log/auth.log real log-ins
  trailkeep query --action 'ssh.*' --from 1d    and back again

"trailkeep COMMAND --help" shows the flags of a command.
Exit codes: 0 done, 1 failed, 2 typed wrongly.
`;
}

export function commandHelp({ name, summary, usage, flags, examples, offline }: Command): string {
  const common = offline ? commonFlags.filter(([flag]) => flag === '--json') : commonFlags;
  return `trailkeep ${name}: ${summary}

Usage: trailkeep ${[name, usage].filter((part) => part !== '').join(' ')}

Flags
${columns([...flags, ...common])}
Examples
${examples.map(([line, about]) => `  # ${about}\n  ${line}\n`).join('')}`;
}
