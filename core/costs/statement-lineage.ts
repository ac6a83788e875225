/** What a statement is made from, as lineage: one that was approved, and one that a job wrote as a report. */
import { type DatasetName, type LineageEvent, type LineageInput, type LineageOutput, ownTable } from './lineage.ts';
import type { Statement, StatementVersion } from './statement.ts';

/** The statement of a month, YYYY-MM; its versions are versions of it. */
export const statementDataset = (month: string): DatasetName => ({ namespace: 'trailkeep://statements', name: month });
/** The reports of a month; a run's is a version of it. */
export const reportDataset = (month: string): DatasetName => ({
  namespace: 'trailkeep://reports',
  name: `chargeback/${month}`,
});

/** `run` is a UUID of the approval. */
export function statementLineage(tenant: string, run: string, made: StatementVersion): LineageEvent {
  const { statement, version, month } = made;
  const output = { ...statementDataset(month), version: String(version) };
  return {
    ...{ tenant, run, task: '', job: 'statement.approve', type: 'COMPLETE', at: made.approvedAt },
    ...madeFrom(statement, output),
  };
}

/** Of a run of kind `report` that wrote so many bytes. */
export function reportLineage(
  { tenant, run, task }: Pick<LineageEvent, 'tenant' | 'run' | 'task'>,
  statement: Statement,
  bytes: number,
  at: Date,
): LineageEvent {
  const output = { ...reportDataset(statement.month), version: run, bytes };
  return { ...{ tenant, run, task, job: 'report.chargeback', type: 'COMPLETE', at }, ...madeFrom(statement, output) };
}

function madeFrom(statement: Statement, output: LineageOutput): Pick<LineageEvent, 'inputs' | 'outputs'> {
  const { cost, shared } = statement.settings;
  const [facts, mapping, override, usage] = ['cost_daily', 'mapping', 'override', 'usage_daily'].map((name) =>
    ownTable(`costs.${name}`),
  ) as [DatasetName, DatasetName, DatasetName, DatasetName];
  const byUsage = shared !== undefined && shared.by !== 'cost' && shared.by !== 'even';
  const field = (of: DatasetName, name: string) => ({ ...of, field: name });
  const amounts = [field(facts, cost), field(override, 'amount'), ...(byUsage ? [field(usage, 'amount')] : [])];
  const bearer = (name: string) => [field(mapping, name), field(override, name)];
  const inputs: LineageInput[] = [
    { ...facts, rows: statement.loads.reduce((sum, { rows }) => sum + rows, 0) },
    mapping,
    { ...override, rows: statement.overrides.length },
    ...(byUsage ? [usage] : []),
  ];
  return {
    inputs,
    outputs: [
      {
        ...output,
        rows: statement.lines.length,
        columns: {
          ...{ direct: [field(facts, cost)], adjustments: [field(override, 'amount')] },
          ...{ shared: amounts, corrections: amounts, total: amounts },
          ...{ h_code: bearer('h_code_id'), sector: bearer('sector_id'), owner: bearer('owner_id') },
        },
      },
    ],
  };
}
