/** How callers are told what could not be read, and what they can do about it. */
import { Problem } from '#core/event/problem.ts';
import type { Gaps } from '#core/query/gaps.ts';
import type { Answer } from './answer.ts';

/** The members of an answer that name what is left out of it. */
export const gapsBody = ({ missing, archived, damaged }: Gaps): object => ({
  ...(missing.length === 0 ? {} : { missing }),
  ...(archived.length === 0 ? {} : { archived }),
  ...(damaged.length === 0 ? {} : { damaged }),
});

const restoreHint =
  'Some days are archived. POST /v1/archive/restores says what it costs and how long it takes to bring them back; this ' +
  'question finds them once they are.';
const queriesHint =
  'The question was too much for one answer. next_cursor goes on from here; POST /v1/queries asks the archive as a whole.';
const damagedHint =
  'Some stored blocks are not what was written, and their events are left out. Tell your operator: the object store keeps ' +
  'older versions, and the log knows what the events were.';

/** What a person or a program can do next, as sentences. */
export function hintsBody({ gaps, toScanBytes }: Pick<Answer, 'gaps' | 'toScanBytes'>): object {
  const hints = [
    ...(toScanBytes === undefined ? [] : [queriesHint]),
    ...(gaps.archived.length === 0 ? [] : [restoreHint]),
    ...(gaps.damaged.length === 0 ? [] : [damagedHint]),
  ];
  return hints.length === 0 ? {} : { hints };
}

/** The problem of one event that may be where nobody can read it now. */
export function unreadable(gaps: Gaps): Problem {
  if (gaps.archived.length > 0) {
    const detail = 'The event may be in the archive. POST /v1/archive/restores brings it back.';
    return new Problem('archived', detail, { extensions: gapsBody(gaps) as Record<string, unknown> });
  }
  if (gaps.damaged.length > 0) {
    const detail = 'The event may be in a stored block that is not what was written.';
    return new Problem('stored_damaged', detail, { extensions: gapsBody(gaps) as Record<string, unknown> });
  }
  return new Problem('unavailable', 'A file that may hold this event cannot be read now.', { retryAfterSeconds: 60 });
}
