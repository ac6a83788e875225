/** What goes wrong in a run, how often, and how often it did. */

/** Every class of fault that the simulation makes. */
export const faultClasses = [
  'crash before an effect',
  'crash after an effect',
  'effect after its worker died',
  'worker killed by its time limit',
  'place unavailable before an effect',
  'place unavailable after an effect (answer lost)',
  'conditional write conflict (409)',
  'request sent again by the SDK',
  'signer refuses',
  'signature invalid',
  'duplicate delivery',
  'message sent again in another message',
  'visibility expired during work',
  'reordered or delayed delivery',
  'trigger lost',
  'clock jump',
  'slow answer',
  'database rollback',
] as const;
export type FaultClass = (typeof faultClasses)[number];

export type FaultCounts = Record<FaultClass, number>;

export const noFaults = (): FaultCounts =>
  Object.fromEntries(faultClasses.map((name) => [name, 0])) as unknown as FaultCounts;

/** Probabilities, each per effect or per message. */
export interface FaultRates {
  readonly crash: number;
  /** That a request in flight takes effect although its worker died. */
  readonly inFlight: number;
  readonly unavailable: number;
  readonly conflict: number;
  readonly resend: number;
  readonly refused: number;
  readonly invalidSignature: number;
  readonly duplicate: number;
  readonly shortVisibility: number;
  readonly delayed: number;
  readonly lostTrigger: number;
  readonly clockJump: number;
  readonly slow: number;
}

export const ratesOf = (scale: number): FaultRates => ({
  crash: 0.008 * scale,
  inFlight: 0.3,
  unavailable: 0.012 * scale,
  conflict: 0.02 * scale,
  resend: 0.01 * scale,
  refused: 0.05 * scale,
  invalidSignature: 0.05 * scale,
  duplicate: 0.1 * scale,
  shortVisibility: 0.1 * scale,
  delayed: 0.1 * scale,
  lostTrigger: 0.1 * scale,
  clockJump: 0.03 * scale,
  slow: 0.03 * scale,
});

export const healed: FaultRates = ratesOf(0);
