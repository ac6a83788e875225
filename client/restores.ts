/** Restores: what went to Deep Archive can be read again for some days. First the price, then the word. */
import type { RestoreCost, RestoreSpeed, RestoreState } from '#core/archive/restore.ts';
import type { Category } from '#core/event/event.ts';
import type { ListOptions } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface RestoreBody {
  /** `occurred_at` of the first event, RFC 3339; `to` is exclusive. */
  readonly from: string;
  readonly to: string;
  /** All when absent. */
  readonly category?: Category;
  /** standard: about 12 hours; bulk: about 48 hours, at an eighth of the price. */
  readonly speed: RestoreSpeed;
  /** How long the copies can be read: 1 to 30. */
  readonly days: number;
}

export interface RestoreView {
  readonly id: string;
  readonly state: RestoreState;
  readonly from: string;
  readonly to: string;
  readonly category: Category | null;
  readonly speed: RestoreSpeed;
  readonly days: number;
  /** Files in Deep Archive when it was estimated. */
  readonly files: number;
  readonly bytes: number;
  readonly restored_before: number;
  readonly cost_usd: RestoreCost;
  readonly expected_hours: number;
  readonly asked_by: string;
  readonly asked_at: string;
  readonly confirm_until: string | null;
  readonly confirmed: { readonly by: string; readonly at: string } | null;
  readonly expected_at: string | null;
  /** Null before it is confirmed. */
  readonly progress: {
    readonly files: number;
    readonly waiting: number;
    readonly under_way: number;
    readonly ready: number;
    readonly ready_bytes: number;
    readonly gone: number;
    readonly readable_until: string | null;
  } | null;
}

export function restores(transport: Transport) {
  const path = (id = '') => `/v1/archive/restores${id && `/${encodeURIComponent(id)}`}`;
  return {
    /** What a restore takes. Nothing happens before it is confirmed. */
    estimate: (body: RestoreBody) =>
      transport<RestoreView>({ method: 'POST', path: path(), body: JSON.stringify(body) }),
    /** Starts it. Confirming again does no harm. */
    confirm: (id: string) => transport<RestoreView>({ method: 'POST', path: `${path(id)}/confirm`, body: '{}' }),
    get: (id: string) => transport<RestoreView>({ method: 'GET', path: path(id) }),
    /** Newest first. */
    list: ({ after, limit }: ListOptions = {}) =>
      transport<{ readonly restores: readonly RestoreView[]; readonly next: string | null }>({
        method: 'GET',
        path: path() + query({ after, limit }),
      }),
  };
}
