/** Requests of data subjects, and legal holds. What cannot be undone takes two persons: one opens, another approves. */
import type { LegalBasis } from '#core/privacy/legal-basis.ts';
import type { IdentityMethod, RequestState, RequestType } from '#core/privacy/request.ts';
import type { ListOptions } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface PrivacyRequestBody {
  readonly type: RequestType;
  /** Id of the person, as events carry it. */
  readonly subject: string;
  /** Where the person wants the answer. */
  readonly contact?: string;
  /** Erasure: keep the keys in the vault, for this legal reason and until then. */
  readonly retain_audit_trail?: boolean;
  readonly legal_basis?: LegalBasis;
  readonly legal_reference?: string;
  readonly retain_until?: string;
  /** Restriction: lift it. */
  readonly lift?: boolean;
  /** Rectification: what is wrong and what is right, and in which events. */
  readonly statement?: string;
  readonly events?: readonly string[];
}

export interface PrivacyRequestView {
  readonly id: string;
  readonly type: RequestType;
  readonly state: RequestState;
  /** Null once the person's key is destroyed: then nobody can say who it was. */
  readonly subject: string | null;
  readonly contact: string | null;
  readonly opened_by: string;
  readonly opened_at: string;
  readonly due_at: string;
  readonly verified: { readonly by: string; readonly at: string; readonly method: IdentityMethod } | null;
  readonly approved: { readonly by: string; readonly at: string } | null;
  readonly extended: { readonly at: string; readonly reason: string } | null;
  readonly ended_at: string | null;
  /** Of the hold that stands in the way. */
  readonly hold?: string;
  readonly effective_at?: string;
  readonly fence_until?: string;
  readonly reason?: string;
  readonly rights?: string;
  readonly package?: readonly { readonly part: number; readonly events: number; readonly bytes: number }[];
  readonly certificate?: Readonly<Record<string, unknown>>;
}

export interface PrivacyListOptions extends ListOptions {
  readonly state?: RequestState;
}

export function privacy(transport: Transport) {
  const path = (id = '', step = '') => `/v1/privacy/requests${id && `/${encodeURIComponent(id)}`}${step && `/${step}`}`;
  const post = (where: string, body: object = {}) =>
    transport<PrivacyRequestView>({ method: 'POST', path: where, body: JSON.stringify(body) });
  return {
    open: (body: PrivacyRequestBody) => post(path(), body),
    list: ({ after, limit, state }: PrivacyListOptions = {}) =>
      transport<{ readonly requests: readonly PrivacyRequestView[]; readonly next: string | null }>({
        method: 'GET',
        path: path() + query({ after, limit, state }),
      }),
    get: (id: string) => transport<PrivacyRequestView>({ method: 'GET', path: path(id) }),
    /** The subject is who it says it is. */
    verify: (id: string, body: { readonly method: IdentityMethod }) => post(path(id, 'verify'), body),
    /** By somebody who neither opened nor verified it. It is executed at once. */
    approve: (id: string) => post(path(id, 'approve')),
    refuse: (id: string, body: { readonly reason: string }) => post(path(id, 'refuse'), body),
    /** Sixty days more, once. */
    extend: (id: string, body: { readonly reason: string }) => post(path(id, 'extend'), body),
    cancel: (id: string) => post(path(id, 'cancel')),
    /** A part of the package, as a zip. It is noted that you took it. */
    package: (id: string, part = 1) =>
      transport<Uint8Array<ArrayBuffer>>({
        method: 'GET',
        path: `${path(id, 'package')}?part=${part}`,
        isFile: true,
      }),
  };
}

export type HoldScopeBody =
  | { readonly all: true }
  | { readonly subjects: readonly string[] }
  | { readonly filter: Readonly<Record<string, unknown>> };

export interface HoldView {
  readonly id: string;
  readonly matter: string;
  readonly custodian: string;
  readonly scope: Readonly<Record<string, unknown>>;
  readonly placed_by: string;
  readonly placed_at: string;
  readonly release_asked: { readonly by: string; readonly at: string } | null;
  readonly released: { readonly by: string; readonly at: string } | null;
}

export function holds(transport: Transport) {
  const post = (path: string, body: object) =>
    transport<HoldView>({ method: 'POST', path: `/v1/holds${path}`, body: JSON.stringify(body) });
  return {
    /** Counts from the answer on. */
    place: (body: { readonly matter: string; readonly custodian: string; readonly scope: HoldScopeBody }) =>
      post('', body),
    list: ({ after, limit }: ListOptions = {}) =>
      transport<{ readonly holds: readonly HoldView[]; readonly next: string | null }>({
        method: 'GET',
        path: `/v1/holds${query({ after, limit })}`,
      }),
    /** The first person asks for the release, the second releases. */
    release: (id: string) => post(`/${encodeURIComponent(id)}/release`, {}),
  };
}
