/** Break-glass: in an emergency this caller sees events whole, for at most an hour, on the record. */
import type { BreakGlassVerdict } from '#core/access/break-glass.ts';
import type { ListOptions } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface BreakGlassBody {
  /** 10 to 1000 characters, for the one who reviews it. */
  readonly reason: string;
  /** 1 to 60 */
  readonly minutes: number;
  readonly ticket?: string;
}

export interface BreakGlassView {
  readonly id: string;
  /** Who broke the glass. */
  readonly principal: string;
  readonly reason: string;
  readonly ticket: string | null;
  readonly began_at: string;
  /** It ends by itself then. */
  readonly until: string;
  readonly ended_at: string | null;
  readonly lasts: boolean;
  readonly review: {
    readonly by: string;
    readonly at: string;
    readonly verdict: BreakGlassVerdict;
    readonly comment: string;
  } | null;
}

export interface BreakGlassListOptions extends ListOptions {
  /** `open`: those that await a review. */
  readonly review?: 'open' | 'done';
}

export function breakGlass(transport: Transport) {
  const send = (path: string, body: object = {}) =>
    transport<BreakGlassView>({ method: 'POST', path: `/v1/break-glass${path}`, body: JSON.stringify(body) });
  const part = encodeURIComponent;
  return {
    begin: (body: BreakGlassBody) => send('', body),
    /** Newest first; reviewers see all, others their own. */
    list: ({ after, limit, review }: BreakGlassListOptions = {}) =>
      transport<{ readonly break_glass: readonly BreakGlassView[]; readonly next: string | null }>({
        method: 'GET',
        path: `/v1/break-glass${query({ after, limit, review })}`,
      }),
    get: (id: string) => transport<BreakGlassView>({ method: 'GET', path: `/v1/break-glass/${part(id)}` }),
    end: (id: string) => send(`/${part(id)}/end`),
    /** Once, when it is over, by somebody else. */
    review: (id: string, body: { readonly verdict: BreakGlassVerdict; readonly comment: string }) =>
      send(`/${part(id)}/review`, body),
  };
}
