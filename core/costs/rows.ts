/** What parsers of sources hand to the loader. Days are YYYY-MM-DD in UTC, amounts decimal text: never floating point. */

/** A row that was not loaded, and why. */
export interface Rejected {
  /** Where it was: `row 17`, `applications/4711`. */
  readonly place: string;
  /** As `amount_invalid`. */
  readonly code: string;
  readonly reason: string;
  /** What came; the loader cuts it. */
  readonly row: string;
}

/** An application by the words of who knows it. A bill's applications have no controller (`''`). */
export interface ApplicationName {
  readonly controller: string;
  readonly key: string;
}

export interface ApplicationRow extends ApplicationName {
  readonly name: string;
  /** Absent where the stream does not tell; what is known stays. */
  readonly tiers?: number;
  readonly nodes?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface UsageRow extends ApplicationName {
  readonly day: string;
  /** nodes, vcpu, licence_units, calls. */
  readonly measure: 'nodes' | 'vcpu' | 'licence_units' | 'calls';
  readonly amount: string;
  readonly estimated: boolean;
}

export interface LicenceRow {
  readonly day: string;
  readonly controller: string;
  readonly package: string;
  readonly provisioned: string;
  readonly usedAvg: string;
  readonly usedMax: string;
  readonly estimated: boolean;
}

/** A charge in FOCUS's words. */
export interface ChargeRow {
  /** Its number in the slice, from 1. */
  readonly line: number;
  readonly day: string;
  readonly application?: ApplicationName;
  readonly controller?: string;
  readonly chargeCategory: string;
  readonly chargeClass: string;
  readonly provider: string;
  readonly serviceCategory: string;
  readonly serviceName: string;
  readonly subAccount: string;
  readonly region: string;
  readonly resource: string;
  readonly currency: string;
  readonly billed: string;
  readonly effective: string;
  readonly contracted: string;
  readonly list: string;
}

export interface CmdbRow {
  readonly sysId: string;
  readonly class: string;
  readonly name: string;
  /** The fields that drift is about, by name. */
  readonly attributes: Readonly<Record<string, string>>;
  /** No longer in use. */
  readonly gone: boolean;
}

/** A row of the file that somebody answers for. */
export interface HCodeRow {
  readonly line: number;
  readonly controller: string;
  readonly application: string;
  readonly hCode: string;
  readonly costCentre: string;
  readonly sector: string;
  readonly owner: string;
  readonly architecture: string;
  readonly fromDay: string;
  /** The first day that it no longer holds for; `infinity` when there is none. */
  readonly toDay: string;
  readonly approvedBy: string;
}

/** Some of a slice's rows; a slice is loaded chunk by chunk in one transaction. */
export interface Chunk {
  readonly read: number;
  readonly rejected: readonly Rejected[];
  readonly controllers?: readonly { readonly key: string; readonly name: string }[];
  readonly applications?: readonly ApplicationRow[];
  readonly usage?: readonly UsageRow[];
  readonly licences?: readonly LicenceRow[];
  readonly charges?: readonly ChargeRow[];
  readonly cmdb?: readonly CmdbRow[];
  readonly hCodes?: readonly HCodeRow[];
}
