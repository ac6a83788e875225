/** The documents of an auditor's bundle. Their shapes are explained in docs/reference/auditor-bundle.md. */
import type { ExportAsked } from './export-ports.ts';
import type { Period } from './range.ts';

export const bundleType = 'trailkeep-auditor-bundle';

/** Why an exported leaf has no line: its asker may not see such events, or its bytes are not there. */
export type Without = { readonly index: number; readonly id: string; readonly reason: 'withheld' | 'gone' };

/** `manifest.json` */
export interface BundleManifest {
  readonly v: 1;
  readonly type: typeof bundleType;
  readonly origin: string;
  readonly size: number;
  readonly asked: ExportAsked;
  readonly made_at: string;
  readonly leaves?: { readonly start: number; readonly end: number };
  readonly events: number;
  readonly without: readonly Without[];
  /** Those that are not listed. */
  readonly without_more?: number;
  /** Of an export of ids: those that are no event which the asker may see. */
  readonly missing?: readonly string[];
}

/** `range.json`; hashes in standard base64. */
export interface BundleRange extends Period {
  readonly v: 1;
  readonly origin: string;
  readonly size: number;
  readonly from: string;
  readonly to: string;
  readonly left: readonly string[];
  readonly right: readonly string[];
}

/** `consistency.json` */
export interface BundleConsistency {
  readonly v: 1;
  readonly origin: string;
  readonly size: number;
  readonly proofs: readonly { readonly size: number; readonly hashes: readonly string[] }[];
}

/** `erased.json` */
export interface BundleErased {
  readonly v: 1;
  readonly events: readonly { readonly index: number; readonly id: string; readonly fields: readonly string[] }[];
}

/** Listed leaves without a line; a manifest is read as a whole. */
export const withoutMax = 10_000;
/**
 * Leaves of one export: a run of 15 minutes is enough for them by far, their files are fewer than a zip without zip64
 * may have, and a period that has more is asked for in pieces, whose proofs meet.
 */
export const exportLeavesMax = 500_000;
/** Events that are asked for by their ids: each costs a look-up of its own. */
export const exportIdsMax = 1000;
