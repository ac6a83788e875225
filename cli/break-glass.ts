/** Break-glass: seeing events whole in an emergency, and reviewing who did. */
import { type BreakGlassVerdict, breakGlassMinutesMax, breakGlassVerdicts } from '#core/access/break-glass.ts';
import { type Command, type Invocation, listMax, text, whole, words } from './command.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { fields, say, table } from './print.ts';

const verbs = ['list', 'begin', 'show', 'end', 'review'] as const;
const minutesDefault = 30;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const show = ({ review, ...one }: { review: object | null } & object) =>
    say({ out }, json ? `${JSON.stringify({ ...one, review })}\n` : fields({ ...one, ...prefixed(review) }));
  const id = () => words(rest, ['The id of the break-glass'])[0]!;
  const { breakGlass } = invocation.open();
  switch (verb) {
    case 'list': {
      words(rest, []);
      const { break_glass: all, next } = await breakGlass.list({
        limit: listMax,
        ...(flags.open === true ? { review: 'open' } : {}),
      });
      if (json) for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
      else {
        const rows = all.map((one) => [
          one.id,
          one.principal,
          one.began_at,
          one.lasts ? `lasts until ${one.until}` : (one.ended_at ?? one.until),
          one.review?.verdict ?? 'not reviewed',
        ]);
        say({ out }, table(['ID', 'WHO', 'BEGAN', 'ENDED', 'REVIEW'], rows, out.isTTY ? out.columns : undefined));
      }
      if (next) err.write('There are more; the API lists them with ?after=.\n');
      return 0;
    }
    case 'begin': {
      const [reason] = words(rest, ['The reason, in quotes']);
      const ticket = text(flags, 'ticket');
      const minutes = whole(flags, 'minutes', 1, breakGlassMinutesMax) ?? minutesDefault;
      show(await breakGlass.begin({ reason: reason!, minutes, ...(ticket === undefined ? {} : { ticket }) }));
      if (!json) err.write('You see events whole until then. It is on record, and somebody else will review it.\n');
      return 0;
    }
    case 'show':
      show(await breakGlass.get(id()));
      return 0;
    case 'end':
      show(await breakGlass.end(id()));
      return 0;
    case 'review': {
      const [which, verdict, comment] = words(rest, ['The id of the break-glass', 'The verdict', 'The comment']);
      if (!isVerdict(verdict!)) throw new UsageError(`The verdict is ${breakGlassVerdicts.join(' or ')}.`);
      show(await breakGlass.review(which!, { verdict, comment: comment! }));
      return 0;
    }
    default:
      throw unknownVerb('break-glass', verb, verbs);
  }
}

const isVerdict = (word: string): word is BreakGlassVerdict => breakGlassVerdicts.some((one) => one === word);
const prefixed = (review: object | null) =>
  Object.fromEntries(Object.entries(review ?? {}).map(([name, value]) => [`review_${name}`, value]));

export const breakGlassCommand: Command = {
  name: 'break-glass',
  summary: 'see events whole in an emergency; review who did',
  usage: 'list | begin REASON | show ID | end ID | review ID justified|unjustified COMMENT',
  options: { minutes: { type: 'string' }, open: { type: 'boolean' } },
  flags: [
    ['--minutes N', `how long, at most ${breakGlassMinutesMax} (${minutesDefault})`],
    ['--open', 'list only those that await a review'],
  ],
  examples: [
    ['trailkeep break-glass begin "Patient unconscious in the emergency room" --minutes 20', 'in an emergency'],
    ['trailkeep break-glass list --open', 'what awaits a review'],
  ],
  run,
};
