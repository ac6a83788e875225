/**
 * Opening: what a reader may see comes back to its place, and nothing else is decrypted.
 *
 * A value that is not shown leaves a word where a text stood, or nothing where an object stood, and is named in
 * `redacted` with the reason, so that nobody takes a hidden value for a missing one.
 */
import type { Category, DataClass, Event, Json, JsonObject } from '#core/event/event.ts';
import { partsOf, valueAt } from '#core/event/pointer.ts';
import { isToken } from '#core/event/token.ts';
import type { FieldMode, View } from '../access/view.ts';
import type { Cipher, OpenedKey } from './ports.ts';
import { envelopeContext } from './seal.ts';
import { erasedText, maskedText, restrictedText, type SealedGroup } from './sealed.ts';

/** Why a value is not there. `broken`: the envelope does not open although its key is there. */
export type Redaction = 'masked' | 'token' | 'omitted' | 'erased' | 'restricted' | 'retained' | 'broken';

/** An event as the API answers it. */
export type ShownEvent = Omit<Event, 'sealed' | 'salt'> & { readonly redacted?: Readonly<Record<string, Redaction>> };

/** What a reader sees of events of a kind; undefined: nothing, as if they were not there. */
export type ViewOf = (category: Category, dataClass: DataClass) => View | undefined;

/** The keys that showing these events needs: those of envelopes that the reader sees clear. */
export function neededKeys(events: readonly Event[], viewOf: ViewOf): string[] {
  const ids = new Set<string>();
  for (const event of events) {
    const view = event.sealed && viewOf(event.category, event.data_class);
    if (view) for (const { group, key } of event.sealed!) if (view[group] === 'clear') ids.add(key);
  }
  return [...ids];
}

/** The event as a reader sees it. An event without envelopes was stored before there were any, and is shown alike. */
export function showEvent(
  event: Event,
  view: View,
  keys: ReadonlyMap<string, OpenedKey>,
  cipher: Cipher,
  redactions: Readonly<Partial<Record<string, string>>> = {},
): ShownEvent {
  const { sealed, salt: _salt, ...rest } = event;
  if (!sealed) return rest;
  const shown = new Copy(rest as unknown as JsonObject);
  const redacted: Record<string, Redaction> = {};
  for (const envelope of sealed) {
    const opened =
      view[envelope.group] === 'clear'
        ? openEnvelope(event, envelope, keys.get(envelope.key), cipher)
        : view[envelope.group];
    envelope.at.forEach((at, index) => {
      if (Array.isArray(opened)) shown.put(at, opened[index]!);
      else redact(shown, at, opened as Redaction, redacted, redactions);
    });
  }
  const made = shown.root as unknown as ShownEvent;
  return Object.keys(redacted).length === 0 ? made : { ...made, redacted };
}

/** The values of one envelope in the order of its places, or why there are none. */
export function openEnvelope(
  event: Pick<Event, 'tenant' | 'id'>,
  envelope: SealedGroup,
  key: OpenedKey | undefined,
  cipher: Cipher,
): readonly Json[] | Redaction {
  if (!key) return 'erased';
  if (key.state !== 'live') return reasons[key.state];
  const { box, ...bound } = envelope;
  const text = cipher.open(key.key.cipher, box, envelopeContext(event.tenant, event.id, bound));
  return text === undefined ? 'broken' : (JSON.parse(text) as readonly Json[]);
}

const reasons = { shredded: 'erased', restricted: 'restricted', vaulted: 'retained' } as const;
const words: Partial<Record<Redaction, string>> = {
  masked: maskedText,
  erased: erasedText,
  restricted: restrictedText,
  retained: restrictedText,
  broken: '[unreadable]',
};
/** Places where an object stood: a word in its place would be of another type. */
const objectPlace = /\/metadata$/;

function redact(
  shown: Copy,
  at: string,
  reason: Redaction | FieldMode,
  redacted: Record<string, Redaction>,
  override: Readonly<Partial<Record<string, string>>>,
): void {
  const why = reason as Redaction;
  redacted[at] = why;
  const standing = valueAt(shown.root, at);
  const token = typeof standing === 'string' && isToken(standing);
  if (why === 'token') {
    if (!token) redacted[at] = 'omitted';
    return;
  }
  const word = override[why] ?? words[why];
  if (word !== undefined && !objectPlace.test(at)) shown.put(at, word);
  else if (token) shown.put(at, '');
}

/** A copy of an object of which only what changes is copied: a whole copy costs more than opening the envelopes. */
class Copy {
  readonly root: { [key: string]: Json };
  /** What was copied and may be written to. */
  readonly #own = new Set<Json>();

  constructor(of: JsonObject) {
    this.root = { ...of };
  }

  /** Puts a value where it belongs. The parents are there: sealing leaves them. */
  put(at: string, value: Json): void {
    const parts = partsOf(at);
    const last = parts.length - 1;
    let parent = this.root;
    for (let depth = 0; depth < last; depth++) {
      const part = parts[depth]!;
      let child: Json = parent[part] ?? {};
      if (!this.#own.has(child)) {
        child = (Array.isArray(child) ? [...child] : { ...(child as JsonObject) }) as Json;
        this.#own.add(child);
        parent[part] = child;
      }
      parent = child as { [key: string]: Json };
    }
    parent[parts[last]!] = value;
  }
}
