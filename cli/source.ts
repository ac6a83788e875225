/** Sources of usage and costs, the files that are put into them, and prices of licences. */
import { openAsBlob, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { QuarantineView, SourceView } from '#client/sources.ts';
import { sourceKinds } from '#core/costs/source.ts';
import type { JsonObject } from '#core/event/event.ts';
import { parseJson } from '#core/event/json.ts';
import { isUuid } from '#core/event/uuid.ts';
import { type Command, type Flags, type Invocation, listMax, text, words } from './command.ts';
import { CliError, UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { fields, say, table } from './print.ts';

const verbs = ['list', 'add', 'show', 'change', 'remove', 'put', 'quarantine', 'loads', 'price', 'prices'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const { sources, prices } = invocation.open();
  const width = out.isTTY ? out.columns : undefined;
  const lines = (all: readonly object[]) => {
    for (const one of all) say({ out }, `${JSON.stringify(one)}\n`);
  };
  const show = (one: SourceView) => say({ out }, json ? `${JSON.stringify(one)}\n` : fields(flat(one)));
  const named = async () => find(invocation, words(rest, ['The name or the id of the source'])[0]!);
  switch (verb) {
    case 'list': {
      words(rest, []);
      const { sources: all } = await sources.list({ limit: listMax });
      if (json) lines(all);
      else say({ out }, table(['ID', 'KIND', 'NAME', 'CHANGED'], all.map(row), width));
      return 0;
    }
    case 'add': {
      const [name] = words(rest, ['The name of the source']);
      const kind = sourceKinds.find((one) => one === text(flags, 'kind'));
      if (!kind) throw new UsageError(`What is it? Say --kind with one of ${sourceKinds.join(', ')}.`);
      show(await sources.create({ name: name!, kind, ...given(flags) }));
      return 0;
    }
    case 'show':
      show(await named());
      return 0;
    case 'change':
      show(await sources.change((await named()).id, given(flags)));
      return 0;
    case 'remove': {
      const { id, name } = await named();
      await sources.remove(id);
      if (!json) err.write(`${name} is removed, and its secret; what was loaded from it stays.\n`);
      return 0;
    }
    case 'put': {
      const [source, file] = words(rest, ['The name or the id of the source', 'The file']) as [string, string];
      const { id, name } = await find(invocation, source);
      await put(invocation, id, file);
      if (!json) err.write(`${basename(file)} is in the inbox of ${name}; the next run of an etl job loads it.\n`);
      return 0;
    }
    case 'quarantine': {
      const { rows } = await sources.quarantine((await named()).id, { limit: listMax, all: flags.all === true });
      if (json) lines(rows);
      else say({ out }, table(['SLICE', 'PLACE', 'CODE', 'REASON', 'ROW'], rows.map(rejected), width));
      return 0;
    }
    case 'loads': {
      const { loads } = await sources.loads((await named()).id, { limit: listMax });
      const cells = loads.map((one) => [
        ...[String(one.load), one.stream, one.slice, one.from_day, one.to_day],
        ...[String(one.rows.written), String(one.rows.rejected), one.loaded_at],
      ]);
      if (json) lines(loads);
      else say({ out }, table(['LOAD', 'STREAM', 'SLICE', 'FROM', 'TO', 'ROWS', 'BAD', 'LOADED'], cells, width));
      return 0;
    }
    case 'price': {
      const [name, amount, currency] = words(rest, ['The package', 'The amount', 'The currency']) as [
        string,
        string,
        string,
      ];
      const from = text(flags, 'from');
      if (from === undefined) throw new UsageError('From which day? Say --from YYYY-MM-DD.');
      const set = await prices.set({ package: name, from_day: from, currency, amount });
      say({ out }, json ? `${JSON.stringify(set)}\n` : fields({ ...set }));
      return 0;
    }
    case 'prices': {
      words(rest, []);
      const { prices: all } = await prices.list();
      const cells = all.map((one) => [one.package, one.from_day, one.amount, one.currency, one.set_by]);
      if (json) lines(all);
      else say({ out }, table(['PACKAGE', 'FROM', 'A UNIT A DAY', 'CURRENCY', 'SET BY'], cells, width));
      return 0;
    }
    default:
      throw unknownVerb('source', verb, verbs);
  }
}

/** A source by its id, or by its name, which no other source of the tenant has. */
async function find(invocation: Invocation, wanted: string): Promise<SourceView> {
  const { sources } = invocation.open();
  if (isUuid(wanted)) return sources.get(wanted);
  const { sources: all } = await sources.list({ limit: listMax });
  const found = all.find(({ name }) => name === wanted);
  if (!found) throw new CliError(`There is no source ${JSON.stringify(wanted)}.`, 'trailkeep source list');
  return sources.get(found.id);
}

/** A secret is read from a file: on the command line others would see it, and the shell would remember it. */
function given(flags: Flags): { readonly settings?: JsonObject; readonly secret?: string } {
  const settings = text(flags, 'settings');
  const file = text(flags, 'secret-file');
  const parsed = settings === undefined ? undefined : parseJson(settings);
  if (parsed && !parsed.ok) throw new UsageError(`--settings: ${parsed.fault.detail}`);
  return {
    ...(parsed ? { settings: parsed.value as JsonObject } : {}),
    ...(file === undefined ? {} : { secret: secretIn(file) }),
  };
}

function secretIn(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`${JSON.stringify(file)} cannot be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

async function put(invocation: Invocation, id: string, file: string): Promise<void> {
  let body: Blob;
  try {
    body = await openAsBlob(file);
  } catch {
    throw new UsageError(`${JSON.stringify(file)} cannot be read.`);
  }
  const { url } = await invocation.open().sources.offer(id, basename(file));
  const answer = await fetch(url, { method: 'PUT', body, signal: invocation.stop });
  if (!answer.ok)
    throw new CliError(`The file was not taken: ${answer.status}.`, 'Try again; the address is good for an hour.');
}

const row = (one: SourceView): string[] => [one.id, one.kind, one.name, one.changed_at];
const rejected = (one: QuarantineView): string[] => [one.slice, one.place, one.code, one.reason, one.row];
const flat = ({ settings, watermarks, ...rest }: SourceView): Record<string, unknown> => ({
  ...rest,
  settings: JSON.stringify(settings),
  ...Object.fromEntries((watermarks ?? []).map(({ stream, position }) => [`read ${stream}`, position])),
});

export const sourceCommand: Command = {
  name: 'source',
  summary: 'where usage and costs are loaded from, files to load, and prices',
  usage:
    'list | add NAME | show ID | change ID | remove ID | put ID FILE | quarantine ID | loads ID | price … | prices',
  options: {
    kind: { type: 'string' },
    settings: { type: 'string' },
    'secret-file': { type: 'string' },
    from: { type: 'string' },
    all: { type: 'boolean' },
  },
  flags: [
    ['--kind KIND', sourceKinds.join(', ')],
    ['--settings JSON', 'where it is and how it is read; nothing secret'],
    ['--secret-file FILE', 'what we sign in with; - reads it from standard input'],
    ['--from DAY', 'of a price: the first day that it holds for'],
    ['--all', 'of the quarantine: also what was loaded anew meanwhile'],
  ],
  examples: [
    [
      'trailkeep source add acme --kind appdynamics --settings \'{"url":"https://…","client_id":"etl@acme"}\' --secret-file acme.secret',
      'a controller',
    ],
    ['trailkeep source put bills 2026-10.csv', 'a file, for the next run'],
    ['trailkeep source price ENTERPRISE 1.37 EUR --from 2026-01-01', 'a unit for a day'],
    ['trailkeep source quarantine bills', 'rows that were not loaded, and why'],
  ],
  run,
};
