/** What is summed beforehand: rows with their age. Amounts are decimals in strings: never rounded. */
import type { ReadableViewName, ViewRow } from '#core/costs/view-rows.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface ViewOptions {
  /** First and last day or month, as `2026-10-01`, for views that have one. */
  readonly from?: string;
  readonly to?: string;
  /** The `next_cursor` of the page before. */
  readonly cursor?: string;
  readonly limit?: number;
}
export interface ViewPageView {
  readonly view: ReadableViewName;
  /** What the rows show is not older than that; null before the first refresh. */
  readonly refreshed_at: string | null;
  readonly rows: readonly ViewRow[];
  /** Ids of the overrides that counted then. */
  readonly overrides: readonly string[];
  readonly next_cursor: string | null;
}

/** Views over usage, costs, the CMDB and the trail. */
export const costViews = (transport: Transport) => ({
  /** All, with when each was refreshed. */
  list: () =>
    transport<{ readonly views: readonly Pick<ViewPageView, 'view' | 'refreshed_at'>[] }>({
      method: 'GET',
      path: '/v1/costs/views',
    }),
  read: (view: ReadableViewName, { from, to, cursor, limit }: ViewOptions = {}) =>
    transport<ViewPageView>({
      method: 'GET',
      path: `/v1/costs/views/${encodeURIComponent(view)}${query({ from, to, cursor, limit })}`,
    }),
});
