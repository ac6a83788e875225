/** Judges what a caller sent against the event's shape, with a sentence that says what to change. */
import type { EventInput, Json } from './event.ts';
import { escapeToken } from './pointer.ts';
import { fail, ok, type Result } from './problem.ts';
import { validate as compiled } from './validate.generated.ts';

interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

const isValid = compiled as unknown as ((value: unknown) => boolean) & { errors?: SchemaError[] | null };

/** The value as an event's input, or `event_invalid` with a pointer to the first fault. */
export function validateInput(value: Json): Result<EventInput> {
  if (isValid(value)) return ok(value as unknown as EventInput);
  const error = isValid.errors?.[0];
  if (!error) return fail('event_invalid', 'The event does not have the right shape.');
  const pointer = pointerOf(error);
  return fail('event_invalid', `${pointer === '' ? 'The event' : pointer} ${sentenceOf(error)}.`, pointer);
}

const inName = (name: unknown) => `/${escapeToken(String(name).slice(0, 128))}`;

/** Points at the field itself, also when it is missing or should not be there. */
function pointerOf({ instancePath, keyword, params }: SchemaError): string {
  if (keyword === 'required') return instancePath + inName(params.missingProperty);
  if (keyword === 'additionalProperties') return instancePath + inName(params.additionalProperty);
  return instancePath;
}

function sentenceOf({ keyword, params, message }: SchemaError): string {
  switch (keyword) {
    case 'required':
      return 'is missing';
    case 'additionalProperties':
      return 'is not a field of an event; your own fields go into metadata';
    case 'type':
      return `must be ${article(String(params.type))}`;
    case 'enum':
      return `must be one of ${(params.allowedValues as string[]).join(', ')}`;
    case 'pattern':
      return 'must be two or more words of letters, digits, _ or - joined by dots, as user.login';
    case 'minLength':
      return 'must not be empty';
    case 'maxLength':
      return `must have at most ${params.limit} characters`;
    case 'maxItems':
      return `must have at most ${params.limit} elements`;
    default:
      return message ?? 'is not valid';
  }
}

const article = (type: string) => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`);
