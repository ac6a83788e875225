/** Costs: who bears how much, as bars and tables; statements to approve and to lock. */
import type { FiguresView, SignedView, StatementOptions, StatementView } from '#client/costs.ts';
import { type FigureKey, figureKeys } from '#core/costs/figures.ts';
import { booked } from '#core/costs/money.ts';
import { chargedCosts, shareKeys } from '#core/costs/statement.ts';
import { type Command, type Flags, type Invocation, text, texts, words } from './command.ts';
import { costBars } from './cost-bars.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { say, table } from './print.ts';

const verbs = ['show', 'origin', 'statement', 'statements', 'approve', 'lock'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'show', ...rest] = invocation.words;
  const { costs, lineage } = invocation.open();
  const width = out.isTTY ? out.columns : undefined;
  const show = (one: object, shown: () => string) =>
    say({ out }, flags.json === true ? `${JSON.stringify(one)}\n` : shown());
  switch (verb) {
    case 'show': {
      words(rest, []);
      const view = await costs.figures(question(flags));
      show(view, () => figuresText(view, width));
      return 0;
    }
    case 'origin': {
      words(rest, []);
      const { by: _, ...asked } = question(flags);
      const view = await lineage.figure(asked);
      show(view, () => {
        const loads = view.loads.map((one) => [
          String(one.load),
          one.source,
          one.slice,
          String(one.charges),
          one.effective,
          one.currency,
        ]);
        const added = view.adjustments.map((one) => ['-', 'adjustment', one.reason, '1', one.amount, one.currency]);
        return table(['LOAD', 'SOURCE', 'SLICE', 'CHARGES', 'EFFECTIVE', ''], [...loads, ...added], width);
      });
      if (!view.complete) err.write('There are more; ask for a shorter time or for less.\n');
      return 0;
    }
    case 'statement': {
      const [month] = words(rest, ['The month, as 2026-10']);
      const format = text(flags, 'format');
      if (format === 'csv' || format === 'html') {
        say({ out }, new TextDecoder().decode(await costs.statementFile(month!, format, settings(flags))));
        return 0;
      }
      if (format !== undefined) throw new UsageError('A statement is csv or html, or a table without --format.');
      const view = await costs.statement(month!, settings(flags));
      show(view, () => statementText(view, width));
      if (flags.json !== true && view.state === 'draft') {
        err.write(`To approve what you see: trailkeep cost approve ${month} ${view.sha256}\n`);
      }
      if (flags.json !== true && view.state === 'approved') {
        err.write(
          view.moved
            ? `Figures moved since it was approved: trailkeep cost statement ${month} --kind draft\n`
            : `Somebody else locks it: trailkeep cost lock ${month} ${view.sha256}\n`,
        );
      }
      return 0;
    }
    case 'statements': {
      words(rest, []);
      const { statements } = await costs.statements();
      if (flags.json === true) for (const one of statements) say({ out }, `${JSON.stringify(one)}\n`);
      else
        say(
          { out },
          table(['MONTH', 'VERSION', 'STATE', 'APPROVED BY', 'LOCKED BY', 'SHA256'], statements.map(signedRow), width),
        );
      return 0;
    }
    case 'approve':
    case 'lock': {
      const [month, sha256] = words(rest, ['The month, as 2026-10', 'The sha256 of what you looked at']);
      const { kind: _, ...given } = settings(flags);
      const asked = Object.keys(given).length === 0 ? undefined : withCost(given);
      const signed = verb === 'lock' ? await costs.lock(month!, sha256!) : await costs.approve(month!, sha256!, asked);
      show(signed, () => `${month} is ${signed.state}, version ${signed.version}.\n`);
      return 0;
    }
    default:
      throw unknownVerb('cost', verb, verbs);
  }
}

const withCost = ({ cost = 'effective', shared }: StatementOptions) => ({
  cost,
  ...(shared ? { shared: { h_codes: [...shared.h_codes], by: shared.by } } : {}),
});

function question(flags: Flags) {
  const by = (text(flags, 'by') ?? 'month').split(',');
  const strange = by.find((one) => !figureKeys.includes(one as FigureKey));
  if (strange !== undefined) throw new UsageError(`--by takes some of ${figureKeys.join(', ')}.`);
  const only: Record<string, string> = {};
  for (const one of texts(flags, 'only')) {
    const [name, value] = [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)];
    if (!one.includes('=') || value === '') throw new UsageError('--only is a key and a name, as sector=Retail.');
    only[name] = value;
  }
  const [from, to] = [text(flags, 'from'), text(flags, 'to')];
  return { by: by as FigureKey[], only, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

function settings(flags: Flags): StatementOptions {
  const one = <T extends string>(name: string, known: readonly T[]): T | undefined => {
    const value = text(flags, name);
    const found = known.find((is) => is === value);
    if (value !== undefined && found === undefined) throw new UsageError(`--${name} is one of ${known.join(', ')}.`);
    return found;
  };
  const kind = one('kind', ['statement', 'draft', 'showback'] as const);
  const cost = one('cost', chargedCosts);
  const by = one('shared-by', shareKeys);
  const codes = texts(flags, 'shared');
  if (by !== undefined && codes.length === 0) throw new UsageError('What is shared? Say --shared H-CODE.');
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(cost === undefined ? {} : { cost }),
    ...(codes.length === 0 ? {} : { shared: { h_codes: codes, by: by ?? 'cost' } }),
  };
}

function figuresText(view: FiguresView, width: number | undefined): string {
  const lines = [
    costBars(
      view.figures.map((one) => ({
        label: view.by.map((key) => String(one[key])),
        currency: one.currency,
        amount: booked(one.effective, one.currency),
      })),
      width,
    ),
  ];
  if (!view.complete) lines.push('There are more; the totals are of all.\n');
  for (const one of view.totals) {
    const [total, unmapped, adjusted] = [one.effective, one.unmapped, one.adjusted].map((amount) =>
      booked(amount, one.currency),
    );
    lines.push(`Total ${total} ${one.currency}, without an H-code ${unmapped}, adjusted by ${adjusted}\n`);
  }
  if (view.overrides.length > 0) lines.push(`Overrides contained: ${view.overrides.length}\n`);
  lines.push(`Costs up to ${view.fresh.last_day ?? '-'}, newest load ${view.fresh.loaded_at ?? '-'}\n`);
  return lines.join('');
}

function statementText({ state, version, statement, sha256 }: StatementView, width: number | undefined): string {
  const rows = statement.lines.map((line) => [
    ...[line.h_code, line.cost_centre, line.sector, line.owner],
    ...[line.direct, line.shared, line.adjustments, line.corrections].map((amount) => booked(amount, line.currency)),
    ...[line.charged, line.currency],
  ]);
  const totals = statement.totals.map(
    (one) =>
      `Total ${one.charged} ${one.currency}, without an H-code ${booked(one.unmapped, one.currency)} (${one.unmapped_percent ?? '-'} %)\n`,
  );
  const { applications, mapped, percent } = statement.coverage;
  const head = ['H-CODE', 'COST CENTRE', 'SECTOR', 'OWNER', 'DIRECT', 'SHARED', 'ADJUSTED', 'CORRECTED', 'CHARGED', ''];
  return [
    `${statement.month}, ${state}${version === null ? '' : ` version ${version}`}, ${statement.settings.cost} cost\n`,
    table(head, rows, width),
    ...totals,
    `H-codes: ${mapped} of ${applications} applications (${percent ?? '-'} %); overrides contained: ${statement.overrides.length}\n`,
    `sha256 ${sha256}\n`,
  ].join('');
}

const signedRow = (one: SignedView): string[] => [
  ...[
    one.month ?? '-',
    String(one.version ?? '-'),
    one.state,
    one.approved?.by ?? '-',
    one.locked?.by ?? '-',
    one.sha256,
  ],
];

export const costCommand: Command = {
  name: 'cost',
  summary: 'show costs, and approve and lock what is charged',
  usage: '[show] | origin | statement MONTH | statements | approve MONTH SHA256 | lock MONTH SHA256',
  options: {
    by: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    only: { type: 'string', multiple: true },
    kind: { type: 'string' },
    cost: { type: 'string' },
    shared: { type: 'string', multiple: true },
    'shared-by': { type: 'string' },
    format: { type: 'string' },
  },
  flags: [
    ['--by KEYS', `some of ${figureKeys.join(', ')}`],
    ['--from MONTH', 'first month, as 2026-05; else the last twelve'],
    ['--to MONTH', 'last month'],
    ['--only KEY=NAME', 'narrow to it, as sector=Retail; may be repeated'],
    ['--kind KIND', 'statement: what counts; draft: as it would be now; showback: of the month alone'],
    ['--cost COST', 'effective or billed'],
    ['--shared H-CODE', 'its costs are borne by all others; may be repeated'],
    ['--shared-by KEY', `${shareKeys.join(', ')}`],
    ['--format FORMAT', 'csv or html, for a statement'],
  ],
  examples: [
    ['trailkeep cost --by sector --from 2026-10 --to 2026-10', 'bars by sector'],
    ['trailkeep cost origin --from 2026-10 --to 2026-10 --only sector=Retail', 'the loads that a figure is from'],
    ['trailkeep cost statement 2026-10 --format html > october.html', 'to print'],
  ],
  run,
};
