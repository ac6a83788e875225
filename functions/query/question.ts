/**
 * A question that was asked of the whole archive, kept until its results expire.
 *
 * It holds what the results cannot say: what was out of reach when it was asked, and the words and addresses that are
 * looked for after opening. Those can be a person's, so it is sealed under the tenant's own key.
 */

import type { Cipher, SubjectKeys } from '#core/privacy/ports.ts';
import type { ArchiveReach, Questions } from '#core/query/athena-ports.ts';
import type { Filter } from '#core/query/filter.ts';
import type { ArchivedDay } from '#core/query/gaps.ts';

export interface Question {
  readonly id: string;
  /** ISO time. */
  readonly askedAt: string;
  /** Most events of the answer. */
  readonly limit: number;
  /** Most rows of the results: more than events where words are looked for after opening. One more is there to tell. */
  readonly rowsMax: number;
  /** Athena's; undefined when there was nothing to read. */
  readonly execution?: string;
  readonly readsToo: boolean;
  /** What is looked for after opening. */
  readonly exactly: Pick<Filter, 'text' | 'ip'>;
  /** What must be restored before it is found. */
  readonly archived: readonly ArchivedDay[];
  /** The last commit that was in the archive, as the feed counts. */
  readonly commit: string;
  /** Committed and not in the archive yet. */
  readonly pending?: NonNullable<ArchiveReach['pending']>;
}

export interface QuestionPorts {
  readonly questions: Questions;
  readonly subjectKeys: Pick<SubjectKeys, 'tenant'>;
  readonly cipher: Cipher;
}

const context = (tenant: string, id: string): string => `trailkeep/question/${tenant}/${id}`;

export async function keepQuestion(ports: QuestionPorts, tenant: string, question: Question): Promise<void> {
  const { own } = await ports.subjectKeys.tenant(tenant);
  const sealed = ports.cipher.seal(own.cipher, JSON.stringify(question), context(tenant, question.id));
  await ports.questions.put(tenant, question.id, sealed);
}

/** Undefined when there is none, none any more, or it is another tenant's. */
export async function findQuestion(ports: QuestionPorts, tenant: string, id: string): Promise<Question | undefined> {
  const sealed = await ports.questions.get(tenant, id);
  if (sealed === undefined) return undefined;
  const { own } = await ports.subjectKeys.tenant(tenant);
  const text = ports.cipher.open(own.cipher, sealed, context(tenant, id));
  return text === undefined ? undefined : (JSON.parse(text) as Question);
}

/** What the answer cannot hold, as callers are told. `complete` is about the archive; the limit has its own word. */
export function coverageOf({ archived, pending, commit }: Question) {
  return {
    complete: archived.length === 0 && pending === undefined,
    commit,
    ...(archived.length === 0 ? {} : { archived }),
    ...(pending === undefined
      ? {}
      : { pending: { events: pending.events, from: new Date(pending.from).toISOString() } }),
  };
}

const restoreHint =
  'Some days are archived. POST /v1/archive/restores brings them back; ask again when they are there.';
const pendingHint =
  'Some events are not in the archive yet. GET /v1/events with the same filter and from = coverage.pending.from finds them.';

export const hintsOf = ({ archived, pending }: Question): readonly string[] => [
  ...(archived.length === 0 ? [] : [restoreHint]),
  ...(pending === undefined ? [] : [pendingHint]),
];
