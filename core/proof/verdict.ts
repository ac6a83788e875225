/** What a verification comes to. Never just true or false: what is wrong decides what to do next. */

/** From best to worst. */
export const verdicts = [
  /** It is what the log committed to. */
  'VERIFIED',
  /** It is what the log committed to; personal fields in it cannot be read any more because their keys are destroyed. */
  'VERIFIED_ERASED',
  /** The log has its entry; the event was deleted under a policy, and a leaf of the log says so. */
  'PURGED',
  /** Stored, and not yet due in the log. */
  'PENDING',
  /** Something the verifier needs is not there: a key, a policy, a proof, the log. Nothing is said about the event. */
  'UNVERIFIABLE',
  /** It should be there, and nothing says why it is gone. */
  'MISSING',
  /** It is not what the log committed to. */
  'TAMPERED',
  /** The log's key signed two histories. */
  'FORKED',
] as const;
export type Verdict = (typeof verdicts)[number];

/** The machine's word for why, each with its verdict. */
export const reasons = {
  verified: 'VERIFIED',
  erased: 'VERIFIED_ERASED',
  purged: 'PURGED',
  not_due: 'PENDING',
  no_key: 'UNVERIFIABLE',
  no_policy: 'UNVERIFIABLE',
  policy_unmet: 'UNVERIFIABLE',
  no_proof: 'UNVERIFIABLE',
  no_log: 'UNVERIFIABLE',
  other_log: 'UNVERIFIABLE',
  unreadable: 'UNVERIFIABLE',
  overdue: 'MISSING',
  event_gone: 'MISSING',
  segment_gone: 'MISSING',
  archive_gone: 'MISSING',
  entry_gone: 'MISSING',
  tile_gone: 'MISSING',
  checkpoint_gone: 'MISSING',
  event_differs: 'TAMPERED',
  event_extra: 'TAMPERED',
  segment_differs: 'TAMPERED',
  archive_differs: 'TAMPERED',
  order_differs: 'TAMPERED',
  entry_differs: 'TAMPERED',
  entry_invalid: 'TAMPERED',
  time_decreases: 'TAMPERED',
  proof_differs: 'TAMPERED',
  tile_differs: 'TAMPERED',
  root_differs: 'TAMPERED',
  checkpoint_invalid: 'TAMPERED',
  signature_invalid: 'TAMPERED',
  rewound: 'TAMPERED',
  two_roots: 'FORKED',
  inconsistent: 'FORKED',
} as const satisfies Readonly<Record<string, Verdict>>;
export type Reason = keyof typeof reasons;

/** Where in the log or among the files a judgement points. */
export interface Place {
  /** Index of the leaf. */
  readonly index?: number;
  /** Id of the event. */
  readonly id?: string;
  /** File, or object in the evidence bucket, relative to the log. */
  readonly path?: string;
  /** Size of the tree. */
  readonly size?: number;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly reason: Reason;
  /** One sentence. */
  readonly why: string;
  readonly at: Place;
}

/** A judgement by its reason. */
export const judge = (reason: Reason, why: string, at: Place = {}): Judgement => ({
  verdict: reasons[reason],
  reason,
  why,
  at,
});

/** Whether an auditor can be content: all is there and unchanged, or gone as the log itself tells. */
export const isGood = ({ verdict }: Pick<Judgement, 'verdict'>): boolean =>
  verdict === 'VERIFIED' || verdict === 'VERIFIED_ERASED' || verdict === 'PURGED';

/** The worst of several; the first of equals. */
export function worst(judgements: readonly [Judgement, ...Judgement[]]): Judgement {
  return judgements.reduce((a, b) => (verdicts.indexOf(b.verdict) > verdicts.indexOf(a.verdict) ? b : a));
}
