/**
 * Webhooks as the Standard Webhooks specification has them (standardwebhooks.com, version 1): an id, a time and a symmetric
 * signature in headers, over the body as it is sent.
 */
import * as z from 'zod';
import type { JsonObject } from '../event/event.ts';
import type { WebhookAnswer } from './ports.ts';
import type { PartMessage } from './run.ts';

/** What the function outside is asked: it reads the secret by tenant and job, and signs. */
export interface WebhookQuestion extends PartMessage {
  readonly job: string;
  readonly url: string;
  readonly body: string;
}

/** The secret as its owner has it: `whsec_` and 24 to 64 bytes in base64. */
export const webhookSecret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/, 'is whsec_ and 24 to 64 bytes in base64');

/** Names one call, however often it is tried: receivers drop what they had. */
export const webhookId = ({ run, part }: Pick<PartMessage, 'run' | 'part'>): string => `msg_${run}_${part}`;

/** What the signature is over. `seconds` is the time of the try. */
export const signedContent = (id: string, seconds: number, body: string): string => `${id}.${seconds}.${body}`;

/** A delay in seconds, or an HTTP date; undefined when it is neither. RFC 9110 §10.2.3. */
export function retryTime(retryAfter: string | undefined, now: Date): Date | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\d{1,9}$/.test(retryAfter)) return new Date(now.getTime() + Number(retryAfter) * 1000);
  const time = Date.parse(retryAfter);
  return Number.isNaN(time) ? undefined : new Date(time);
}

/** How a call ended, as the part gets it. */
export type WebhookOutcome = {
  readonly status?: number;
  readonly fault?: {
    readonly code: string;
    readonly message: string;
    readonly again: boolean;
    /** RFC 3339. */
    readonly not_before?: string;
  };
};

const fault = (code: string, message: string, again: boolean, more: JsonObject = {}): WebhookOutcome => ({
  fault: { code, message, again, ...more },
});

/** 2xx is taken. What the other side may heal is tried again: no answer, 408, 409, 425, 429 and 5xx. */
export function outcomeOf(answer: WebhookAnswer, now: Date): WebhookOutcome {
  if ('refused' in answer) return fault('webhook_refused', `The webhook was not called: ${answer.refused}.`, false);
  if ('unreachable' in answer) return fault('webhook_unreachable', 'The webhook gave no answer.', true);
  const { status, retryAfter } = answer;
  if (status >= 200 && status < 300) return { status };
  const again = [408, 409, 425, 429].includes(status) || status >= 500;
  const notBefore = retryTime(retryAfter, now);
  const more = again && notBefore ? { not_before: notBefore.toISOString() } : {};
  return { status, ...fault('webhook_failed', `The webhook answered ${status}.`, again, more) };
}
