/** The circumstances of a request, from its headers and its address. */
import { type Circumstances, purposeShape, ticketShape } from '#core/access/principal.ts';
import { Problem } from '#core/event/problem.ts';
import type { HttpRequest } from './request.ts';

/** The purpose of whoever broke the glass; nobody else may say it. */
export const breakGlassPurpose = 'break_glass';

/** Why and from where a request comes. Throws `request_invalid` for a purpose or ticket that is none. */
export function circumstancesOf({ headers, sourceIp, now }: HttpRequest): Circumstances {
  const purpose = headers['trailkeep-purpose'];
  const ticket = headers['trailkeep-ticket'];
  if (purpose !== undefined && (!purposeShape.test(purpose) || purpose === breakGlassPurpose)) {
    throw new Problem('request_invalid', 'Trailkeep-Purpose must be one word of 2 to 64 of a-z 0-9 _ -, as billing.');
  }
  if (ticket !== undefined && !ticketShape.test(ticket)) {
    throw new Problem('request_invalid', 'Trailkeep-Ticket must be 1 to 128 of A-Z a-z 0-9 . _ : / # -.');
  }
  return {
    sourceIp,
    now,
    ...(purpose === undefined ? {} : { purpose }),
    ...(ticket === undefined ? {} : { ticket }),
  };
}
