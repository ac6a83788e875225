/**
 * The archive as tables for Athena, which works out partitions by itself: nothing crawls, nothing registers.
 *
 * `tenant` is injected: a query that does not say which tenant it means fails. Two ways to read the same files: by
 * columns for people who write SQL, and by the stored line to the byte for our own queries, whose answers are opened,
 * masked and proven as any event is. Days and months are tables of their own, as the archive has them.
 */
import type { CfnTable } from 'aws-cdk-lib/aws-glue';

type Column = { readonly name: string; readonly type: string; readonly comment?: string };

const party = 'struct<type:string,id:string,name:string,email:string,metadata:string>';

/** Every member of a stored event but `tenant` and `category`, which are partitions, and what is sealed. */
const eventColumns: readonly Column[] = [
  { name: 'id', type: 'string', comment: 'UUIDv7' },
  { name: 'project', type: 'string' },
  { name: 'environment', type: 'string' },
  { name: 'occurred_at', type: 'string', comment: 'RFC 3339 in UTC with milliseconds: orders as text' },
  { name: 'received_at', type: 'string', comment: 'RFC 3339 in UTC with milliseconds' },
  { name: 'action', type: 'string', comment: 'noun.verb' },
  { name: 'schema_version', type: 'int' },
  { name: 'crud', type: 'string', comment: 'c, r, u or d' },
  { name: 'severity', type: 'string', comment: 'info, low, medium, high or critical' },
  { name: 'outcome', type: 'struct<result:string,reason:string>', comment: 'success, failure or denied' },
  { name: 'actor', type: party, comment: 'Who did it; a token where it is a person' },
  { name: 'on_behalf_of', type: `array<${party}>` },
  { name: 'targets', type: 'array<struct<type:string,id:string,name:string,metadata:string>>' },
  {
    name: 'context',
    type: 'struct<ip:string,user_agent:string,location:string,session_id:string,request_id:string,trace_id:string,service:string,module:string>',
  },
  { name: 'operation_id', type: 'string', comment: 'Pairs attempt and result' },
  { name: 'authorization', type: 'array<struct<permission:string,resource:string,granted:boolean>>' },
  {
    name: 'changes',
    type: 'array<struct<path:string,before:string,after:string>>',
    comment: 'before and after as JSON',
  },
  { name: 'metadata', type: 'string', comment: 'JSON' },
  { name: 'data_class', type: 'string', comment: 'none, pii, phi, chd or financial' },
  { name: 'subject', type: 'string', comment: 'The person whose data it concerns, as a token' },
  { name: 'idempotency_key', type: 'string' },
  { name: 'external_id', type: 'string' },
  { name: 'component', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'producer', type: 'struct<key:string,seq:bigint>' },
  { name: 'schema_violation', type: 'string' },
];

const lineColumns: readonly Column[] = [
  { name: 'line', type: 'string', comment: 'The stored event, JSON to the byte' },
];

const spans = {
  // Events may be a day ahead of the clock; the archive takes any time since computers count it.
  day: { folder: 'audit-logs/', key: 'dt', format: 'yyyy-MM-dd', range: '1970-01-01,NOW+2DAYS', unit: 'DAYS' },
  month: {
    folder: 'audit-logs-monthly/',
    key: 'month',
    format: 'yyyy-MM',
    range: '1970-01,NOW+1MONTHS',
    unit: 'MONTHS',
  },
} as const;

/** As in the event's own list of categories, which a test compares. */
export const projectedCategories = ['auth_events', 'api_calls', 'user_activity', 'operations', 'critical', 'system'];

const readers = {
  // What is no JSON fails the query: a line that is skipped would be a gap that nobody sees.
  columns: {
    columns: eventColumns,
    serde: {
      serializationLibrary: 'org.openx.data.jsonserde.JsonSerDe',
      parameters: { 'ignore.malformed.json': 'false' },
    },
  },
  // Its separator is a control character, which stored JSON never holds: the one column takes the whole line.
  lines: {
    columns: lineColumns,
    serde: {
      serializationLibrary: 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe',
      parameters: { 'serialization.format': '1' },
    },
  },
} as const;

/** The tables over one bucket, as CloudFormation wants them. */
export function eventTables(bucketName: string): readonly CfnTable.TableInputProperty[] {
  const table = (name: string, span: keyof typeof spans, reader: keyof typeof readers) => {
    const { folder, key, format, range, unit } = spans[span];
    const { columns, serde } = readers[reader];
    const location = `s3://${bucketName}/${folder}`;
    return {
      name,
      description: `Trailkeep's archive by ${span}, ${reader === 'lines' ? 'a stored line a row' : 'an event a row'}`,
      tableType: 'EXTERNAL_TABLE',
      parameters: {
        EXTERNAL: 'TRUE',
        classification: 'json',
        // Copies that were restored from Glacier are read; what is still there is skipped.
        read_restored_glacier_objects: 'true',
        'projection.enabled': 'true',
        'projection.tenant.type': 'injected',
        'projection.category.type': 'enum',
        'projection.category.values': projectedCategories.join(','),
        [`projection.${key}.type`]: 'date',
        [`projection.${key}.format`]: format,
        [`projection.${key}.range`]: range,
        [`projection.${key}.interval`]: '1',
        [`projection.${key}.interval.unit`]: unit,
        'storage.location.template': `${location}${key}=\${${key}}/tenant=\${tenant}/category=\${category}/`,
      },
      partitionKeys: [
        { name: key, type: 'string' },
        { name: 'tenant', type: 'string' },
        { name: 'category', type: 'string' },
      ],
      storageDescriptor: {
        location,
        inputFormat: 'org.apache.hadoop.mapred.TextInputFormat',
        outputFormat: 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
        columns: [...columns],
        serdeInfo: serde,
      },
    };
  };
  return [
    table('events', 'day', 'columns'),
    table('events_monthly', 'month', 'columns'),
    table('event_lines', 'day', 'lines'),
    table('event_lines_monthly', 'month', 'lines'),
  ];
}
