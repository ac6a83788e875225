/** A page of a question's results: rows become events, which the reader sees or does not, as in every answer. */
import type { Event } from '#core/event/event.ts';
import type { ArchiveQueries } from '#core/query/athena-ports.ts';
import type { ResultPosition } from '#core/query/cursor.ts';
import { confine } from '#core/query/filter.ts';
import { matcher } from '#core/query/matches.ts';
import { cutPage } from './cut-page.ts';
import type { Question } from './question.ts';
import type { Reader } from './reader.ts';

export interface ResultPage {
  readonly events: readonly Event[];
  readonly texts: readonly string[];
  readonly next: ResultPosition | undefined;
  /** The question's own limit ended the answer; there is more in the archive. */
  readonly limited: boolean;
}

/** Read at once, and for one page: a filter that opens every event to find few must end some time. */
const chunkBytes = 1024 * 1024;
const pageReadBytesMax = 24 * 1024 * 1024;

export const firstResult: ResultPosition = { offset: 0, rows: 0, found: 0, last: '-' };

/** Up to `limit` events after a place. May be empty and yet go on: then no event so far was for this reader. */
export async function resultPage(
  queries: Pick<ArchiveQueries, 'lines'>,
  reader: Reader,
  question: Question,
  results: string,
  from: ResultPosition,
  limit: number,
): Promise<ResultPage> {
  const { tenant } = reader.caller;
  const inBounds = matcher(confine({}, reader.caller));
  const exactly = reader.exactly(question.exactly);
  const found: { readonly event: Event; readonly after: ResultPosition }[] = [];
  let at = from;
  let limited = false;
  let ended = false;
  while (!ended && found.length < limit && at.offset - from.offset < pageReadBytesMax) {
    const lines = await queries.lines(results, at.offset, chunkBytes);
    ended = lines.length === 0;
    const batch = new Map<Event, ResultPosition>();
    for (const { line, end } of lines) {
      // One row more was asked for than the answer may hold, to know of it.
      limited = at.rows >= question.rowsMax;
      if (limited) break;
      const event = JSON.parse(line) as Event;
      if (event.tenant !== tenant) throw new Error('results hold an event of another tenant');
      // A file that is being replaced may be read together with those that replace it: its events come twice.
      const again = event.id === at.last;
      at = { ...at, offset: end, rows: at.rows + 1, last: event.id };
      if (!again && inBounds(event) && reader.sees(event)) batch.set(event, at);
    }
    ended ||= limited;
    const events = [...batch.keys()];
    for (const event of exactly && events.length > 0 ? await exactly(events) : events) {
      if (from.found + found.length >= question.limit) {
        limited = true;
        ended = true;
        break;
      }
      at = { ...at, found: from.found + found.length + 1 };
      found.push({ event, after: { ...batch.get(event)!, found: at.found } });
    }
  }
  const page = found.slice(0, limit);
  const { texts } = cutPage(await reader.show(page.map(({ event }) => event)));
  const cut = texts.length < found.length;
  const next = cut ? page[texts.length - 1]!.after : ended ? undefined : at;
  return { events: page.slice(0, texts.length).map(({ event }) => event), texts, next, limited: limited && !cut };
}
