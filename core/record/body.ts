/** Cuts a request's body into items without parsing them, so that each item is judged alone. */
import { batchEventsMax } from '../event/event.ts';
import { type JsonItem, splitArray } from '../event/json.ts';
import { fail, ok, type Result } from '../event/problem.ts';

export interface SplitBody {
  readonly form: 'single' | 'array' | 'ndjson';
  /** Whether items are CloudEvents: all, none, or those that are `marked` by a specversion. */
  readonly cloudEvents: boolean | 'marked';
  readonly items: readonly JsonItem[];
}

/** Cuts a body by its content type; without one it is taken for JSON. */
export function splitBody(contentType: string | undefined, text: string): Result<SplitBody> {
  const type = (contentType ?? 'application/json').split(';')[0]!.trim().toLowerCase();
  switch (type) {
    case 'application/json':
    case '':
      return jsonBody(text, false);
    case 'application/cloudevents+json':
      return ok({ form: 'single', cloudEvents: true, items: [{ text }] });
    case 'application/cloudevents-batch+json':
      return jsonBody(text, true);
    case 'application/x-ndjson':
    case 'application/jsonl':
      return lines(text);
    default:
      return fail(
        'media_type_unsupported',
        `The content type ${type.slice(0, 60)} is not known; send application/json, application/x-ndjson or CloudEvents.`,
      );
  }
}

/** The same for a message of a queue, which has no content type: an array, one object, or lines of objects. */
export function sniffBody(text: string): Result<SplitBody> {
  const start = text.trimStart();
  const newline = start.indexOf('\n');
  const ndjson = start.startsWith('{') && newline > 0 && isWholeObject(start.slice(0, newline).trim());
  const split = ndjson && start.slice(newline).trim() !== '' ? lines(text) : jsonBody(text, false);
  if (!split.ok) return split;
  return ok({ ...split.value, cloudEvents: 'marked' });
}

function isWholeObject(line: string): boolean {
  if (!line.endsWith('}')) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function jsonBody(text: string, arrayOnly: boolean): Result<SplitBody> {
  if (!arrayOnly && !text.trimStart().startsWith('[')) {
    return ok({ form: 'single', cloudEvents: false, items: [{ text }] });
  }
  const split = splitArray(text);
  return split.ok ? bounded({ form: 'array', cloudEvents: arrayOnly, items: split.value }) : split;
}

function lines(text: string): Result<SplitBody> {
  const items = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ text: line }));
  return bounded({ form: 'ndjson', cloudEvents: false, items });
}

function bounded(body: SplitBody): Result<SplitBody> {
  const { length } = body.items;
  if (length === 0) return fail('batch_empty', 'The batch holds no event.');
  if (length > batchEventsMax) {
    return fail('batch_too_large', `The batch holds ${length} events; the limit is ${batchEventsMax}. Split it.`);
  }
  return ok(body);
}
