/** One JSON object a line: an event in our shape, or any object with a mapping. */

import type { Json, JsonObject } from '../../event/event.ts';
import { jsonDepthMax } from '../../event/event.ts';
import { parseJson } from '../../event/json.ts';
import { fail } from '../../event/problem.ts';
import { validateInput } from '../../event/validate.ts';
import type { Recognised } from './format.ts';
import { type MapPair, mapRow } from './mapping.ts';

/** The event of one line. A line that is no JSON object is a fault: nobody writes prose into such a file. */
export function fromJsonl(line: string, pairs: readonly MapPair[] | undefined): Recognised {
  const parsed = parseJson(line, { depthMax: jsonDepthMax });
  if (!parsed.ok) return parsed;
  if (!isObject(parsed.value)) return fail('event_invalid', 'The line is no JSON object.');
  return pairs === undefined ? validateInput(parsed.value) : mapRow(parsed.value, pairs);
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
