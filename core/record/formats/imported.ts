/** What an import says of itself in each event, and the text by which the table and the trail are compared. */
import { canonical } from '../../event/canonical.ts';
import type { EventInput, Json, JsonObject } from '../../event/event.ts';

/** `metadata.import` of an imported event. */
export interface ImportMark {
  /** Id of the import. */
  readonly id: string;
  /** Which run of about a thousand rows, from 1: what is compared at once. */
  readonly range: number;
}

/** The server's own words: what a producer sends of them is a hint, or nothing. */
const serverMade = new Set([
  ...['id', 'tenant', 'received_at', 'producer', 'category', 'crud', 'severity'],
  ...['schema_violation', 'sealed', 'salt', 'redacted'],
]);

/** Canonical text of an event without what the server made of it: the same before it is sent and after it was read back. */
export function comparableText(event: Partial<EventInput>): string {
  const said: Record<string, Json> = { data_class: 'none', outcome: { result: 'success' }, schema_version: 1 };
  for (const [name, value] of Object.entries(event as JsonObject)) {
    if (value !== undefined && !serverMade.has(name)) said[name] = value;
  }
  return canonical(said);
}

/** The mark of an event that some import brought; undefined for all others. */
export function importMark({ metadata }: Pick<EventInput, 'metadata'>): ImportMark | undefined {
  const mark = metadata?.import as Partial<ImportMark> | undefined;
  return typeof mark?.id === 'string' && typeof mark.range === 'number'
    ? { id: mark.id, range: mark.range }
    : undefined;
}

/** External ids are words of at most 128 characters; longer keys are told by their digest. */
const wordCharsMax = 128;

/** `audit_logs:17`, and `audit_logs:["a","b"]` for a key of several columns; `nth` tells rows with one key apart, from 1. */
export function rowName(
  table: string,
  key: readonly string[],
  nth: number,
  sha256Hex: (text: string) => string,
): string {
  const text = `${key.length === 1 ? key[0]! : JSON.stringify(key)}${nth > 1 ? `#${nth}` : ''}`;
  const name = `${table}:${text}`;
  return name.length <= wordCharsMax ? name : `${table.slice(0, 40)}:sha256:${sha256Hex(text)}`;
}
