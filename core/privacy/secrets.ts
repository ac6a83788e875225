/**
 * What must not be kept at all: secrets and card numbers. They are replaced before anything is stored, and counted.
 */
import type { Event, Json } from '#core/event/event.ts';
import { escapeToken } from '#core/event/pointer.ts';
import type { Tags } from './tags.ts';

export const droppedSecret = '[dropped: secret]';
export const droppedCard = '[dropped: card number]';

/** Keys whose values are secrets, whatever separates their words. */
const secretKey =
  /^(?:.*[^a-z])?(?:pass(?:word|wd|phrase|code)|secret|client_?secret|private_?key|api_?key|access_?key|secret_?access_?key|auth(?:orization)?_?(?:token|header)|(?:access|refresh|id|bearer|session|csrf|xsrf)_?token|token|cookies?|set_?cookie|cvv2?|cvc2?|pin|otp)$/i;
/** 14 to 19 digits in one piece or in groups of four (Amex: 4-6-5), not part of a longer word. */
const cardShape =
  /(?<![\w-]|\d\.)(?:\d{14,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{2,7}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-]|\.\d)/g;
/** A line that has no such run of digits has no card: nearly all lines are done with this. */
const cardHint = new RegExp(cardShape.source);
/** Written by Trailkeep or by a schema; a run of digits in them is no card. */
const ownFields = new Set(['id', 'tenant', 'occurred_at', 'received_at', 'producer', 'action', 'schema_version']);

export interface Dropped {
  readonly secrets: number;
  readonly cards: number;
}

/** The event without secrets and card numbers, and how many there were; the same object when there were none. */
export function dropSecrets(
  event: Event,
  line: string,
  tags: Pick<Tags, 'classes'> | undefined,
): { readonly event: Event } & Dropped {
  if (tags === undefined && !cardHint.test(line) && !mayHoldSecret(event)) return { event, secrets: 0, cards: 0 };
  const sweep = new Sweep(tags);
  const swept = sweep.event(event);
  return { event: sweep.secrets + sweep.cards === 0 ? event : swept, secrets: sweep.secrets, cards: sweep.cards };
}

/** Looks at names only, and only where a producer chooses them. */
function mayHoldSecret({ metadata, changes, actor, targets, on_behalf_of }: Event): boolean {
  return (
    hasSecretName(metadata) ||
    hasSecretName(actor.metadata) ||
    (changes?.some(
      ({ path, before, after }) => isSecretName(lastOf(path)) || hasSecretName(before) || hasSecretName(after),
    ) ??
      false) ||
    (targets?.some((target) => hasSecretName(target.metadata)) ?? false) ||
    (on_behalf_of?.some((party) => hasSecretName(party.metadata)) ?? false)
  );
}

/** Events are at most 32 deep, so recursion is safe. */
function hasSecretName(value: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((inner: Json) => hasSecretName(inner));
  for (const [name, inner] of Object.entries(value)) if (isSecretName(name) || hasSecretName(inner)) return true;
  return false;
}

const verdicts = new Map<string, boolean>();

/** Whether a key is called as secrets are; programs use few names, so each is judged once. */
function isSecretName(name: string): boolean {
  let verdict = verdicts.get(name);
  if (verdict === undefined) {
    verdict = secretKey.test(snake(name));
    if (verdicts.size >= 10_000) verdicts.clear();
    verdicts.set(name, verdict);
  }
  return verdict;
}

/** The field that a change's path names. */
const lastOf = (path: string): string => path.split(/[./]/).at(-1) ?? '';

class Sweep {
  secrets = 0;
  cards = 0;
  readonly #tags: Pick<Tags, 'classes'> | undefined;

  constructor(tags: Pick<Tags, 'classes'> | undefined) {
    this.#tags = tags;
  }

  event(event: Event): Event {
    const swept = Object.entries(event).map(([name, value]) => {
      if (ownFields.has(name) || value === undefined) return [name, value];
      if (name === 'changes') return [name, (value as Event['changes'])!.map((one, index) => this.#change(one, index))];
      // Words of the event itself: an actor may well be called "token"; what is inside free objects is judged by name.
      return [name, this.#value(value as Json, `/${name}`, name === 'metadata')];
    });
    return Object.fromEntries(swept) as Event;
  }

  /** A change names its field by a path instead of a key. */
  #change(change: NonNullable<Event['changes']>[number], index: number) {
    const secret = isSecretName(lastOf(change.path));
    const side = (name: 'before' | 'after') => {
      const value = change[name];
      if (value === undefined) return {};
      return { [name]: secret ? this.#secret(value) : this.#value(value, `/changes/${index}/${name}`, true) };
    };
    return { path: this.#value(change.path, '', false) as string, ...side('before'), ...side('after') };
  }

  #value(value: Json, at: string, free: boolean): Json {
    if (this.#tags?.classes.get(at) === 'secret') return this.#secret(value);
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'number') return this.#number(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((inner: Json, index) => this.#value(inner, `${at}/${index}`, free));
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => {
        if (free && isSecretName(name) && inner !== null) return [name, this.#secret(inner)];
        return [name, this.#value(inner, `${at}/${escapeToken(name)}`, free || name === 'metadata')];
      }),
    );
  }

  #secret(value: Json): Json {
    // An empty value or a truth value gives nothing away and may matter: "password": true.
    if (value === null || typeof value === 'boolean' || value === '') return value;
    this.secrets++;
    return droppedSecret;
  }

  #text(text: string): string {
    if (text.length < 14 || !cardHint.test(text)) return text;
    return text.replace(cardShape, (found) => {
      if (!isCardNumber(found.replace(/[ -]/g, ''))) return found;
      this.cards++;
      return droppedCard;
    });
  }

  #number(value: number): Json {
    if (!Number.isSafeInteger(value) || value < 1e13 || !isCardNumber(String(value))) return value;
    this.cards++;
    return droppedCard;
  }
}

/** `clientSecret` and `client-secret` are `client_secret`. */
const snake = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();

/** The issuers' ranges (ISO/IEC 7812): a tenth of all numbers pass Luhn, and times in ms are 13 digits. */
const issuers =
  /^(?:4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:2(?:2[1-9]|[3-9]\d)|[3-6]\d\d|7(?:[01]\d|20))\d{12}|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|62\d{14,17})$/;

/** Whether digits are a payment card's number: an issuer's range, and Luhn's check digit. */
export function isCardNumber(digits: string): boolean {
  if (!issuers.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
