/**
 * Requests of data subjects as a state machine: who may do what, when, and until when.
 *
 * Nothing here touches a key. What it promises is that no request is executed whose subject nobody identified, or
 * that fewer than two persons wanted.
 */
import { type Fault, fail, ok, type Result } from '#core/event/problem.ts';
import type { LegalRetention } from './legal-basis.ts';

export const requestTypes = ['access', 'portability', 'erasure', 'rectification', 'restriction'] as const;
export type RequestType = (typeof requestTypes)[number];

export const requestStates = [
  'received',
  'verified',
  'approved',
  'held',
  'executing',
  'fencing',
  'completed',
  'partially_completed',
  'refused',
  'cancelled',
] as const;
export type RequestState = (typeof requestStates)[number];

/** What people do to a request, and then what we do. */
export const personSteps = ['verify', 'approve', 'refuse', 'extend', 'cancel'] as const;
export type PersonStep = (typeof personSteps)[number];
export type OwnStep = 'execute' | 'hold' | 'resume' | 'fence' | 'complete' | 'complete_partially' | 'abandon';
export type Step = PersonStep | OwnStep;

/** The whole machine: from a state, by a step, to a state. What is not here does not happen. */
export const transitions: Readonly<Record<RequestState, Readonly<Partial<Record<Step, RequestState>>>>> = {
  received: { verify: 'verified', refuse: 'refused', extend: 'received', cancel: 'cancelled', abandon: 'cancelled' },
  verified: { approve: 'approved', refuse: 'refused', extend: 'verified', cancel: 'cancelled', abandon: 'cancelled' },
  approved: { execute: 'executing', hold: 'held', cancel: 'cancelled', abandon: 'cancelled' },
  held: { resume: 'approved', refuse: 'refused', extend: 'held', cancel: 'cancelled' },
  // A shred that was begun is finished: there is no way back from here.
  executing: { fence: 'fencing', hold: 'held', complete: 'completed', abandon: 'cancelled' },
  fencing: { complete: 'completed', complete_partially: 'partially_completed' },
  completed: {},
  partially_completed: {},
  refused: {},
  cancelled: {},
};

export const isEnded = (state: RequestState): boolean => Object.keys(transitions[state]).length === 0;

/** How the subject proved who it is (Art. 12(6)). */
export const identityMethods = ['account_login', 'email_challenge', 'id_document', 'in_person', 'other'] as const;
export type IdentityMethod = (typeof identityMethods)[number];

/** What a request asks for, besides its type. */
export interface RequestOptions {
  /** Erasure that keeps the trail for a legal reason: the key goes to the vault. */
  readonly retain?: LegalRetention;
  /** Restriction: lift it instead. */
  readonly lift?: boolean;
  /** Rectification: the events that the statement is about. The statement itself is sealed. */
  readonly events?: readonly string[];
  readonly statementBox?: string;
}

/** A part of a package: one zip, sealed under the subject's key. */
export interface PackagePart {
  readonly part: number;
  readonly events: number;
  readonly bytes: number;
  /** Of the zip. */
  readonly sha256: string;
}

/** Proof of what was opened before an erasure and does not open after it. */
export interface Sample {
  readonly place: 'critical' | 'bulk';
  readonly event: string;
}

export interface RequestNotes {
  readonly options: RequestOptions;
  /** Days left, of each notice that was given. */
  readonly noticed: readonly number[];
  readonly refusal?: string;
  /** Id of the hold that stands in the way. */
  readonly hold?: string;
  readonly package?: { readonly run: string; readonly parts: readonly PackagePart[] };
  /** The subject's keys as they were when execution began. */
  readonly keys?: readonly string[];
  readonly sample?: readonly Sample[];
  readonly effectiveAt?: string;
  readonly certificate?: object;
  /** Keys whose readers changed, of a restriction. */
  readonly changed?: number;
}

export interface PrivacyRequest {
  readonly tenant: string;
  readonly id: string;
  readonly version: number;
  readonly type: RequestType;
  readonly state: RequestState;
  /** 32 hex digits; gone once an erasure is done. */
  readonly subjectRef?: string;
  /** `<key id>.<box>`: the subject's id under its own key. */
  readonly subjectBox: string;
  readonly contactBox?: string;
  readonly openedBy: string;
  readonly openedAt: Date;
  readonly dueAt: Date;
  readonly verified?: { readonly by: string; readonly at: Date; readonly method: IdentityMethod };
  readonly approved?: { readonly by: string; readonly at: Date };
  readonly extended?: { readonly at: Date; readonly reason: string };
  readonly fenceUntil?: Date;
  readonly endedAt?: Date;
  readonly notes: RequestNotes;
}

/** A step with what it needs. `by` is a principal; our own steps have none. */
export type Move =
  | { readonly step: 'verify'; readonly by: string; readonly at: Date; readonly method: IdentityMethod }
  | { readonly step: 'approve'; readonly by: string; readonly at: Date }
  | { readonly step: 'refuse' | 'extend'; readonly by: string; readonly at: Date; readonly reason: string }
  | { readonly step: 'cancel'; readonly by: string; readonly at: Date }
  | {
      readonly step: OwnStep;
      readonly at: Date;
      readonly notes?: Partial<RequestNotes>;
      readonly fenceUntil?: Date;
    };

/** The request after a step, or why it cannot be taken. `version` counts up. */
export function move(request: PrivacyRequest, made: Move): Result<PrivacyRequest> {
  const state = transitions[request.state][made.step];
  const refused = state === undefined ? wrongState(request, made.step) : objection(request, made);
  if (refused) return { ok: false, fault: refused };
  const { subjectRef, ...rest } = request;
  // Once an erasure is done nobody can say whose it was; a request that it overtook says it no more either.
  const erased = request.type === 'erasure' && (state === 'completed' || state === 'partially_completed');
  const forgets = erased || made.step === 'abandon';
  return ok({
    ...rest,
    ...(subjectRef === undefined || forgets ? {} : { subjectRef }),
    ...effect(request, made),
    version: request.version + 1,
    state: state!,
    ...(isEnded(state!) ? { endedAt: made.at } : {}),
  });
}

const wrongState = ({ state }: PrivacyRequest, step: Step): Fault =>
  fail('conflict', `A request that is ${state} cannot take the step ${step}.`).fault;

function objection(request: PrivacyRequest, made: Move): Fault | undefined {
  if (made.step === 'approve') {
    if (!request.verified) return fail('conflict', 'The identity of the subject was not checked.').fault;
    if (made.by === request.openedBy || made.by === request.verified.by) {
      return fail('second_person_required', 'Who opened or verified a request cannot approve it; ask somebody else.')
        .fault;
    }
  }
  if (made.step === 'extend') {
    if (request.extended) return fail('conflict', 'A request is extended once (GDPR Art. 12(3)).').fault;
    if (made.at > request.dueAt) return fail('conflict', 'The time to answer is over already.').fault;
  }
  if (made.step === 'execute' && !mayExecute(request)) {
    return fail('second_person_required', 'This was not verified and approved by two persons.').fault;
  }
  if ((made.step === 'complete' || made.step === 'complete_partially') && request.type === 'erasure') {
    if (request.state !== 'fencing') return fail('conflict', 'An erasure ends after its fence.').fault;
    if (!request.fenceUntil || made.at < request.fenceUntil) return fail('conflict', 'The fence still stands.').fault;
  }
  return undefined;
}

/** Whether a request was identified, and wanted by two persons. */
export const mayExecute = ({ verified, approved, openedBy }: PrivacyRequest): boolean =>
  verified !== undefined && approved !== undefined && approved.by !== verified.by && approved.by !== openedBy;

function effect(request: PrivacyRequest, made: Move): Partial<PrivacyRequest> {
  switch (made.step) {
    case 'verify':
      return { verified: { by: made.by, at: made.at, method: made.method } };
    case 'approve':
      return { approved: { by: made.by, at: made.at } };
    case 'refuse':
      return { notes: { ...request.notes, refusal: made.reason } };
    case 'extend':
      return {
        extended: { at: made.at, reason: made.reason },
        dueAt: new Date(request.dueAt.getTime() + extensionDays * dayMs),
        notes: { ...request.notes, noticed: [] },
      };
    case 'cancel':
      return {};
    default:
      return {
        notes: { ...request.notes, ...made.notes },
        ...(made.fenceUntil === undefined ? {} : { fenceUntil: made.fenceUntil }),
      };
  }
}

const dayMs = 24 * 3600 * 1000;
/** One month, which is at least 28 days and never more than this (Art. 12(3)). */
const answerDays = 30;
/** Two further months, once. */
const extensionDays = 60;
/** Notices, in days before the answer is due: on day 20, 25 and 30. */
export const noticeDays = [10, 5, 0] as const;

/** When the answer is due: a calendar month after the request, 30 days at most. */
export function dueAt(openedAt: Date): Date {
  const month = new Date(openedAt);
  month.setUTCMonth(month.getUTCMonth() + 1);
  // January 31 has no day in February: then the month's last day.
  if (month.getUTCDate() !== openedAt.getUTCDate()) month.setUTCDate(0);
  return new Date(Math.min(month.getTime(), openedAt.getTime() + answerDays * dayMs));
}

/** The notice that is to be given now, in days before the due date; the latest one only, and each once. */
export function noticeDue(request: PrivacyRequest, now: Date): number | undefined {
  if (isEnded(request.state)) return undefined;
  const left = (request.dueAt.getTime() - now.getTime()) / dayMs;
  const reached = noticeDays.filter((days) => left <= days).at(-1);
  return reached === undefined || request.notes.noticed.includes(reached) ? undefined : reached;
}
