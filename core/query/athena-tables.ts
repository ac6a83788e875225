/** The archive's tables as people see them: what `trailkeep athena` prints. lib/parts/event-tables.ts makes them. */
import { eventTables, lineTables } from './athena-sql.ts';

/** A column: its name, its type in Athena's words, and what it holds. */
export type AthenaColumn = readonly [name: string, type: string, about?: string];

const party = 'struct<type:string,id:string,name:string,email:string,metadata:string>';

/** Columns of `events` and `events_monthly`, without the partitions. */
export const eventColumns: readonly AthenaColumn[] = [
  ['id', 'string', 'UUIDv7'],
  ['project', 'string'],
  ['environment', 'string'],
  ['occurred_at', 'string', 'RFC 3339 in UTC with milliseconds: orders as text'],
  ['received_at', 'string', 'RFC 3339 in UTC with milliseconds'],
  ['action', 'string', 'noun.verb'],
  ['schema_version', 'int'],
  ['crud', 'string', 'c, r, u or d'],
  ['severity', 'string', 'info, low, medium, high or critical'],
  ['outcome', 'struct<result:string,reason:string>', 'success, failure or denied'],
  ['actor', party, 'Who did it; a token where it is a person'],
  ['on_behalf_of', `array<${party}>`],
  ['targets', 'array<struct<type:string,id:string,name:string,metadata:string>>'],
  [
    'context',
    'struct<ip:string,user_agent:string,location:string,session_id:string,request_id:string,trace_id:string,service:string,module:string>',
  ],
  ['operation_id', 'string', 'Pairs attempt and result'],
  ['authorization', 'array<struct<permission:string,resource:string,granted:boolean>>'],
  ['changes', 'array<struct<path:string,before:string,after:string>>', 'before and after as JSON'],
  ['metadata', 'string', 'JSON'],
  ['data_class', 'string', 'none, pii, phi, chd or financial'],
  ['subject', 'string', 'The person whose data it concerns, as a token'],
  ['idempotency_key', 'string'],
  ['external_id', 'string'],
  ['component', 'string'],
  ['version', 'string'],
  ['producer', 'struct<key:string,seq:bigint>'],
  ['schema_violation', 'string'],
];

/** Column of `event_lines` and `event_lines_monthly`. */
export const lineColumns: readonly AthenaColumn[] = [['line', 'string', 'The stored event, JSON to the byte']];

/** Every table: its partitions in order, and whether its rows are lines. */
export const athenaTables = [
  { name: eventTables.day, partitions: ['dt', 'tenant', 'category'], columns: eventColumns, about: 'days' },
  { name: eventTables.month, partitions: ['month', 'tenant', 'category'], columns: eventColumns, about: 'months' },
  { name: lineTables.day, partitions: ['dt', 'tenant', 'category'], columns: lineColumns, about: 'days, line by line' },
  {
    name: lineTables.month,
    partitions: ['month', 'tenant', 'category'],
    columns: lineColumns,
    about: 'months, line by line',
  },
] as const;

/** Names of a stage's workgroup and database. */
export const athenaNames = (stage: string) => ({
  workGroup: `trailkeep-${stage}`,
  database: `trailkeep_${stage.replaceAll('-', '_')}`,
});

/** Statements to begin with, for a tenant (a UUID) and a day as `2026-03-01`. */
export function athenaExamples(
  tenant: string,
  day: string,
): readonly { readonly about: string; readonly sql: string }[] {
  const where = (partition: string, value: string) => `where tenant = '${tenant}' and ${partition} = '${value}'`;
  const month = day.slice(0, 7);
  return [
    {
      about: 'Actions of a day, by how often',
      sql: `select action, outcome.result as result, count(distinct id) as events\nfrom ${eventTables.day} ${where('dt', day)}\ngroup by action, outcome.result\norder by events desc`,
    },
    {
      about: 'Who did most in a month whose days were merged',
      sql: `select actor.id as actor, count(distinct id) as events\nfrom ${eventTables.month} ${where('month', month)}\ngroup by actor.id\norder by events desc\nlimit 20`,
    },
    {
      about: 'Stored lines of a day, to be proven against the log',
      sql: `select line\nfrom ${lineTables.day} ${where('dt', day)} and category = 'critical'\nlimit 100`,
    },
  ];
}
