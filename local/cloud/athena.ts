/**
 * Athena's API over AWS JSON 1.1: workgroups, executions and their results, which lie as CSV in the workgroup's bucket.
 * The engine is DuckDB, see athena-engine.ts.
 */
import { join } from 'node:path';
import { csvLine, csvRows } from './athena-csv.ts';
import { type AthenaEngine, type Column, QueryFailed, type Running } from './athena-engine.ts';
import { type Input, inputOf, jsonRefusal, jsonReply, targetOf } from './aws-json.ts';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';
import { readState, writeState } from './state-file.ts';

interface WorkGroup {
  readonly name: string;
  readonly description: string;
  readonly configuration: {
    readonly EnforceWorkGroupConfiguration?: boolean;
    readonly BytesScannedCutoffPerQuery?: number;
    readonly ResultConfiguration?: { readonly OutputLocation?: string };
  };
}

type State = 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

interface Execution {
  readonly id: string;
  readonly query: string;
  readonly parameters: readonly string[];
  readonly workGroup: string;
  readonly database: string;
  readonly token?: string | undefined;
  /** ms */
  readonly submittedAt: number;
  output: string;
  state: State;
  reason?: string;
  completedAt?: number;
  scannedBytes: number;
  reused?: true;
  columns?: readonly Column[];
}

/** Objects on the local S3, read and written as anybody would. */
export interface ResultPlace {
  put(bucket: string, key: string, body: Buffer): Promise<void>;
  get(bucket: string, key: string): Promise<Buffer>;
}

export interface AthenaOptions {
  readonly folder: string;
  readonly now: () => number;
  readonly engineOf: (database: string) => AthenaEngine;
  readonly results: ResultPlace;
}

/** AWS keeps 45 days of them. */
const executionsKept = 1000;
const rowsPerPageMax = 1000;
/** The API's own limits. */
const queryBytesMax = 262_144;
const parameterCharsMax = 1024;
const finals: readonly State[] = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

export class Athena implements Service {
  readonly name = 'athena';
  readonly #options: AthenaOptions;
  readonly #file: string;
  readonly #groups: Map<string, WorkGroup>;
  readonly #executions: Map<string, Execution>;
  readonly #running = new Map<string, Running>();
  readonly #ended = new Map<string, Promise<void>>();

  constructor(options: AthenaOptions) {
    this.#options = options;
    this.#file = join(options.folder, 'athena.json');
    const state = readState<{ groups: WorkGroup[]; executions: Execution[] }>(this.#file, {
      groups: [],
      executions: [],
    });
    this.#groups = new Map(state.groups.map((group) => [group.name, group]));
    this.#executions = new Map(state.executions.map((execution) => [execution.id, execution]));
    for (const execution of this.#executions.values()) {
      if (finals.includes(execution.state)) continue;
      this.#end(execution, 'FAILED', 'INTERNAL_ERROR: the local platform stopped while the query ran');
    }
  }

  operationOf = targetOf;

  async handle(exchange: Exchange): Promise<Reply> {
    return jsonReply(await this.#do(targetOf(exchange), inputOf(exchange)));
  }

  refuse = jsonRefusal;

  /** Stops what runs, and waits for it. */
  async stop(): Promise<void> {
    await Promise.all([...this.#ended.keys()].map((id) => this.#interrupt(id)));
  }

  async #do(operation: string, input: Input): Promise<object> {
    switch (operation) {
      case 'CreateWorkGroup':
        return this.#createWorkGroup(input);
      case 'UpdateWorkGroup': {
        const group = this.#group(String(input.WorkGroup));
        const configuration = { ...group.configuration, ...(input.ConfigurationUpdates as object | undefined) };
        this.#groups.set(group.name, { ...group, configuration });
        this.#save();
        return {};
      }
      case 'GetWorkGroup': {
        const { name, description, configuration } = this.#group(String(input.WorkGroup));
        return {
          WorkGroup: { Name: name, State: 'ENABLED', Description: description, Configuration: configuration },
        };
      }
      case 'StartQueryExecution':
        return { QueryExecutionId: this.#start(input) };
      case 'GetQueryExecution':
        return { QueryExecution: shownOf(this.#execution(input)) };
      case 'StopQueryExecution': {
        const execution = this.#execution(input);
        if (!finals.includes(execution.state)) {
          this.#end(execution, 'CANCELLED', 'Query cancelled!');
          void this.#interrupt(execution.id);
        }
        return {};
      }
      case 'GetQueryResults':
        return this.#results(input);
      default:
        throw notImplemented(`Athena ${operation}`);
    }
  }

  #createWorkGroup({ Name, Description, Configuration }: Input): object {
    const name = String(Name);
    if (this.#groups.has(name)) throw new AwsError(400, 'InvalidRequestException', 'WorkGroup is already created');
    const configuration = (Configuration ?? {}) as WorkGroup['configuration'];
    this.#groups.set(name, { name, description: String(Description ?? ''), configuration });
    this.#save();
    return {};
  }

  #start(input: Input): string {
    const query = String(input.QueryString ?? '');
    const token = input.ClientRequestToken === undefined ? undefined : String(input.ClientRequestToken);
    const parameters = (input.ExecutionParameters ?? []) as readonly string[];
    if (query === '' || Buffer.byteLength(query) > queryBytesMax) {
      throw invalid(`QueryString must be 1 to ${queryBytesMax} bytes.`);
    }
    if (token !== undefined && (token.length < 32 || token.length > 128)) {
      throw invalid('ClientRequestToken must be 32 to 128 characters.');
    }
    if (parameters.some((value) => value.length === 0 || value.length > parameterCharsMax)) {
      throw invalid(`Each of ExecutionParameters must be 1 to ${parameterCharsMax} characters.`);
    }
    const group = this.#group(String(input.WorkGroup ?? 'primary'));
    const { OutputLocation } = group.configuration.ResultConfiguration ?? {};
    if (!OutputLocation || group.configuration.EnforceWorkGroupConfiguration !== true) {
      throw notImplemented('Athena with a workgroup that does not enforce its own results location');
    }
    const database = String((input.QueryExecutionContext as { Database?: string } | undefined)?.Database ?? 'default');
    const again = token && [...this.#executions.values()].find((one) => one.token === token);
    if (again) {
      if (again.query === query && JSON.stringify(again.parameters) === JSON.stringify(parameters)) return again.id;
      throw invalid('Idempotent parameters do not match');
    }
    const id = crypto.randomUUID();
    const execution: Execution = {
      id,
      query,
      parameters,
      workGroup: group.name,
      database,
      token,
      submittedAt: this.#options.now(),
      output: `${OutputLocation.replace(/\/?$/, '/')}${id}.csv`,
      state: 'QUEUED',
      scannedBytes: 0,
    };
    this.#executions.set(id, execution);
    const before = this.#reusable(execution, input.ResultReuseConfiguration);
    if (before) {
      Object.assign(execution, { output: before.output, columns: before.columns, reused: true });
      this.#end(execution, 'SUCCEEDED');
    } else {
      this.#save();
      const ended = this.#run(execution, group).finally(() => this.#ended.delete(id));
      this.#ended.set(id, ended);
    }
    return id;
  }

  /** A result of the same question that is young enough. */
  #reusable(execution: Execution, configuration: unknown): Execution | undefined {
    const { Enabled, MaxAgeInMinutes = 60 } =
      (configuration as { ResultReuseByAgeConfiguration?: { Enabled?: boolean; MaxAgeInMinutes?: number } } | undefined)
        ?.ResultReuseByAgeConfiguration ?? {};
    if (!Enabled) return undefined;
    const oldest = execution.submittedAt - MaxAgeInMinutes * 60_000;
    const same = (one: Execution) =>
      JSON.stringify([one.query, one.parameters, one.workGroup, one.database]) ===
      JSON.stringify([execution.query, execution.parameters, execution.workGroup, execution.database]);
    return [...this.#executions.values()].find(
      (one) => one.state === 'SUCCEEDED' && !one.reused && (one.completedAt ?? 0) >= oldest && same(one),
    );
  }

  async #run(execution: Execution, { configuration }: WorkGroup): Promise<void> {
    let running: Running | undefined;
    try {
      const values = execution.parameters.map(valueOfLiteral);
      running = await this.#options.engineOf(execution.database).start(execution.query, values);
      if (execution.state !== 'QUEUED') return;
      execution.state = 'RUNNING';
      this.#running.set(execution.id, running);
      const cutoff = configuration.BytesScannedCutoffPerQuery;
      if (cutoff !== undefined && running.scannedBytes > cutoff) {
        execution.scannedBytes = cutoff;
        this.#end(execution, 'CANCELLED', 'Bytes scanned limit was exceeded');
        return;
      }
      execution.scannedBytes = running.scannedBytes;
      const { columns, rows } = await running.rows();
      const lines = [csvLine(columns.map(({ name }) => name))];
      for await (const row of rows) lines.push(csvLine(row));
      if ((execution.state as State) !== 'RUNNING') return;
      const { bucket, key } = placeOf(execution.output);
      await this.#options.results.put(bucket, key, Buffer.from(lines.join('')));
      execution.columns = columns;
      this.#end(execution, 'SUCCEEDED');
    } catch (error) {
      if (!(error instanceof QueryFailed)) console.error('local athena:', error);
      this.#end(execution, 'FAILED', error instanceof QueryFailed ? error.message : `INTERNAL_ERROR: ${String(error)}`);
    } finally {
      this.#running.delete(execution.id);
      running?.close();
    }
  }

  /** An interruption that comes before the engine has begun is lost: so again and again, until it has ended. */
  async #interrupt(id: string): Promise<void> {
    const again = setInterval(() => this.#running.get(id)?.stop(), 20);
    this.#running.get(id)?.stop();
    await this.#ended.get(id);
    clearInterval(again);
  }

  /** The first end counts: what was cancelled does not fail as well. */
  #end(execution: Execution, state: State, reason?: string): void {
    if (finals.includes(execution.state)) return;
    Object.assign(execution, { state, completedAt: this.#options.now(), ...(reason === undefined ? {} : { reason }) });
    this.#save();
  }

  async #results(input: Input): Promise<object> {
    const execution = this.#execution(input);
    if (!finals.includes(execution.state)) {
      throw invalid(`Query has not yet finished. Current state: ${execution.state}`);
    }
    if (execution.state !== 'SUCCEEDED') {
      throw invalid(`Query did not finish successfully. Final query state: ${execution.state}`);
    }
    const max = Number(input.MaxResults ?? rowsPerPageMax);
    if (!Number.isInteger(max) || max < 1 || max > rowsPerPageMax) throw invalid('MaxResults must be 1 to 1000.');
    const from = input.NextToken === undefined ? 0 : Number(input.NextToken);
    const { bucket, key } = placeOf(execution.output);
    const rows = csvRows((await this.#options.results.get(bucket, key)).toString());
    if (!Number.isInteger(from) || from < 0 || from > rows.length) throw invalid('The NextToken is not valid.');
    const page = rows.slice(from, from + max);
    return {
      ResultSet: {
        Rows: page.map((row) => ({ Data: row.map((value) => (value === null ? {} : { VarCharValue: value })) })),
        ResultSetMetadata: {
          ColumnInfo: (execution.columns ?? []).map(({ name, type }) => ({ Name: name, Label: name, Type: type })),
        },
      },
      UpdateCount: 0,
      ...(from + max < rows.length ? { NextToken: String(from + max) } : {}),
    };
  }

  #group(name: string): WorkGroup {
    const group = this.#groups.get(name);
    if (!group) throw invalid('WorkGroup is not found.');
    return group;
  }

  #execution({ QueryExecutionId }: Input): Execution {
    const execution = this.#executions.get(String(QueryExecutionId));
    if (!execution) throw invalid(`QueryExecution ${String(QueryExecutionId)} was not found`);
    return execution;
  }

  #save(): void {
    for (const id of this.#executions.keys()) {
      if (this.#executions.size <= executionsKept) break;
      this.#executions.delete(id);
    }
    writeState(this.#file, { groups: [...this.#groups.values()], executions: [...this.#executions.values()] });
  }
}

const invalid = (message: string): AwsError => new AwsError(400, 'InvalidRequestException', message);

function placeOf(location: string): { readonly bucket: string; readonly key: string } {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(location) ?? [];
  return { bucket, key };
}

/** A parameter is a SQL literal: text in single quotes, or a number. */
function valueOfLiteral(literal: string): string {
  if (/^'(?:[^']|'')*'$/.test(literal)) return literal.slice(1, -1).replaceAll("''", "'");
  if (/^-?\d+(\.\d+)?$/.test(literal)) return literal;
  throw new QueryFailed(
    `SYNTAX_ERROR: the parameter ${literal.slice(0, 60)} is no literal; text stands in single quotes`,
  );
}

const shownOf = (execution: Execution): object => ({
  QueryExecutionId: execution.id,
  Query: execution.query,
  ...(execution.parameters.length === 0 ? {} : { ExecutionParameters: execution.parameters }),
  StatementType: 'DML',
  WorkGroup: execution.workGroup,
  QueryExecutionContext: { Database: execution.database, Catalog: 'awsdatacatalog' },
  ResultConfiguration: { OutputLocation: execution.output },
  EngineVersion: { SelectedEngineVersion: 'AUTO', EffectiveEngineVersion: 'Athena engine version 3' },
  Status: {
    State: execution.state,
    SubmissionDateTime: execution.submittedAt / 1000,
    ...(execution.completedAt === undefined ? {} : { CompletionDateTime: execution.completedAt / 1000 }),
    ...(execution.reason === undefined ? {} : { StateChangeReason: execution.reason }),
  },
  Statistics: {
    DataScannedInBytes: execution.scannedBytes,
    TotalExecutionTimeInMillis: (execution.completedAt ?? execution.submittedAt) - execution.submittedAt,
    ResultReuseInformation: { ReusedPreviousResult: execution.reused === true },
  },
});
