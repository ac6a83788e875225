/** A tenant's move to another cluster, as those see it who ask for it. */

/**
 * How far a move is. `copying`: the target gets what the source has, which goes on. `paused`: writers wait in their queues until
 * all rows are compared. `verified`: both have the same. `switched`: the registry names the target. `moved`: the tenant lives
 * there, and its old rows are left. `finishing`, `finished`: they go, and are gone.
 */
export type MoveStep = 'copying' | 'paused' | 'verified' | 'switched' | 'moved' | 'finishing' | 'finished';

export interface Move {
  readonly from: number;
  readonly to: number;
  readonly step: MoveStep;
  readonly askedBy: string;
  readonly askedAt: Date;
  readonly steppedAt: Date;
  /** What was compared, once it was. */
  readonly rows?: readonly { readonly table: string; readonly rows: number }[];
  /** What stopped the last run; the next one goes on. */
  readonly problem?: string;
}

/** Where a tenant lives, and its newest move. */
export interface Residence {
  readonly shard: number;
  readonly move?: Move;
}

/** Moves as operators ask for them. Every method rejects with `Unavailable` when the database is down. */
export interface Moves {
  /** Undefined for a tenant that nobody registered. */
  find(tenant: string): Promise<Residence | undefined>;
  /** Asks for a move; `false` when another one is under way, or its old rows are to be deleted first. Asking again does nothing. */
  ask(tenant: string, to: number, by: string, now: Date): Promise<boolean>;
  /** Asks for the old rows to be deleted; `false` when the tenant has not moved. Asking again does nothing. */
  finish(tenant: string, now: Date): Promise<boolean>;
}

/** What is left of a run's time. */
export interface MoveTime {
  /** Asked when the copy is done: whether there is enough for a pause. */
  readonly mayPause: () => boolean;
  /** Whether there is enough for one more part of the work. */
  readonly goesOn: () => boolean;
}

/** Goes on with moves. */
export interface Mover {
  /** Tenants whose moves are not over and that nobody works on; after a pause that was given up, for an hour not. */
  due(): Promise<readonly string[]>;
  /**
   * Goes on with a move unless somebody else does, and resolves with its step. A tenant that was paused and could not be
   * compared in time is let go on where it was, which rejects, and the move begins anew.
   */
  goOn(tenant: string, time: MoveTime): Promise<MoveStep | undefined>;
}
