/** The typed filter of a query. It has no tenant: that comes from the caller's key alone. */
import type { Category, Crud, DataClass, OutcomeResult, Severity } from '#core/event/event.ts';

export interface Filter {
  /** occurred_at >= from, ms since 1970 */
  readonly from?: number;
  /** occurred_at < to, ms since 1970 */
  readonly to?: number;
  /** Any of these; an action may end in `*`: `user.*`. */
  readonly action?: readonly string[];
  readonly category?: readonly Category[];
  readonly crud?: readonly Crud[];
  readonly severity?: readonly Severity[];
  readonly outcome?: readonly OutcomeResult[];
  /** actor.id, exact */
  readonly actor?: readonly string[];
  /** id of any target, exact */
  readonly target?: readonly string[];
  readonly targetType?: readonly string[];
  /** context.ip, exact */
  readonly ip?: readonly string[];
  readonly dataClass?: readonly DataClass[];
  readonly project?: readonly string[];
  readonly environment?: readonly string[];
  readonly operationId?: readonly string[];
  readonly externalId?: readonly string[];
  /** A part of any string value of the event, case-insensitive. */
  readonly text?: string;
}
