/** Calling tenants' webhooks: https, public addresses, no redirects, seconds, and no word of the answer. */
import type { CallWebhook } from '#core/jobs/ports.ts';
import { FetchRefused } from '../oidc/fetch-json.ts';
import { createOutside, type OutsideLimits, OutsideRefused } from './outside.ts';

/** A receiver that does more than note the call does it later. */
const timeoutMs = 15_000;
const bytesMax = 64 * 1024;

export function createCallWebhook({ plaintextHosts }: Pick<OutsideLimits, 'plaintextHosts'>): CallWebhook {
  const outside = createOutside({ plaintextHosts, timeoutMs, bytesMax });
  return async (url, body, headers) => {
    try {
      const { status, headers: said } = await outside({
        method: 'POST',
        url,
        body,
        headers: { 'content-type': 'application/json', ...headers },
      });
      const retryAfter = said['retry-after'];
      return { status, ...(retryAfter === undefined ? {} : { retryAfter }) };
    } catch (error) {
      const refused = error instanceof OutsideRefused || error instanceof FetchRefused;
      return refused ? { refused: error.message } : { unreachable: true };
    }
  };
}
