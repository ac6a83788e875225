import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildStatement } from '#core/costs/build-statement.ts';
import { isZero, minus, sumOf } from '#core/costs/money.ts';
import { addMonths } from '#core/costs/month.ts';
import {
  type BearerCost,
  bearerKey,
  chargedCosts,
  type MonthFigures,
  type ShareKey,
  type Statement,
  type StatementInputs,
  shareKeys,
  statementBytes,
} from '#core/costs/statement.ts';

/** A bearer's costs: of H-code 0 for nobody's. */
const cost = (code: number, loaded: string, more: Partial<BearerCost> = {}): BearerCost => ({
  ...{ currency: 'EUR', h_code_id: code, h_code: code === 0 ? '(unmapped)' : `H-${code}`, cost_centre: `CC ${code}` },
  ...{ sector_id: 1, sector: 'Retail', owner_id: 1, owner: 'Ann', adjusted: '0' },
  loaded: { effective: loaded, billed: '1' },
  ...more,
});
const inputs = (costs: readonly BearerCost[], more: Partial<StatementInputs> = {}): StatementInputs => ({
  month: '2026-10',
  settings: { cost: 'effective' },
  figures: [{ month: '2026-10', costs, usage: [] }],
  ...{ locked: [], coverage: { applications: 0, mapped: 0, rules: {} }, overrides: [], loads: [] },
  ...more,
});
const cells = ({ lines }: Statement, column: keyof Statement['lines'][number]) => lines.map((line) => line[column]);

describe('a statement', () => {
  test('has a line for each bearer and currency, what nobody bears last, and totals that say how much that is', () => {
    const made = buildStatement(
      inputs(
        [cost(0, '25'), cost(2, '70.005', { adjusted: '-0.005' }), cost(1, '5', { currency: 'USD' }), cost(1, '5')],
        {
          coverage: { applications: 8, mapped: 7, rules: { tag: 6, explicit: 1 } },
        },
      ),
    );
    expect(cells(made, 'h_code')).toEqual(['H-1', 'H-2', '(unmapped)', 'H-1']);
    expect(cells(made, 'total')).toEqual(['5', '70', '25', '5']);
    expect(cells(made, 'charged')).toEqual(['5.00', '70.00', '25.00', '5.00']);
    expect(made.totals).toEqual([
      {
        ...{ currency: 'EUR', direct: '100.005', shared: '0', adjustments: '-0.005', corrections: '0', total: '100' },
        ...{ charged: '100.00', unmapped: '25', unmapped_percent: '25.00' },
      },
      {
        ...{ currency: 'USD', direct: '5', shared: '0', adjustments: '0', corrections: '0', total: '5' },
        ...{ charged: '5.00', unmapped: '0', unmapped_percent: '0.00' },
      },
    ]);
    expect(made.coverage).toMatchObject({ applications: 8, mapped: 7, percent: '87.50' });
  });

  test('is charged by the cost that its settings name', () => {
    const made = buildStatement(inputs([cost(1, '7')], { settings: { cost: 'billed' } }));
    expect(made.totals[0]?.total).toBe('1');
  });

  test('is the same bytes for the same figures', () => {
    const costs = [cost(1, '5.10'), cost(2, '7')];
    const same = buildStatement(inputs(costs.toReversed().map((one) => ({ ...one, loaded: { ...one.loaded } }))));
    expect(statementBytes(same)).toEqual(statementBytes(buildStatement(inputs(costs))));
    expect(statementBytes(buildStatement(inputs([cost(1, '5.11')])))).not.toEqual(statementBytes(same));
  });

  test('names the month before, and the overrides of its own days', () => {
    const override = (from: string, to: string | null) => ({
      ...{ id: `${from}`, kind: 'mapping', from, to, reason: 'x', approved_by: 'key:bob', expires_at: null },
    });
    const made = buildStatement(
      inputs([cost(1, '5')], {
        figures: [
          { month: '2026-09', costs: [cost(1, '4'), cost(2, '9')], usage: [] },
          { month: '2026-10', costs: [cost(1, '5')], usage: [] },
        ],
        overrides: [
          override('2026-01-01', null),
          override('2026-09-01', '2026-10-01'),
          override('2026-10-31', '2026-11-01'),
        ],
      }),
    );
    expect(cells(made, 'previous')).toEqual(['4']);
    expect(made.overrides.map(({ id }) => id)).toEqual(['2026-01-01', '2026-10-31']);
  });
});

describe('shared costs', () => {
  const shared = (by: ShareKey) => ({ cost: 'effective' as const, shared: { h_codes: ['H-9'], by } });
  const three = [
    cost(1, '30'),
    cost(1, '10', { owner_id: 2, owner: 'Bob' }),
    cost(2, '60'),
    cost(9, '10.01'),
    cost(0, '0'),
  ];

  test.each([
    ['cost', ['3.00', '1.00', '6.01', '-10.01', '0']],
    ['even', ['2.51', '0.83', '3.34', '-10.01', '3.33']],
    ['nodes', ['0', '10.01', '0', '-10.01', '0']],
  ] as const)('go by %s, and leave nothing where they were', (by, expected) => {
    const usage = [{ h_code_id: 1, sector_id: 1, owner_id: 2, amount: '3' }];
    const made = buildStatement(
      inputs(three, { settings: shared(by), figures: [{ month: '2026-10', costs: three, usage }] }),
    );
    expect(cells(made, 'shared').map(Number)).toEqual(expected.map(Number));
    expect(cells(made, 'total').at(3)).toBe('0');
    expect(made.totals[0]).toMatchObject({ total: '110.01', shared: '0' });
  });

  test('stay where nobody else bears anything in their currency', () => {
    const made = buildStatement(
      inputs([cost(9, '5', { currency: 'USD' }), cost(1, '1')], { settings: shared('cost') }),
    );
    expect(cells(made, 'total')).toEqual(['1', '5']);
  });
});

describe('a locked month', () => {
  const october = buildStatement(inputs([cost(1, '10'), cost(2, '20')]));
  const later = (costs: readonly BearerCost[], own: readonly BearerCost[] = []) =>
    inputs(own, {
      month: '2026-11',
      figures: [
        { month: '2026-10', costs, usage: [] },
        { month: '2026-11', costs: own, usage: [] },
      ],
      locked: [october],
    });

  test('is corrected in the next one, and only there', () => {
    const changed = later([cost(1, '10'), cost(2, '15'), cost(3, '8.5')], [cost(2, '1')]);
    const november = buildStatement(changed);
    expect(november.corrections.map(({ month, h_code, amount }) => [month, h_code, amount])).toEqual([
      ['2026-10', 'H-2', '-5'],
      ['2026-10', 'H-3', '8.5'],
    ]);
    expect(cells(november, 'total')).toEqual(['-4', '8.5']);
    expect(buildStatement({ ...changed, month: '2026-12' }).corrections).toEqual([]);
    expect(buildStatement(changed, true).corrections).toEqual([]);
    const december = { ...changed, month: '2026-12', locked: [october, november] };
    expect(buildStatement(december).corrections).toEqual([]);
  });

  test('keeps its settings in its corrections', () => {
    const shared = { cost: 'effective' as const, shared: { h_codes: ['H-2'], by: 'even' as const } };
    const first = buildStatement(inputs([cost(1, '10'), cost(2, '20')], { settings: shared }));
    const changed = { ...later([cost(1, '10'), cost(2, '21')]), locked: [first] };
    expect(buildStatement(changed).corrections.map(({ h_code, amount }) => [h_code, amount])).toEqual([['H-1', '1']]);
  });
});

test('whatever changes whenever: all that is charged is all that the facts say, to the last digit', () => {
  const money = fc
    .tuple(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), fc.integer({ min: 0, max: 6 }))
    .map(([units, scale]) => (units / 10 ** scale).toFixed(scale));
  const one = fc
    .tuple(fc.integer({ min: 0, max: 4 }), money, money, fc.constantFrom('EUR', 'USD', 'JPY'))
    .map(([code, loaded, adjusted, currency]) =>
      cost(code, loaded, { adjusted, currency, loaded: { effective: loaded, billed: adjusted } }),
    );
  const month = fc.uniqueArray(one, { maxLength: 6, selector: bearerKey });
  const settings = fc.record({
    cost: fc.constantFrom(...chargedCosts),
    shared: fc.option(
      fc.record({ h_codes: fc.constant<string[]>(['H-1', 'H-3']), by: fc.constantFrom(...shareKeys) }),
      {
        nil: undefined,
      },
    ),
  });
  const rounds = fc.array(fc.record({ facts: fc.array(month, { minLength: 5, maxLength: 5 }), settings }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(rounds, (all) => {
      const locked: Statement[] = [];
      for (const [
        round,
        {
          facts,
          settings: { cost: charged, shared },
        },
      ] of all.entries()) {
        const at = addMonths('2026-11', round);
        const own = { cost: charged, ...(shared ? { shared } : {}) };
        const figures: MonthFigures[] = facts.map((costs, index) => ({
          month: addMonths('2026-11', index),
          costs,
          usage: [],
        }));
        const made = buildStatement(inputs([], { month: at, settings: own, figures, locked: [...locked] }));
        locked.push(made);
        for (const currency of ['EUR', 'USD', 'JPY']) {
          const lines = locked.flatMap((statement) => statement.lines).filter((line) => line.currency === currency);
          const all = locked.flatMap((statement, index) =>
            facts[index]!.filter((fact) => fact.currency === currency).flatMap((fact) => [
              fact.loaded[statement.settings.cost],
              fact.adjusted,
            ]),
          );
          expect(isZero(minus(sumOf(lines.map((line) => line.total)), sumOf(all)))).toBe(true);
        }
        for (const total of made.totals) {
          expect(Math.abs(Number(minus(total.charged, total.total)))).toBeLessThanOrEqual(0.5);
        }
      }
    }),
    { numRuns: 60 },
  );
});
