/** Asking a witness over HTTP. Its speed, its size and its words are its own; what it cannot do is make us wait or throw. */
import type { WitnessAnswer, WitnessClient } from '#core/proof/witness-ports.ts';

export interface WitnessAddress {
  /** Submission prefix: `<url>/add-checkpoint` is called. */
  readonly url: string;
  readonly vkey: string;
}

export interface WitnessLimits {
  /** From the first byte sent to the last one read. */
  readonly timeoutMs?: number;
  /** Cosignatures of several algorithms fit many times over. */
  readonly bytesMax?: number;
}

const refusals: ReadonlySet<number> = new Set([400, 403, 404, 422]);
const loopback = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/;

/**
 * A witness at an address that an operator set. Throws TypeError for an address that is not https (plain http is for
 * a witness on this machine) or holds a login. Redirects are not followed.
 */
export function createWitnessClient(
  { url, vkey }: WitnessAddress,
  { timeoutMs = 10_000, bytesMax = 65_536 }: WitnessLimits = {},
): WitnessClient {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  const local = base.protocol === 'http:' && loopback.test(base.hostname);
  if (base.protocol !== 'https:' && !local) throw new TypeError(`the witness's address ${url} is not https`);
  if (base.username !== '' || base.password !== '' || base.search !== '' || base.hash !== '') {
    throw new TypeError("the witness's address holds more than a host and a path");
  }
  const target = new URL('add-checkpoint', base);
  return {
    vkey,
    addCheckpoint: async (body) => {
      try {
        const answer = await fetch(target, {
          method: 'POST',
          body,
          headers: { 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'trailkeep' },
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
        });
        return answerOf(answer.status, answer.headers.get('content-type'), await readText(answer, bytesMax));
      } catch (error) {
        return { kind: 'unanswered', why: whyOf(error) };
      }
    },
  };
}

function answerOf(status: number, type: string | null, text: string): WitnessAnswer {
  if (status === 200) return { kind: 'cosigned', lines: text };
  if (refusals.has(status)) return { kind: 'refused', status };
  const size = Number(/^(0|[1-9][0-9]{0,15})\n$/.exec(text)?.[1]);
  if (status === 409 && /^text\/x\.tlog\.size(?:\s*;|$)/i.test(type ?? '') && Number.isSafeInteger(size)) {
    return { kind: 'conflict', size };
  }
  return { kind: 'unanswered', why: `status ${status}` };
}

/** At most so many bytes of UTF-8; throws for more of them and for what is not UTF-8. */
async function readText(answer: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the stream.
    if (bytes > bytesMax) throw new RangeError(`more than ${bytesMax} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** `fetch` says "fetch failed" and means its cause. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
