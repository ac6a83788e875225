/** What the commands need of the API, in the shapes that it sends. */
import type { Event, Tier } from '#core/event/event.ts';

export interface AcceptedItem {
  readonly index: number;
  readonly status: 'accepted';
  readonly id: string;
  readonly tier: Tier;
}
export interface RefusedItem {
  readonly index: number;
  readonly status: 'refused';
  readonly code: string;
  readonly detail: string;
  readonly pointer?: string | undefined;
}
export interface BatchAnswer {
  readonly accepted: number;
  readonly refused: number;
  readonly items: readonly (AcceptedItem | RefusedItem)[];
}

export interface Page {
  readonly events: readonly Event[];
  readonly next_cursor: string | null;
  readonly complete: boolean;
  /** Segments that could not be read. */
  readonly missing?: readonly string[] | undefined;
}

export interface KeyView {
  readonly key_id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly events_per_second: number;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly last_used_at: string | null;
}

export interface TenantView {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
}

export interface DeadLetterView {
  readonly message_id: string;
  readonly sent_at: string;
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
  readonly excerpt: string;
}

/** Wire names of GET /v1/events; lists as lists. */
export type WireFilter = Readonly<Record<string, string | number | readonly string[]>>;

/** Each call resolves to the body, or rejects with an error that has status, code, detail and requestId. */
export interface Api {
  sendLines(ndjson: string, options: { readonly idempotencyKey?: string }): Promise<BatchAnswer>;
  page(filter: WireFilter, cursor?: string): Promise<Page>;
  get(id: string): Promise<Event>;
  feed(after: string | undefined, limit: number): Promise<{ readonly events: readonly Event[]; readonly next: string }>;
  whoami(): Promise<object>;
  readonly keys: {
    list(): Promise<{ readonly keys: readonly KeyView[]; readonly next: string | null }>;
    create(body: object): Promise<object>;
    get(id: string): Promise<object>;
    revoke(id: string): Promise<unknown>;
    rotate(id: string, body: { readonly overlap_seconds?: number }): Promise<object>;
  };
  readonly tenants: {
    list(): Promise<{ readonly tenants: readonly TenantView[]; readonly next: string | null }>;
    create(body: { readonly name: string }): Promise<object>;
    get(id: string): Promise<object>;
    createKey(id: string, body: { readonly name: string; readonly scopes?: readonly string[] }): Promise<object>;
    openIntake(id: string): Promise<object>;
    intake(id: string): Promise<object>;
  };
  readonly deadLetters: {
    list(): Promise<{
      readonly queues: readonly { readonly queue: string; readonly visible: number; readonly in_flight: number }[];
    }>;
    show(queue: string): Promise<{ readonly messages: readonly DeadLetterView[] }>;
    redrive(queue: string, body: { readonly limit?: number }): Promise<{ readonly moved: number }>;
  };
}
