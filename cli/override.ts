/** Overrides: what is otherwise than it was loaded. One person proposes, another approves. */
import { readFileSync } from 'node:fs';
import type { OverrideBody, OverrideView } from '#client/costs.ts';
import { type OverrideState, overrideStates } from '#core/costs/override.ts';
import { parseJson } from '#core/event/json.ts';
import { type Command, type Invocation, listMax, text, words } from './command.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { fields, say, table } from './print.ts';

const verbs = ['list', 'show', 'propose', 'approve', 'refuse', 'withdraw'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const { overrides } = invocation.open();
  const show = (one: OverrideView) =>
    say({ out }, flags.json === true ? `${JSON.stringify(one)}\n` : fields(flat(one)));
  switch (verb) {
    case 'list': {
      words(rest, []);
      const state = text(flags, 'state');
      if (state !== undefined && !overrideStates.includes(state as OverrideState)) {
        throw new UsageError(`--state is one of ${overrideStates.join(', ')}.`);
      }
      const asked = state === undefined ? {} : { state: state as OverrideState };
      const { overrides: all, next } = await overrides.list({ limit: listMax, ...asked });
      if (flags.json === true) for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
      else say({ out }, table(head, all.map(row), out.isTTY ? out.columns : undefined));
      if (next) err.write('There are more; the API lists them with ?after=.\n');
      return 0;
    }
    case 'show':
      show(await overrides.get(words(rest, ['The id of the override'])[0]!));
      return 0;
    case 'propose': {
      const proposed = await overrides.propose(bodyOf(words(rest, ['The file with the override'])[0]!));
      show(proposed);
      if (flags.json !== true) err.write(`Somebody else approves it: trailkeep override approve ${proposed.id}\n`);
      return 0;
    }
    case 'approve':
    case 'refuse':
    case 'withdraw':
      show(await overrides[verb](words(rest, ['The id of the override'])[0]!, text(flags, 'note')));
      return 0;
    default:
      throw unknownVerb('override', verb, verbs);
  }
}

function bodyOf(file: string): OverrideBody {
  let read: string;
  try {
    read = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError(`${JSON.stringify(file)} cannot be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
  const parsed = parseJson(read);
  if (!parsed.ok) throw new UsageError(`${JSON.stringify(file)}: ${parsed.fault.detail}`);
  return parsed.value as OverrideBody;
}

const head = ['ID', 'KIND', 'STATE', 'OF', 'FROM', 'TO', 'PROPOSED BY', 'REASON'] as const;
const row = (one: OverrideView): string[] => [
  ...[one.id, one.kind, one.state, one.application?.name ?? '-', one.from, one.to ?? '-', one.proposed_by, one.reason],
];
const flat = ({ application, set, before, after, decisions, ...rest }: OverrideView): Record<string, unknown> => ({
  ...rest,
  application: application?.name,
  before: JSON.stringify(before),
  after: JSON.stringify(after),
  decisions: decisions.map(({ decision, by, at }) => `${decision} by ${by} at ${at}`).join('; ') || undefined,
});

export const overrideCommand: Command = {
  name: 'override',
  summary: 'correct whom costs belong to, what was used, or what is charged',
  usage: 'list | show ID | propose FILE | approve ID | refuse ID | withdraw ID',
  options: { state: { type: 'string' }, note: { type: 'string' } },
  flags: [
    ['--state STATE', `only these: ${overrideStates.join(', ')}`],
    ['--note TEXT', 'why you decide so'],
  ],
  examples: [
    [
      'trailkeep override propose move.json',
      'as {"kind": "mapping", "application": 7, "from": "2026-10-01", "set": {"sector": "Retail"}, "reason": "…"}',
    ],
    ['trailkeep override approve 0193… --note "ticket 42"', 'by another person'],
  ],
  run,
};
