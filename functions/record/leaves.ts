/** The leaves of stored lines: what the log will commit to of each. */
import { hash } from 'node:crypto';
import { commitmentPrefix } from '#core/proof/commitment.ts';
import { kindOf, type Leaf } from '#core/proof/entry.ts';
import type { EventLine } from '#core/record/envelope.ts';

/** One leaf for each line, in the same order. */
export const leavesOf = (lines: readonly EventLine[]): Leaf[] =>
  lines.map(({ event, line }) => ({
    id: event.id,
    kind: kindOf(event),
    commitment: hash('sha256', commitmentPrefix + line, 'buffer'),
  }));
