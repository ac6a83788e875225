/** Minimum necessary: which parts of an event a caller sees, and how. */

/** The parts of an event. `what` (action, category, outcome, times, service, target types) is never personal. */
export const fieldGroups = ['who', 'where', 'what', 'target_identity', 'payload', 'diff'] as const;
export type FieldGroup = (typeof fieldGroups)[number];

/**
 * How a field is shown. `clear`: decrypted. `token`: the stored pseudonym, equal for equal persons. `masked`: a fixed
 * word. `omitted`: not there. Nothing but `clear` decrypts.
 */
export const fieldModes = ['omitted', 'masked', 'token', 'clear'] as const;
export type FieldMode = (typeof fieldModes)[number];

/** One event's view: a mode for each group. */
export type View = Readonly<Record<FieldGroup, FieldMode>>;
