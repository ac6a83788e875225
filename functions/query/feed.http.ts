/**
 * Feed: all events of a tenant in the order of their commits, for pollers.
 *
 * Whoever follows the cursor misses nothing, not even an event whose time is long past; an event may come
 * twice. The cursor is a commit number and a place inside that commit, so an empty page answers with the
 * cursor it was asked with, and the next poll goes on from there. The feed goes back some weeks: a cursor from before is
 * refused, and a feed that begins anew says since when it goes.
 */
import type { Event } from '#core/event/event.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { feedCursor, readFeedCursor } from '#core/query/cursor.ts';
import { canonicalFilter, confine } from '#core/query/filter.ts';
import { Gaps, gapsBody } from '#core/query/gaps.ts';
import { matcher } from '#core/query/matches.ts';
import { nearest } from '#core/query/nearest.ts';
import type { BlockReader, Catalogue, FeedPosition } from '#core/query/ports.ts';
import type { Block, SegmentPart } from '#core/record/segment.ts';
import { onHttp } from '#functions/runtime/http.ts';
import {
  openCipher,
  openCursorKey,
  openGuard,
  openHmac,
  openReads,
  openRecorder,
  openSegmentBlocks,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { reading } from './consistency.ts';
import { pageBody, pageBytesMax } from './cut-page.ts';
import { readBlocks } from './read-blocks.ts';
import { isRecordOfReading, Reader, type ReaderPorts } from './reader.ts';

export interface FeedPorts extends ReaderPorts {
  readonly catalogue: Catalogue;
  readonly blocks: BlockReader;
  readonly clock: () => number;
  readonly cursorKey: Uint8Array;
  readonly hmac: (key: Uint8Array, data: string) => Uint8Array;
}

const limitDefault = 100;
const limitMax = 1000;
const partsPerPage = 32;
/** A key of one project may have to pass over many events of others: then the page ends early. */
const scanMsMax = 15_000;

export async function feed(ports: FeedPorts, request: HttpRequest): Promise<HttpResponse> {
  const reader = await Reader.of(ports, request);
  const { after, limit, reads } = feedQuery(request.query);
  reader.readsToo = reads;
  const { caller } = reader;
  const filter = confine({}, caller);
  const bounds = canonicalFilter(filter);
  const isWithin = matcher(filter);
  const mac = (data: string) => ports.hmac(ports.cursorKey, data);
  let from: FeedPosition = { seq: 0n, offset: 0 };
  if (after !== undefined) {
    const read = readFeedCursor(mac, caller.tenant, bounds, after);
    if (!read.ok) throw problemOf(read.fault);
    from = read.value;
  }
  const wanted = (event: Event) => isWithin(event) && reader.sees(event);
  const page = new Page(limit, from, reader, wanted, request.now.getTime() + scanMsMax, ports.clock);
  const gaps = new Gaps();
  let since: Date | undefined;
  for (let more = true; more && !page.ended; ) {
    const { parts, releasedSeq } = await ports.catalogue.partsAfter(caller.tenant, page.at.seq, partsPerPage);
    if (page.at.seq < releasedSeq) {
      since ??= await ports.catalogue.feedSince(caller.tenant);
      if (after !== undefined) throw expired(since);
      page.passTo(releasedSeq);
      continue;
    }
    more = parts.length === partsPerPage;
    for (const part of parts) {
      if (page.ended) break;
      await readPart(ports.blocks, part, page, gaps);
    }
  }
  const next = feedCursor(mac, caller.tenant, bounds, page.at);
  const query = `after=${next}${request.query.has('limit') ? `&limit=${limit}` : ''}${reads ? '&reads=include' : ''}`;
  // A page of nothing but records of reading is not recorded: whoever follows them would follow itself for ever.
  if (page.events.some((event) => !isRecordOfReading(event))) {
    await reader.record('audit_log.feed', page.events, { after: String(from.seq), through: String(page.at.seq) });
  }
  return {
    status: 200,
    headers: { 'content-type': 'application/json', link: `</v1/events/feed?${query}>; rel="next"` },
    body: pageBody(page.texts, { next, ...(since ? { since: since.toISOString() } : {}), ...gapsBody(gaps) }),
  };
}

function expired(since: Date | undefined): Problem {
  const from = since === undefined ? 'what comes next' : since.toISOString();
  return new Problem(
    'feed_expired',
    `The cursor is older than what the feed has, which begins with ${from}. Start without a cursor, and take what was ` +
      'stored before from GET /v1/events or POST /v1/exports.',
    { extensions: since === undefined ? {} : { since: since.toISOString() } },
  );
}

/** Blocks of a part from the page's place on, one at a time: pages are mostly smaller than blocks. */
async function readPart(reader: BlockReader, part: SegmentPart, page: Page, gaps: Gaps): Promise<void> {
  const blocks: readonly Block[] = part.blocks.toSorted((a, b) => a.offset - b.offset);
  let first = 0;
  for (const block of blocks) {
    if (page.ended) return;
    if (page.at.offset < first + block.events) {
      let isRead = false;
      for await (const { events } of readBlocks(reader, part, [block], gaps)) {
        isRead = true;
        await page.take(events.slice(page.at.offset - first));
      }
      // Named and passed over: what is gone or damaged must not hold a poller up for ever.
      if (!isRead) page.passBlock(first + block.events);
      if (gaps.missing.includes(part.key)) break;
    }
    first += block.events;
  }
  if (page.at.offset >= first || gaps.missing.includes(part.key)) page.passTo(part.seq);
}

/** What goes into one answer, and where the next one begins. */
class Page {
  readonly texts: string[] = [];
  readonly events: Event[] = [];
  at: FeedPosition;
  #bytes = 0;
  #cut = false;
  readonly #limit: number;
  readonly #reader: Reader;
  readonly #wanted: (event: Event) => boolean;
  readonly #until: number;
  readonly #clock: () => number;

  constructor(
    limit: number,
    at: FeedPosition,
    reader: Reader,
    wanted: (event: Event) => boolean,
    until: number,
    clock: () => number,
  ) {
    this.#limit = limit;
    this.#reader = reader;
    this.at = at;
    this.#wanted = wanted;
    this.#until = until;
    this.#clock = clock;
  }

  get ended(): boolean {
    return this.#cut || this.texts.length >= this.#limit || this.#clock() >= this.#until;
  }

  async take(events: readonly Event[]): Promise<void> {
    const wanted = new Set(events.filter(this.#wanted).slice(0, this.#limit - this.texts.length));
    const shown = new Map((await this.#reader.show([...wanted])).map((one) => [one.id, one]));
    for (const event of events) {
      if (this.#cut || this.texts.length >= this.#limit) return;
      if (wanted.has(event)) {
        const text = JSON.stringify(shown.get(event.id)!);
        const bytes = Buffer.byteLength(text) + 1;
        if (this.#bytes + bytes > pageBytesMax && this.texts.length > 0) {
          this.#cut = true;
          return;
        }
        this.#bytes += bytes;
        this.texts.push(text);
        this.events.push(event);
      }
      this.at = { seq: this.at.seq, offset: this.at.offset + 1 };
    }
  }

  /** Parts up to `seq` are done with. */
  passTo(seq: bigint): void {
    this.at = { seq, offset: 0 };
  }

  passBlock(offset: number): void {
    this.at = { seq: this.at.seq, offset };
  }
}

const parameters = ['after', 'limit', 'reads'];

function feedQuery(query: URLSearchParams): {
  readonly after: string | undefined;
  readonly limit: number;
  readonly reads: boolean;
} {
  for (const name of new Set(query.keys())) {
    if (!parameters.includes(name)) {
      const guess = nearest(name, parameters);
      const hint = guess === undefined ? 'It takes after, limit and reads.' : `Did you mean ${guess}?`;
      throw new Problem('filter_invalid', `The feed has no parameter ${JSON.stringify(name.slice(0, 60))}. ${hint}`);
    }
    if (query.getAll(name).length > 1)
      throw new Problem('filter_invalid', `Send ${name} once.`, { pointer: `/${name}` });
  }
  const limit = query.get('limit') ?? String(limitDefault);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > limitMax) {
    throw new Problem('filter_invalid', `limit must be a whole number from 1 to ${limitMax}.`, { pointer: '/limit' });
  }
  const reads = query.get('reads') ?? 'exclude';
  if (reads !== 'include' && reads !== 'exclude') {
    throw new Problem('filter_invalid', 'reads must be include or exclude.', { pointer: '/reads' });
  }
  return { after: query.get('after') ?? undefined, limit: Number(limit), reads: reads === 'include' };
}

export const handler = onHttp(reading(feed), {
  reads: openReads,
  blocks: openSegmentBlocks,
  clock: () => Date.now,
  cursorKey: openCursorKey,
  hmac: openHmac,
  guard: openGuard,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  recorder: openRecorder,
});
