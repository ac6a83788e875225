/** `trailkeep`: finds the command, reads its flags, and turns every failure into what to do next. */
import { parseArgs } from 'node:util';
import { nearest } from '#core/query/nearest.ts';
import { archiveCommand } from './archive.ts';
import { assignCommand } from './assign.ts';
import { athenaCommand } from './athena.ts';
import { breakGlassCommand } from './break-glass.ts';
import { checkCommand } from './check.ts';
import { type Command, commonOptions, type Invocation, type Origin, openClient } from './command.ts';
import { costCommand } from './cost.ts';
import { dlqCommand } from './dlq.ts';
import { exportCommand } from './export.ts';
import { explain, UsageError } from './fail.ts';
import { forecastCommand } from './forecast.ts';
import { commandHelp, mainHelp } from './help.ts';
import { holdCommand } from './hold.ts';
import { importCommand } from './import.ts';
import { issuerCommand } from './issuer.ts';
import { jobCommand } from './job.ts';
import { keyCommand } from './key.ts';
import { logCommand } from './log.ts';
import { overrideCommand } from './override.ts';
import type { Streams } from './print.ts';
import { privacyCommand } from './privacy.ts';
import { proofCommand } from './proof.ts';
import { queriesCommand } from './queries.ts';
import { queryCommand } from './query.ts';
import { replayCommand } from './replay.ts';
import { retentionCommand } from './retention.ts';
import { roleCommand } from './role.ts';
import { sendCommand } from './send.ts';
import { sourceCommand } from './source.ts';
import { tailCommand } from './tail.ts';
import { tenantCommand } from './tenant.ts';
import { tokenCommand } from './token.ts';
import { verifyCommand } from './verify.ts';
import { viewCommand } from './view.ts';
import { whoamiCommand } from './whoami.ts';

export const commands: readonly Command[] = [
  sendCommand,
  importCommand,
  queryCommand,
  queriesCommand,
  athenaCommand,
  tailCommand,
  keyCommand,
  roleCommand,
  assignCommand,
  checkCommand,
  breakGlassCommand,
  privacyCommand,
  holdCommand,
  retentionCommand,
  proofCommand,
  exportCommand,
  verifyCommand,
  logCommand,
  archiveCommand,
  jobCommand,
  viewCommand,
  costCommand,
  forecastCommand,
  overrideCommand,
  sourceCommand,
  replayCommand,
  whoamiCommand,
  tokenCommand,
  tenantCommand,
  issuerCommand,
  dlqCommand,
];

export interface Terminal extends Streams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stop: AbortSignal;
}

/** Runs one command line; resolves to 0 (done), 1 (failed) or 2 (typed wrongly). */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { out, err } = terminal;
  const [first, ...rest] = argv;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    const asked = partOf(
      commands.find(({ name }) => name === rest[0]),
      rest.slice(1),
    );
    out.write(asked ? commandHelp(asked) : mainHelp(commands));
    return first === undefined ? 2 : 0;
  }
  const command = partOf(
    commands.find(({ name }) => name === first),
    rest,
  );
  if (!command) {
    const guess = nearest(
      first,
      commands.map(({ name }) => name),
    );
    err.write(
      `trailkeep: there is no command ${JSON.stringify(first)}.${guess ? ` Did you mean "trailkeep ${guess}"?` : ''}\n`,
    );
    err.write('"trailkeep --help" lists the commands.\n');
    return 2;
  }
  const origin: Origin = {};
  try {
    const { values, positionals } = readFlags(command, rest);
    if (values.help === true) {
      out.write(commandHelp(command));
      return 0;
    }
    const invocation: Invocation = {
      ...terminal,
      flags: values,
      words: positionals,
      now: () => new Date(),
      origin,
      open: (as = 'tenant', retries) => openClient(values, as === 'admin', origin, retries),
    };
    return await command.run(invocation);
  } catch (error) {
    const [head, ...more] = explain(error, origin);
    err.write([`trailkeep ${command.name}: ${head}`, ...more.map((line) => `  ${line}`), ''].join('\n'));
    if (!(error instanceof UsageError)) return 1;
    err.write(`  "trailkeep ${command.name} --help" shows how it is used.\n`);
    return 2;
  }
}

/** The command of two words, where the second one names it. */
const partOf = (command: Command | undefined, [second]: readonly string[]): Command | undefined =>
  command?.parts?.find(({ name }) => name === `${command.name} ${second}`) ?? command;

function readFlags(command: Command, args: readonly string[]) {
  const options = { ...command.options, ...commonOptions };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const unknown = /Unknown option '(-{1,2})([^'=]+)/.exec(error.message);
    if (!unknown) throw new UsageError(`${error.message.split('\n')[0]!.replace(/\.$/, '')}.`);
    const guess = nearest(unknown[2]!, Object.keys(options));
    throw new UsageError(
      `There is no flag ${unknown[1]}${unknown[2]}.${guess === undefined ? '' : ` Did you mean --${guess}?`}`,
    );
  }
}
