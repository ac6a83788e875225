/** What went to Deep Archive, read again for some days: what it costs, the word, and how far it is. */
import type { RestoreBody, RestoreView } from '#client/restores.ts';
import { restoreDaysMax, restoreSpeeds } from '#core/archive/restore.ts';
import { categories } from '#core/event/event.ts';
import { type Command, type Flags, type Invocation, listMax, text, whole, words } from './command.ts';
import { UsageError } from './fail.ts';
import { fields, say, table } from './print.ts';
import { readTime } from './time.ts';

const daysDefault = 7;

async function restore(invocation: Invocation): Promise<number> {
  const { flags, err } = invocation;
  words(invocation.words, ['restore']);
  const { restores } = invocation.open();
  const id = text(flags, 'confirm');
  if (id !== undefined) {
    show(invocation, await restores.confirm(id));
    return 0;
  }
  const estimate = await restores.estimate(bodyOf(flags, invocation.now()));
  const starts = flags.yes === true && estimate.files > 0;
  show(invocation, starts ? await restores.confirm(estimate.id) : estimate);
  if (estimate.files === 0) err.write('Nothing of it is in Deep Archive: it can be read as it is.\n');
  else if (!starts) err.write(`Nothing is restored yet: trailkeep archive restore --confirm ${estimate.id}\n`);
  return 0;
}

async function restores(invocation: Invocation): Promise<number> {
  const { flags, out } = invocation;
  const api = invocation.open().restores;
  const id = invocation.words[1];
  if (id !== undefined) {
    words(invocation.words, ['restores', 'The id of the restore']);
    show(invocation, await api.get(id));
    return 0;
  }
  const { restores: all, next } = await api.list({ limit: listMax });
  if (flags.json === true) for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
  else say({ out }, table(head, all.map(row), out.isTTY ? out.columns : undefined));
  if (next) invocation.err.write('There are more; the API lists them with ?after=.\n');
  return 0;
}

function bodyOf(flags: Flags, now: Date): RestoreBody {
  const [from, to] = [text(flags, 'from'), text(flags, 'to')];
  if (from === undefined || to === undefined) throw new UsageError('Which time? Say --from TIME and --to TIME.');
  const category = oneOf(flags, 'category', categories);
  return {
    from: readTime(from, now, 'from'),
    to: readTime(to, now, 'to'),
    ...(category === undefined ? {} : { category }),
    speed: oneOf(flags, 'speed', restoreSpeeds) ?? 'bulk',
    days: whole(flags, 'days', 1, restoreDaysMax) ?? daysDefault,
  };
}

function oneOf<Word extends string>(flags: Flags, name: string, all: readonly Word[]): Word | undefined {
  const given = text(flags, name);
  const found = all.find((one) => one === given);
  if (given !== undefined && found === undefined) throw new UsageError(`--${name} is one of ${all.join(', ')}.`);
  return found;
}

const show = ({ flags, out }: Invocation, one: RestoreView): void =>
  say({ out }, flags.json === true ? `${JSON.stringify(one)}\n` : fields(flat(one)));

const head = ['ID', 'STATE', 'FROM', 'TO', 'FILES', 'READY', 'COST', 'UNTIL'];
const row = ({ id, state, from, to, files, progress, cost_usd }: RestoreView): string[] => [
  ...[id, state, from.slice(0, 10), to.slice(0, 10), String(files)],
  progress ? `${progress.ready}/${progress.files}` : '-',
  `$${cost_usd.total}`,
  progress?.readable_until ?? '-',
];

const flat = ({ cost_usd: cost, progress, confirmed, ...rest }: RestoreView): Record<string, unknown> => ({
  ...rest,
  cost: `$${cost.total} (requests $${cost.requests}, retrieval $${cost.retrieval}, copies $${cost.storage})`,
  confirmed_by: confirmed?.by,
  ready: progress ? `${progress.ready} of ${progress.files} files` : undefined,
  readable_until: progress?.readable_until,
});

export const archiveRestoreCommand: Command = {
  name: 'archive restore',
  summary: 'read again what went to Deep Archive',
  usage: '--from TIME --to TIME [--yes] | --confirm ID',
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    category: { type: 'string' },
    speed: { type: 'string' },
    days: { type: 'string' },
    confirm: { type: 'string' },
    yes: { type: 'boolean' },
  },
  flags: [
    ['--from TIME', 'when the first event happened: 2020-01-01, RFC 3339, or 2h (ago)'],
    ['--to TIME', 'before this'],
    ['--category WORD', 'only these events'],
    ['--speed WORD', 'bulk (48 hours; the default) or standard (12 hours, eight times the price)'],
    ['--days N', `how long it can be read: ${daysDefault}, at most ${restoreDaysMax}`],
    ['--confirm ID', 'start what was estimated'],
    ['--yes', 'start at once, whatever it costs'],
  ],
  examples: [
    ['trailkeep archive restore --from 2020-01-01 --to 2020-02-01', 'what it would cost; nothing is restored yet'],
    ['trailkeep archive restore --confirm 0198c0de-0000-7000-8000-000000000000', 'now it is'],
  ],
  run: restore,
};

export const archiveRestoresCommand: Command = {
  name: 'archive restores',
  summary: 'how far restores are',
  usage: '[ID]',
  options: {},
  flags: [],
  examples: [['trailkeep archive restores', 'all of them, newest first']],
  run: restores,
};
