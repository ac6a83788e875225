/** Retention: how long events are kept. One person proposes a policy, another approves it. */
import type { ArchiveFormat } from '#core/archive/retention.ts';
import type { Category } from '#core/event/event.ts';
import type { ListOptions } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface RetentionClassBody {
  /** Days in Standard; left out: all of them. */
  readonly hot?: number;
  /** Age in days until which it is in Glacier Instant Retrieval; left out: all of them. */
  readonly warm?: number;
  /** Age in days at which it is purged. */
  readonly cold: number;
  readonly archive_format: ArchiveFormat;
  readonly compliance_requirements?: readonly string[];
}

export interface RetentionBody {
  readonly classes: Readonly<Record<string, RetentionClassBody>>;
  /** A category that is not named stays in the class of the default. */
  readonly by_category?: Readonly<Partial<Record<Category, string>>>;
}

export interface RetentionVersionView {
  /** 0 is the default, under which nothing is purged. */
  readonly version: number;
  readonly classes: Readonly<Record<string, Required<RetentionClassBody> & { readonly ladder: string }>>;
  readonly by_category: Readonly<Record<Category, string>>;
  readonly proposed_by?: string;
  readonly proposed_at?: string;
  readonly approved?: { readonly by: string; readonly at: string } | null;
}

export interface RetentionView {
  readonly policy: RetentionVersionView;
  readonly waiting: RetentionVersionView | null;
  /** False until a policy is approved. */
  readonly purging: boolean;
  /** Files past their end that nothing holds, and when the newest event of the oldest happened. */
  readonly overdue: { readonly files: number; readonly oldest: string | null };
  /** Files past their end that a legal hold keeps. */
  readonly held: number;
  readonly next: readonly {
    readonly class: string;
    readonly categories: readonly Category[];
    readonly files: number;
    readonly purge_at: string | null;
  }[];
}

export interface PurgeView {
  readonly id: string;
  readonly policy_version: number;
  readonly approved_by: string;
  readonly files: number;
  readonly events: number;
  readonly bytes: number;
  readonly newest: string;
  /** Half-open runs of leaves of the log. */
  readonly leaves: readonly (readonly [number, number])[];
  readonly started_at: string;
  readonly ended_at: string;
}

export function retention(transport: Transport) {
  return {
    get: () => transport<RetentionView>({ method: 'GET', path: '/v1/retention' }),
    /** Counts once somebody else has approved it. */
    propose: (body: RetentionBody) =>
      transport<RetentionVersionView>({ method: 'PUT', path: '/v1/retention', body: JSON.stringify(body) }),
    /** By somebody else than who proposed it. */
    approve: (version: number) =>
      transport<RetentionVersionView>({
        method: 'POST',
        path: '/v1/retention/approve',
        body: JSON.stringify({ version }),
      }),
    /** Newest first. */
    purges: ({ after, limit }: ListOptions = {}) =>
      transport<{ readonly purges: readonly PurgeView[]; readonly next: string | null }>({
        method: 'GET',
        path: `/v1/retention/purges${query({ after, limit })}`,
      }),
  };
}
