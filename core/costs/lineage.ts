/**
 * Lineage: what a run made from what, in the words of OpenLineage 2-0-2 (https://openlineage.io/spec/2-0-2/OpenLineage.json).
 *
 * Each part of a run is a run of OpenLineage with the whole run as its parent, because a run id belongs to one job there.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import type { JsonObject } from '#core/event/event.ts';

/** A data set as OpenLineage names it: `postgres://trailkeep` and `costs.cost_daily`, or `s3://bucket` and a key. */
export interface DatasetName {
  readonly namespace: string;
  readonly name: string;
}
/** A table of ours. */
export const ownTable = (name: string): DatasetName => ({ namespace: 'postgres://trailkeep', name });

export interface LineageInput extends DatasetName {
  readonly rows?: number;
  readonly bytes?: number;
  /** What state of it was read or made: a load's number, a statement's version, an object's ETag. */
  readonly version?: string;
}
export interface LineageOutput extends LineageInput {
  /** For columns of this data set: the columns that they are made from. */
  readonly columns?: Readonly<Record<string, readonly (DatasetName & { readonly field: string })[]>>;
}

export const lineageTypes = ['START', 'RUNNING', 'COMPLETE', 'ABORT', 'FAIL', 'OTHER'] as const;
export type LineageType = (typeof lineageTypes)[number];

/** What a part of a run tells of itself. Names hold nothing secret: no signed addresses, no user info. */
export interface LineageEvent {
  readonly tenant: string;
  /** UUID of the run; of the request where a person did it. */
  readonly run: string;
  /** The run's part; `''` where it has none. */
  readonly task: string;
  /** What kind of work it is, as `etl.focus` or `refresh.mv_monthly_chargeback_summary`: stable from run to run. */
  readonly job: string;
  readonly type: LineageType;
  readonly at: Date;
  readonly inputs: readonly LineageInput[];
  readonly outputs: readonly LineageOutput[];
  /** The sentence a FAIL or ABORT ends with. */
  readonly error?: string;
}

/** One step of the graph: `job` makes `output` from `input`. */
export interface LineageEdge {
  readonly input: DatasetName;
  readonly output: DatasetName;
  readonly job: string;
  /** Columns of the output, each with the columns of this input that it is made from. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  readonly at: Date;
  readonly run: string;
}

/** Where lineage is kept. Every method rejects with `Unavailable` when the database is down. */
export interface Lineage {
  /**
   * Durable on return. An event of the same run, task and type that is there already stays as it is. The edges of the
   * graph come from COMPLETE events.
   */
  keep(event: LineageEvent): Promise<void>;
  /** Newest first, those that were earlier than `before`. Each as `openLineageEvent` made it. */
  events(tenant: string, asked: LineageQuestion): Promise<readonly KeptEvent[]>;
  /**
   * The graph that a data set is made from (`back`), or that is made from it (`forward`), its steps nearest first. A graph
   * of more than `limit` steps is cut there.
   */
  walk(
    tenant: string,
    from: DatasetName,
    direction: 'back' | 'forward',
    limit: number,
  ): Promise<readonly (LineageEdge & { readonly depth: number })[]>;
}

export interface LineageQuestion {
  readonly run?: string;
  readonly job?: string;
  readonly type?: LineageType;
  /** Position of the last event of the page before. */
  readonly before?: LineagePosition;
  readonly limit: number;
}
export interface LineagePosition {
  readonly at: Date;
  readonly run: string;
  readonly task: string;
  readonly type: LineageType;
}
export interface KeptEvent extends LineagePosition {
  readonly event: JsonObject;
}

const producer = 'https://trailkeep.dev/lineage';
const schema = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent';
const facet = (file: string, name: string) => ({
  _producer: producer,
  _schemaURL: `https://openlineage.io/spec/facets/${file}/${name}.json#/$defs/${name}`,
});

/** The run id of a part, a UUIDv8: the same for the same part. */
export function taskRunId(run: string, task: string): string {
  if (task === '') return run;
  const bytes = sha256(new TextEncoder().encode(`${run}/${task}`)).slice(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The event as OpenLineage's RunEvent, ready for any tool that takes them. */
export function openLineageEvent(event: LineageEvent): JsonObject {
  const { run, task, job, type, at, error } = event;
  const namespace = `trailkeep://${event.tenant}`;
  const parent = { ...facet('1-1-0', 'ParentRunFacet'), run: { runId: run }, job: { namespace, name: kindOf(job) } };
  const errorMessage = { ...facet('1-0-1', 'ErrorMessageRunFacet'), message: error ?? '', programmingLanguage: 'n/a' };
  return {
    eventType: type,
    eventTime: at.toISOString(),
    producer,
    schemaURL: schema,
    run: {
      runId: taskRunId(run, task),
      facets: { ...(task === '' ? {} : { parent }), ...(error === undefined ? {} : { errorMessage }) },
    },
    job: { namespace, name: job },
    inputs: event.inputs.map((one) => ({
      ...datasetOf(one),
      facets: versionFacet(one),
      inputFacets: statistics('inputStatistics', facet('1-0-0', 'InputStatisticsInputDatasetFacet'), one),
    })),
    outputs: event.outputs.map((one) => ({
      ...datasetOf(one),
      facets: { ...versionFacet(one), ...columnFacet(one) },
      outputFacets: statistics('outputStatistics', facet('1-0-2', 'OutputStatisticsOutputDatasetFacet'), one),
    })),
  };
}

/** What an event adds to the graph; nothing unless its work is complete. */
export function edgesOf({ type, job, at, run, inputs, outputs }: LineageEvent): LineageEdge[] {
  if (type !== 'COMPLETE') return [];
  const unique = new Map<string, LineageEdge>();
  for (const output of outputs) {
    for (const input of inputs) {
      const columns = Object.entries(output.columns ?? {}).flatMap(([column, from]) => {
        const fields = from.filter((one) => datasetKey(one) === datasetKey(input)).map(({ field }) => field);
        return fields.length === 0 ? [] : [[column, fields] as const];
      });
      unique.set(`${datasetKey(input)} ${datasetKey(output)}`, {
        input: datasetOf(input),
        output: datasetOf(output),
        ...{ job, at, run, columns: Object.fromEntries(columns) },
      });
    }
  }
  return [...unique.values()];
}

/** A data set as one text: a namespace has no blank, so the first one ends it. */
export const datasetKey = ({ namespace, name }: DatasetName): string => `${namespace} ${name}`;
/** Its inverse; undefined when the text is not such a name. */
export function datasetFrom(key: string): DatasetName | undefined {
  const at = key.indexOf(' ');
  return at < 1 || at === key.length - 1 ? undefined : { namespace: key.slice(0, at), name: key.slice(at + 1) };
}

const datasetOf = ({ namespace, name }: DatasetName) => ({ namespace, name });
const kindOf = (job: string) => job.split('.')[0]!;

function versionFacet({ version }: LineageInput): JsonObject {
  if (version === undefined) return {};
  return { version: { ...facet('1-0-1', 'DatasetVersionDatasetFacet'), datasetVersion: version } };
}

function columnFacet({ columns }: LineageOutput): JsonObject {
  if (!columns) return {};
  const fields = Object.entries(columns).map(([column, from]) => [
    column,
    { inputFields: from.map((one) => ({ ...datasetOf(one), field: one.field })) },
  ]);
  return { columnLineage: { ...facet('1-2-0', 'ColumnLineageDatasetFacet'), fields: Object.fromEntries(fields) } };
}

function statistics(name: string, base: JsonObject, { rows, bytes }: LineageInput): JsonObject {
  if (rows === undefined && bytes === undefined) return {};
  const counts = { ...(rows === undefined ? {} : { rowCount: rows }), ...(bytes === undefined ? {} : { size: bytes }) };
  return { [name]: { ...base, ...counts } };
}
