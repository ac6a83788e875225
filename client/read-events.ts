/** The reading side: pages, single events, and the feed in the order of commits. */
import type { ShownEvent } from '#core/privacy/open.ts';
import type { EventFilter, EventPage, FeedPage } from './answers.ts';
import { TrailkeepError } from './error.ts';
import type { Transport } from './transport.ts';

/** `strong` has all that is committed; `bounded`, the default, may lack the last seconds where there are read replicas. */
export type Consistency = 'bounded' | 'strong';

export interface ReadEvents {
  /**
   * Every event that matches, newest first, page after page, also where a page ended early. Rejects with
   * `segments_missing`, `events_archived` or `blocks_damaged` when a part of the archive cannot be read: `page` goes on
   * and names what is missing.
   */
  search(
    filter: EventFilter,
    options?: { readonly signal?: AbortSignal; readonly consistency?: Consistency },
  ): AsyncGenerator<ShownEvent, void, void>;
  /** One page. `cursor` is the `next_cursor` of the page before, of the same filter. */
  page(filter: EventFilter, cursor?: string, consistency?: Consistency): Promise<EventPage>;
  /** One event. Rejects with `not_found` when there is none that this key may see; no replica decides that. */
  get(id: string): Promise<ShownEvent>;
  /** What was committed after a place, or from the beginning; empty pages are normal. An event may come twice. */
  feed(after?: string, limit?: number): Promise<FeedPage>;
  /** The feed for ever, asking every `everyMs` when there is nothing new, until aborted. Each page is to be kept track of by its `next`. */
  follow(
    after: string | undefined,
    options?: { readonly everyMs?: number; readonly limit?: number; readonly signal?: AbortSignal },
  ): AsyncGenerator<FeedPage, void, void>;
}

const followEveryMs = 1000;

export function readEvents(transport: Transport): ReadEvents {
  const page = (
    filter: EventFilter,
    cursor: string | undefined,
    consistency: Consistency | undefined,
    signal?: AbortSignal,
  ): Promise<EventPage> =>
    transport({
      method: 'POST',
      path: `/v1/events/search${query({ consistency })}`,
      // JSON writes a Date as RFC 3339 and leaves undefined out.
      body: JSON.stringify({ ...filter, cursor }),
      isRead: true,
      signal,
    });
  const feed = (after?: string, limit?: number, signal?: AbortSignal): Promise<FeedPage> =>
    transport({ method: 'GET', path: `/v1/events/feed${query({ after, limit })}`, signal });

  async function* search(
    filter: EventFilter,
    { signal, consistency }: { readonly signal?: AbortSignal; readonly consistency?: Consistency } = {},
  ) {
    for (let cursor: string | undefined; ; ) {
      const found = await page(filter, cursor, consistency, signal);
      const { events, next_cursor } = found;
      yield* events;
      // Going on as if they had never been would pass for a complete answer.
      const gap = gapOf(found);
      if (gap) throw gap;
      if (next_cursor === null) return;
      cursor = next_cursor;
    }
  }

  const follow: ReadEvents['follow'] = async function* (after, { everyMs = followEveryMs, limit, signal } = {}) {
    for (let place = after; !signal?.aborted; ) {
      const found = await feed(place, limit, signal);
      yield found;
      if (found.next === place || found.events.length === 0) await waitFor(everyMs, signal);
      place = found.next;
    }
  };

  return {
    search,
    page: (filter, cursor, consistency) => page(filter, cursor, consistency),
    get: (id) => transport({ method: 'GET', path: `/v1/events/${encodeURIComponent(id)}` }),
    feed: (after, limit) => feed(after, limit),
    follow,
  };
}

/** What a page could not read, as an error. */
function gapOf({ missing = [], archived = [], damaged = [] }: EventPage): TrailkeepError | undefined {
  const gap = (code: string, what: string, names: readonly (string | undefined)[]) =>
    new TrailkeepError({
      status: 0,
      code,
      detail: `${names.length} ${what}, so events may be missing: ${names.slice(0, 3).join(', ')}. page() names them and goes on.`,
    });
  if (missing.length > 0) return gap('segments_missing', 'segments cannot be read', missing);
  const files = [...new Set(damaged.map(({ file }) => file))];
  if (files.length > 0) return gap('blocks_damaged', 'files are damaged', files);
  const days = [...new Set(archived.map(({ day, month }) => day ?? month))];
  return days.length > 0 ? gap('events_archived', 'days or months must be restored first', days) : undefined;
}

/** `?name=value` of what is given, or nothing. */
export function query(of: Readonly<Record<string, string | number | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(of)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given}`;
}

const waitFor = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
    if (signal?.aborted) done();
  });
