/** What a witness keeps, in memory; held to the same contract suite as the driver for S3. */
import type { KnownLogs } from '#core/proof/witness-logs.ts';
import type { WitnessStore } from '#core/proof/witness-ports.ts';
import { MemoryPlace } from './memory.ts';

export class MemoryWitness extends MemoryPlace implements WitnessStore {
  readonly checkpoints = new Map<string, { readonly note: string; readonly etag: string }>();
  /** Every note that was kept, in order. */
  readonly history: { readonly hash: string; readonly note: string }[] = [];
  readonly #logs: KnownLogs;

  constructor(logs: KnownLogs) {
    super();
    this.#logs = logs;
  }

  async latest(hash: string): Promise<{ readonly note: string; readonly etag: string } | undefined> {
    this.reach();
    return this.checkpoints.get(hash);
  }

  async replace(hash: string, note: string, etag: string | undefined): Promise<boolean> {
    this.reach();
    const there = this.checkpoints.get(hash);
    if (there?.etag !== etag) return there?.note === note;
    this.history.push({ hash, note });
    this.checkpoints.set(hash, { note, etag: `"${this.history.length}"` });
    return true;
  }

  async logs(): Promise<KnownLogs> {
    this.reach();
    return this.#logs;
  }
}
