/**
 * Signed in at a source by OAuth client credentials: a token is asked for, renewed when it is refused, and every question
 * waits as the source wants it to (429 and 503 with Retry-After), as long as there is time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SourceFault } from '#core/costs/fetch-ports.ts';
import type { Json } from '#core/event/event.ts';
import { parseJson } from '#core/event/json.ts';
import { type Outside, type OutsideAnswer, OutsideRefused } from './outside.ts';

export interface SessionOptions {
  readonly outside: Outside;
  /** A POST of a form that answers `{access_token, expires_in}`. */
  readonly tokenUrl: string;
  readonly form: Readonly<Record<string, string>>;
  /** After this nothing new is asked. */
  readonly until: number;
  readonly clock: () => number;
  /** Longest single wait; a source that wants more is tried again by the run. */
  readonly waitMsMax?: number;
  readonly triesMax?: number;
}

/** A source's answer has no more keys than that, however many lists it holds. */
const jsonLimits = { keysMax: 5_000_000, depthMax: 32 };
const passing: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

export class Session {
  readonly #options: SessionOptions;
  #token: Promise<string> | undefined;
  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** The JSON that a question is answered with; undefined for an answer that is `expected`. Rejects with SourceFault. */
  async ask(url: string, expected: (answer: OutsideAnswer) => boolean = () => false): Promise<Json | undefined> {
    let renewed = false;
    for (;;) {
      this.#token ??= this.#signIn();
      const used = this.#token;
      const token = await used;
      const answer = await this.#patiently({ url, headers: { authorization: `Bearer ${token}` } }, expected);
      if (expected(answer)) return undefined;
      if (answer.status === 401 && !renewed) {
        // Tokens end in the middle of a long reading.
        renewed = true;
        // Of several questions at once the first that is refused renews it for all.
        if (this.#token === used) this.#token = undefined;
        continue;
      }
      if (answer.status === 401 || answer.status === 403) {
        throw new SourceFault('source_denied', `The source does not let us read ${pathOf(url)} (${answer.status}).`);
      }
      if (answer.status !== 200) {
        throw new SourceFault('source_refused', `The source answered ${answer.status} to ${pathOf(url)}.`);
      }
      return jsonOf(answer.text, url);
    }
  }

  async #signIn(): Promise<string> {
    const { tokenUrl, form } = this.#options;
    const answer = await this.#patiently({
      ...{ method: 'POST', url: tokenUrl, body: new URLSearchParams(form).toString() },
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    if (answer.status !== 200) {
      throw new SourceFault('source_denied', `The source does not take our login (${answer.status}).`);
    }
    const said = jsonOf(answer.text, tokenUrl) as { readonly access_token?: unknown } | null;
    const token = said?.access_token;
    if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token)) {
      throw new SourceFault('source_garbage', 'The source signs us in without a token.', { again: true });
    }
    return token;
  }

  /** Waits out what passes. */
  async #patiently(
    question: Parameters<Outside>[0],
    expected: (answer: OutsideAnswer) => boolean = () => false,
  ): Promise<OutsideAnswer> {
    const { outside, until, clock, waitMsMax = 60_000, triesMax = 5 } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      if (clock() >= until) throw new SourceFault('source_slow', 'The source took too long.', { again: true });
      const answer = await reach(outside, question);
      if (answer !== undefined && (!passing.has(answer.status) || expected(answer))) return answer;
      const asked = answer === undefined ? undefined : retryAfterMs(answer.headers['retry-after'], clock());
      const waitMs = asked ?? Math.min(1000 * 2 ** (attempt - 1), waitMsMax);
      if (attempt >= triesMax || waitMs > waitMsMax || clock() + waitMs >= until) {
        throw faultOf(answer, clock() + waitMs);
      }
      await sleep(waitMs);
    }
  }
}

/** Undefined when there was no answer at all. */
async function reach(outside: Outside, question: Parameters<Outside>[0]): Promise<OutsideAnswer | undefined> {
  try {
    return await outside(question);
  } catch (error) {
    if (error instanceof OutsideRefused) throw new SourceFault('source_unreachable', `${sentence(error.message)}.`);
    return undefined;
  }
}

const faultOf = (answer: OutsideAnswer | undefined, notBefore: number): SourceFault => {
  if (!answer) return new SourceFault('source_unreachable', 'The source does not answer.', { again: true });
  if (answer.status === 429 || answer.status === 503) {
    const options = { again: true, notBefore: new Date(notBefore) };
    return new SourceFault('source_busy', `The source asks us to wait (${answer.status}).`, options);
  }
  return new SourceFault('source_failed', `The source failed (${answer.status}).`, { again: true });
};

/** Seconds or a date (RFC 9110 §10.2.3). */
function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function jsonOf(text: string, url: string): Json {
  const parsed = parseJson(text.replace(/^\ufeff/, ''), jsonLimits);
  if (!parsed.ok) {
    const why = `The source's answer to ${pathOf(url)} is not JSON that we can keep: ${parsed.fault.detail}`;
    throw new SourceFault('source_garbage', why, { again: true });
  }
  return parsed.value;
}

/** Without the query: what is asked may name people. */
const pathOf = (url: string): string => new URL(url).pathname;
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
