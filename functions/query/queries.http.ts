/**
 * Questions to the whole archive: asked here, answered by Athena, read page by page.
 *
 * What can go wrong: too much to scan (the workgroup ends it and the state says so), days in Deep Archive and commits
 * that are not in the archive yet (named in every answer), results that expired (404, like another tenant's). A file
 * that moves to Deep Archive between the look and the reading is the one gap that nobody sees; S3 moves files at
 * midnight.
 */
import * as z from 'zod';
import type { ArchiveObjects } from '#core/archive/ports.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import { type ArchiveQueries, type ArchiveReaches, costUsd, type QueryRun } from '#core/query/athena-ports.ts';
import { type AthenaStatement, athenaStatement, literalOf, parameterCharsMax } from '#core/query/athena-sql.ts';
import { readResultCursor, resultCursor } from '#core/query/cursor.ts';
import { confine, matchesNothing, parseSearch, timeMax, timeMin } from '#core/query/filter.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { logger } from '#functions/runtime/observe.ts';
import {
  openArchiveObjects,
  openArchiveQueries,
  openArchiveReaches,
  openCipher,
  openCursorKey,
  openGuard,
  openHmac,
  openIds,
  openQuestions,
  openRecorder,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { archivedOf } from './archived-files.ts';
import { pageBody } from './cut-page.ts';
import { coverageOf, findQuestion, hintsOf, keepQuestion, type Question, type QuestionPorts } from './question.ts';
import { Reader, type ReaderPorts, recordedFilter, recordsOfReading } from './reader.ts';
import { firstResult, resultPage } from './result-page.ts';

export interface QueriesPorts extends ReaderPorts, QuestionPorts {
  readonly subjectKeys: ReaderPorts['subjectKeys'];
  readonly queries: ArchiveQueries;
  readonly reaches: ArchiveReaches;
  readonly objects: Pick<ArchiveObjects, 'state'>;
  readonly ids: { uuidv7(now: Date): string };
  readonly cursorKey: Uint8Array;
  readonly hmac: (key: Uint8Array, data: string) => Uint8Array;
}

/** Most events of one answer. Athena sorts them, and its results are kept for a week. */
export const queryLimitMax = 100_000;
const queryLimitDefault = 1000;
/** Events of one page of results. */
const pageLimitMax = 1000;
const pageLimitDefault = 200;
/** The API's limit on a statement. */
const statementBytesMax = 262_144;

export async function queries(ports: QueriesPorts, request: HttpRequest): Promise<HttpResponse> {
  const reader = await Reader.of(ports, request);
  const queryId = request.params.queryId?.toLowerCase();
  if (queryId === undefined) return ask(ports, request, reader);
  const { tenant } = reader.caller;
  const question = isUuid(queryId) ? await findQuestion(ports, tenant, queryId) : undefined;
  // Athena forgets after 45 days; the question and its results are gone by then.
  const run = question && (await runOf(ports, question));
  if (!question || !run) throw new Problem('not_found', 'There is no query with this id.');
  if (request.method === 'DELETE') {
    if (question.execution !== undefined) await ports.queries.stop(question.execution);
    return { status: 204 };
  }
  if (request.path.endsWith('/results')) return results(ports, request, reader, question, run);
  return { status: 200, body: viewOf(question, run) };
}

async function ask(ports: QueriesPorts, request: HttpRequest, reader: Reader): Promise<HttpResponse> {
  const { caller } = reader;
  const { filter: asked, limit } = questionIn(request);
  reader.readsToo = asked.action !== undefined;
  const filter = confine(asked, caller);
  const stored = await reader.stored(filter);
  const range = { from: filter.from ?? timeMin, to: filter.to ?? timeMax + 1 };
  const reach = await ports.reaches.of(caller.tenant, range, filter.category, request.now);
  const { days, months } = reach;
  const { text, ip } = filter;
  // What is looked for after opening is found in few of the rows: as many as may be are looked through.
  const rowsMax = text === undefined && ip === undefined ? limit : queryLimitMax;
  const statement =
    matchesNothing(filter) || (!days && !months)
      ? undefined
      : athenaStatement({
          tenant: caller.tenant,
          filter: stored.filter,
          days,
          months,
          readsToo: reader.readsToo,
          limit: rowsMax + 1,
          version: reach.version,
        });
  if (statement) mustFit(statement);
  const id = ports.ids.uuidv7(request.now);
  const { filter: shown, about } = recordedFilter(filter, stored);
  await reader.record('audit_log.search', [], { query: id, filter: shown, limit }, about);
  // What was restored meanwhile, or went cold again, changes the answer and no version.
  const execution = statement && (await ports.queries.start(id, statement, reach.cold.length === 0));
  const question: Question = {
    id,
    askedAt: request.now.toISOString(),
    limit,
    rowsMax,
    ...(execution === undefined ? {} : { execution }),
    readsToo: reader.readsToo,
    exactly: { ...(text === undefined ? {} : { text }), ...(ip === undefined ? {} : { ip }) },
    archived: await archivedOf(ports.objects, reach.cold, request.now),
    commit: String(reach.compactedSeq),
    ...(reach.pending === undefined ? {} : { pending: reach.pending }),
  };
  await keepQuestion(ports, caller.tenant, question);
  return { status: 202, body: viewOf(question, (await runOf(ports, question)) ?? nothingYet) };
}

function questionIn(request: HttpRequest) {
  const body = jsonBody(request, z.record(z.string(), z.json()));
  const { limit = queryLimitDefault, ...rest } = body;
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > queryLimitMax) {
    throw new Problem('filter_invalid', `limit must be a whole number from 1 to ${queryLimitMax}.`, {
      pointer: '/limit',
    });
  }
  if ('cursor' in rest) {
    throw new Problem('filter_invalid', 'A query has no cursor; its results have.', { pointer: '/cursor' });
  }
  const parsed = parseSearch(rest);
  if (!parsed.ok) throw problemOf(parsed.fault);
  return { filter: parsed.value.filter, limit };
}

/** Athena would refuse it in words that nobody could act on. */
function mustFit({ text, parameters }: AthenaStatement): void {
  if (parameters.some((value) => literalOf(value).length > parameterCharsMax)) {
    throw new Problem('filter_invalid', `A value is longer than ${parameterCharsMax - 2} characters, Athena's limit.`);
  }
  if (text.length > statementBytesMax)
    throw new Problem('filter_invalid', 'The filter has too many values for Athena.');
}

const nothingYet: QueryRun = { state: 'queued', scannedBytes: 0, results: '' };
const nothingToRead: QueryRun = { state: 'succeeded', scannedBytes: 0, results: '' };

const runOf = async ({ queries }: QueriesPorts, { execution }: Question): Promise<QueryRun | undefined> =>
  execution === undefined ? nothingToRead : queries.run(execution);

function viewOf(question: Question, run: QueryRun): object {
  const hints = hintsOf(question);
  return {
    id: question.id,
    state: run.state,
    asked_at: question.askedAt,
    limit: question.limit,
    scanned_bytes: run.scannedBytes,
    cost_usd: costUsd(run),
    coverage: coverageOf(question),
    ...(hints.length === 0 ? {} : { hints }),
  };
}

const whyNot: Partial<Record<QueryRun['state'], string>> = {
  failed: 'The query failed. Ask again; if it fails again, tell your operator its id.',
  cancelled: 'The query was cancelled.',
  too_large: 'The query would have scanned more than this stage allows. Narrow its times or categories.',
};

async function results(
  ports: QueriesPorts,
  request: HttpRequest,
  reader: Reader,
  question: Question,
  run: QueryRun,
): Promise<HttpResponse> {
  const { tenant } = reader.caller;
  if (run.state !== 'succeeded') {
    if (run.state === 'failed') logger.error('a query failed', { query: question.id, reason: run.reason });
    const running = run.state === 'queued' || run.state === 'running';
    throw new Problem('query_unfinished', whyNot[run.state] ?? 'The query is still running.', {
      ...(running ? { retryAfterSeconds: 2 } : {}),
      extensions: { state: run.state },
    });
  }
  const mac = (data: string) => ports.hmac(ports.cursorKey, data);
  const { limit, cursor } = pageIn(request.query);
  const from = cursor === null ? undefined : readResultCursor(mac, tenant, question.id, cursor);
  if (from && !from.ok) throw problemOf(from.fault);
  reader.readsToo = question.readsToo;
  const page =
    question.execution === undefined
      ? { events: [], texts: [], next: undefined, limited: false }
      : await resultPage(ports.queries, reader, question, run.results, from?.value ?? firstResult, limit);
  const coverage = coverageOf(question);
  const complete = coverage.complete && !page.limited;
  await reader.record('audit_log.search', page.events, { query: question.id, complete });
  const hints = hintsOf(question);
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: pageBody(page.texts, {
      next_cursor: page.next === undefined ? null : resultCursor(mac, tenant, question.id, page.next),
      complete,
      limited: page.limited,
      coverage,
      ...(hints.length === 0 ? {} : { hints }),
      ...(question.readsToo ? {} : { left_out: [recordsOfReading] }),
    }),
  };
}

function pageIn(query: URLSearchParams): { readonly limit: number; readonly cursor: string | null } {
  for (const name of new Set(query.keys())) {
    if ((name !== 'limit' && name !== 'cursor') || query.getAll(name).length > 1) {
      throw new Problem('filter_invalid', 'Results take limit and cursor, each once.', {
        pointer: `/${name.slice(0, 60)}`,
      });
    }
  }
  const text = query.get('limit') ?? String(pageLimitDefault);
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > pageLimitMax) {
    throw new Problem('filter_invalid', `limit must be a whole number from 1 to ${pageLimitMax}.`, {
      pointer: '/limit',
    });
  }
  return { limit, cursor: query.get('cursor') };
}

export const handler = onHttp(queries, {
  queries: openArchiveQueries,
  reaches: openArchiveReaches,
  objects: openArchiveObjects,
  questions: openQuestions,
  ids: openIds,
  cursorKey: openCursorKey,
  hmac: openHmac,
  guard: openGuard,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  recorder: openRecorder,
});
