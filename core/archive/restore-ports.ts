/** The places that restores lean on. Each comment is the promise its driver keeps. */
import type { Category } from '../event/event.ts';
import type { Restore, RestoreFile, RestoreLook, RestoreProgress } from './restore.ts';

/** A restore with how far it is, once it was started. */
export type RestoreNow = Restore & { readonly progress?: RestoreProgress };

/** Restores in Postgres. Every method is one transaction and rejects with `Unavailable` when the database is down. */
export interface Restores {
  /**
   * Files with events of the range whose ladder ends in Deep Archive, by id, after one; fewer than `limit` are the last.
   * Only S3 knows which of them are there.
   */
  coldFiles(
    tenant: string,
    range: { readonly from: number; readonly to: number; readonly category?: Category },
    after: string | undefined,
    limit: number,
  ): Promise<readonly RestoreFile[]>;
  /** Keeps an estimate. Durable on return. */
  open(restore: Omit<Restore, 'state' | 'confirmed' | 'endedAt'>): Promise<void>;
  /** A foreign id looks like a missing one. */
  get(tenant: string, id: string): Promise<RestoreNow | undefined>;
  /** Newest first, those with smaller ids than `before`. */
  list(tenant: string, before: string | undefined, limit: number): Promise<readonly RestoreNow[]>;
  /**
   * Starts an `estimated` one: its files are those of `coldFiles` now. Resolves with it, or with undefined when it was
   * started before, and then nothing changed.
   */
  confirm(tenant: string, id: string, by: string, at: Date): Promise<Restore | undefined>;
  /** Files that S3 was not asked for; none when all were. */
  chosen(tenant: string, id: string, limit: number): Promise<readonly RestoreFile[]>;
  /** Files whose copy is under way, those longest ago looked at first. */
  underWay(tenant: string, id: string, limit: number): Promise<readonly RestoreFile[]>;
  /** Keeps what was found of files. A file that is ready or gone stays so. */
  looked(tenant: string, id: string, looks: readonly RestoreLook[], at: Date): Promise<void>;
  /** Ends the asking when no file is left to ask for; false when it had ended, or some are left. */
  asked(tenant: string, id: string, at: Date): Promise<boolean>;
}
