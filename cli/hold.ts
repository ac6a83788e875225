/** Legal holds: what must not be destroyed, whoever asks. */
import type { HoldScopeBody, HoldView } from '#client/privacy.ts';
import { type Command, type Invocation, listMax, text, texts, words } from './command.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { fields, say, table } from './print.ts';

const verbs = ['list', 'place', 'release'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const { holds } = invocation.open();
  const show = (one: HoldView) => say({ out }, json ? `${JSON.stringify(one)}\n` : fields(flat(one)));
  switch (verb) {
    case 'list': {
      words(rest, []);
      const { holds: all, next } = await holds.list({ limit: listMax });
      if (json) for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
      else {
        const rows = all.map((one) => [one.id, one.matter, one.custodian, Object.keys(one.scope)[0]!, stateOf(one)]);
        say({ out }, table(['ID', 'MATTER', 'CUSTODIAN', 'SCOPE', 'STATE'], rows, out.isTTY ? out.columns : undefined));
      }
      if (next) err.write('There are more; the API lists them with ?after=.\n');
      return 0;
    }
    case 'place': {
      const [matter] = words(rest, ['The matter, in quotes']);
      const custodian = text(flags, 'custodian');
      if (custodian === undefined) throw new UsageError('Who answers for it? Say --custodian NAME.');
      show(await holds.place({ matter: matter!, custodian, scope: scopeOf(texts(flags, 'subject'), flags.all) }));
      return 0;
    }
    case 'release': {
      const [id] = words(rest, ['The id of the hold']);
      const after = await holds.release(id!);
      show(after);
      if (!json && !after.released) err.write('It still counts: a second person must release it too.\n');
      return 0;
    }
    default:
      throw unknownVerb('hold', verb, verbs);
  }
}

function scopeOf(subjects: readonly string[], all: unknown): HoldScopeBody {
  if (all === true && subjects.length === 0) return { all: true };
  if (all !== true && subjects.length > 0) return { subjects };
  throw new UsageError('Whom does it cover? Say --subject ID, as often as you need, or --all.');
}

const stateOf = ({ released, release_asked }: HoldView): string =>
  released ? `released ${released.at}` : release_asked ? 'release asked for' : 'holds';

const flat = ({ scope, release_asked, released, ...rest }: HoldView): Record<string, unknown> => ({
  ...rest,
  scope: JSON.stringify(scope),
  release_asked_by: release_asked?.by,
  released_by: released?.by,
});

export const holdCommand: Command = {
  name: 'hold',
  summary: 'place and release legal holds',
  usage: 'list | place MATTER --custodian NAME --subject ID… | release ID',
  options: {
    custodian: { type: 'string' },
    subject: { type: 'string', multiple: true },
    all: { type: 'boolean' },
  },
  flags: [
    ['--custodian NAME', 'who answers for it'],
    ['--subject ID', 'a person whose data stays; may be repeated'],
    ['--all', 'everybody of this tenant'],
  ],
  examples: [
    ['trailkeep hold place "Smith v. Example" --custodian Legal --subject ada', 'until two persons release it'],
  ],
  run,
};
