import type { Caller } from '#core/access/access.ts';
import { Problem } from '#core/event/problem.ts';

/** A person's data, a legal hold and the log are the whole tenant's affair: a key of one project or environment may not. */
export function requireWholeTenant(caller: Caller): Caller {
  if (caller.project === undefined && caller.environment === undefined) return caller;
  throw new Problem('forbidden', 'This concerns the whole tenant; a key of one project or environment cannot do it.');
}
