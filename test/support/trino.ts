/** Trino's grammar: what Athena's engine parses. DuckDB takes more and other words, so passing there proves little. */
import { TrinoSQL } from 'dt-sql-parser';

const grammar = new TrinoSQL();

/** What Trino's parser says against a statement, `line:column message` each; none when it parses. */
export const trinoFaults = (sql: string): readonly string[] =>
  grammar.validate(sql).map(({ startLine, startColumn, message }) => `${startLine}:${startColumn} ${message}`);
