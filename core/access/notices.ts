/** Word to people that something happened which they must know of now. */

export interface Notice {
  readonly tenant: string;
  readonly kind: 'break_glass.begin';
  /** Id of what it is about; who may read that learns more there. */
  readonly id: string;
  readonly at: Date;
  /** When it ends by itself. */
  readonly until: Date;
}

/** Mail and other roads leave our walls: a notice never holds a personal value. */
export interface Notices {
  /** At least once to everybody who subscribed. Rejects with `Unavailable`. */
  notify(notice: Notice): Promise<void>;
}
