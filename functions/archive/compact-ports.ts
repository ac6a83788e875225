/** What compaction, merging and cleaning up lean on. */
import type { ArchiveLedger } from '#core/archive/compact-ports.ts';
import type { ArchiveFileCatalogue, ArchiveObjects } from '#core/archive/ports.ts';
import type { Control, Recorder } from '#core/record/ports.ts';
import type { RunPorts } from './runs.ts';

export interface CompactPorts extends RunPorts {
  readonly ledger: ArchiveLedger;
  readonly files: ArchiveFileCatalogue;
  readonly objects: Pick<ArchiveObjects, 'write' | 'remove'>;
  readonly control: Pick<Control, 'tenant'>;
  readonly recorder: Recorder;
  readonly newId: (now: Date) => string;
  readonly clock: () => Date;
}
