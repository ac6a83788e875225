/** Plans the blocks of an archive file: see planSegment for those of a segment. */

/** A block before it is compressed: lines of one tenant in the file's order. */
export interface PlannedBlock {
  /** JSON lines, each ended by a newline. */
  readonly text: string;
  readonly events: number;
  readonly minTime: number;
  readonly maxTime: number;
  readonly minId: string;
  readonly maxId: string;
  readonly filter: Uint8Array;
  /** By event: index of its leaf. */
  readonly leaves: readonly (number | undefined)[];
}
