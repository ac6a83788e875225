/** What sources answer, without what is secret in it: a controller's answers hold licence and access keys. */
import type { Json } from '../event/event.ts';

const secretName = /(licen[cs]e|access|api|private|account)[-_]?(key|guid)s?$|secret|passw(or)?d|token$|credential/i;

/** The same value with everything under a secret's name taken out. */
export function redact(value: Json): Json {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [
      name,
      secretName.test(name) && held !== null ? '(redacted)' : redact(held),
    ]),
  );
}
