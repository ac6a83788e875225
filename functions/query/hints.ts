/** What callers can do about an answer that is not complete. */
import type { Answer } from './answer.ts';

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
