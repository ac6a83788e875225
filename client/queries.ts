/** Questions to the whole archive: asked, watched, and read page by page. */
import type { ShownEvent } from '#core/privacy/open.ts';
import type { ArchivedDay } from '#core/query/gaps.ts';
import type { EventFilter } from './answers.ts';
import { TrailkeepError } from './error.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface QueryCoverage {
  /** Whether everything that was committed when you asked is in reach. */
  readonly complete: boolean;
  /** The last commit that was in the archive. */
  readonly commit: string;
  /** What must be restored before it is found, newest first. */
  readonly archived?: readonly ArchivedDay[];
  /** Committed and not in the archive yet: how many events, and the earliest time of one. */
  readonly pending?: { readonly events: number; readonly from: string };
}

export interface QueryView {
  readonly id: string;
  readonly state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'too_large';
  readonly asked_at: string;
  readonly limit: number;
  readonly scanned_bytes: number;
  /** At Athena's list price. */
  readonly cost_usd: number;
  readonly coverage: QueryCoverage;
  readonly hints?: readonly string[];
}

export interface ResultsPage {
  readonly events: readonly ShownEvent[];
  /** Null on the last page. */
  readonly next_cursor: string | null;
  /** False when something was out of reach, or the query's limit ended the answer. */
  readonly complete: boolean;
  /** There is more in the archive than the query asked for. */
  readonly limited: boolean;
  readonly coverage: QueryCoverage;
  readonly hints?: readonly string[];
  readonly left_out?: readonly string[];
}

const pathOf = (id: string): string => `/v1/queries/${encodeURIComponent(id)}`;

export function queries(transport: Transport) {
  const get = (id: string) => transport<QueryView>({ method: 'GET', path: pathOf(id) });
  const page = (id: string, cursor?: string, limit?: number) =>
    transport<ResultsPage>({ method: 'GET', path: `${pathOf(id)}/results${query({ cursor, limit })}` });
  return {
    /** Asks the whole archive. `limit`: 1 to 100 000 events, 1000 when not said. */
    ask: (filter: EventFilter) =>
      transport<QueryView>({ method: 'POST', path: '/v1/queries', body: JSON.stringify(filter) }),
    /** How far it is, what it scanned and costs, and what was out of reach when it was asked. */
    get,
    /** One page. Rejects with `query_unfinished` unless it has succeeded. */
    page,
    /** Asks again every `everyMs` until it has ended. */
    ended: async (id: string, everyMs = 1000): Promise<QueryView> => {
      for (;;) {
        const view = await get(id);
        if (view.state !== 'queued' && view.state !== 'running') return view;
        await new Promise((done) => setTimeout(done, everyMs));
      }
    },
    /**
     * Every event of its results, newest first. Rejects with `query_incomplete` at the end when the answer is not all
     * there is: `page` says why.
     */
    results: async function* (id: string): AsyncGenerator<ShownEvent, void, void> {
      for (let cursor: string | undefined; ; ) {
        const found = await page(id, cursor);
        yield* found.events;
        if (found.next_cursor === null) {
          if (found.complete) return;
          const why = found.limited ? 'its limit ended it' : 'a part of the archive was out of reach';
          throw new TrailkeepError({
            status: 0,
            code: 'query_incomplete',
            detail: `The answer is not complete: ${why}.`,
          });
        }
        cursor = found.next_cursor;
      }
    },
    /** Stops it. What has ended stays as it ended. */
    cancel: (id: string) => transport<void>({ method: 'DELETE', path: pathOf(id) }),
  };
}
