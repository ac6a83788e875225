/**
 * Show: one event by its id.
 *
 * A missing id, a malformed one and another tenant's answer alike, byte for byte. Point look-ups open few
 * blocks: the catalogue knows each part's smallest and largest id, and each block has a membership filter.
 */
import type { Event } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import { confine } from '#core/query/filter.ts';
import { Gaps, unreadable } from '#core/query/gaps.ts';
import { matches } from '#core/query/matches.ts';
import type { BlockReader, Catalogue, CriticalEvents } from '#core/query/ports.ts';
import { keyOf, mayContain } from '#core/record/membership.ts';
import { onHttp } from '#functions/runtime/http.ts';
import {
  openBlocks,
  openCipher,
  openGuard,
  openReads,
  openRecorder,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { readingOne } from './consistency.ts';
import { readBlocks } from './read-blocks.ts';
import { Reader, type ReaderPorts } from './reader.ts';

export interface ShowPorts extends ReaderPorts {
  readonly critical: CriticalEvents;
  readonly catalogue: Catalogue;
  readonly blocks: BlockReader;
}

export async function show(ports: ShowPorts, request: HttpRequest): Promise<HttpResponse> {
  const reader = await Reader.of(ports, request);
  reader.readsToo = true;
  const { caller } = reader;
  const id = (request.params.eventId ?? '').toLowerCase();
  const event = isUuid(id) ? await findEvent(ports, caller.tenant, id) : undefined;
  if (!event || !matches(confine({}, caller), event) || !reader.sees(event)) {
    throw new Problem('not_found', 'There is no event with this id.');
  }
  const [shown] = await reader.show([event]);
  await reader.record('audit_log.read', [event], { event: event.id });
  return { status: 200, body: shown! };
}

async function findEvent(ports: ShowPorts, tenant: string, id: string): Promise<Event | undefined> {
  // Postgres first: what leaves it meanwhile is in the catalogue by then.
  const critical = await ports.critical.get(tenant, id);
  if (critical) return critical;
  const gaps = new Gaps();
  for (const part of await ports.catalogue.partsWithId(tenant, id)) {
    const blocks = part.blocks.filter((block) => mayContain(block.filter, keyOf('id', id)));
    if (blocks.length === 0) continue;
    for await (const { events } of readBlocks(ports.blocks, part, blocks, gaps)) {
      const found = events.find((event) => event.id === id);
      if (found) return found;
    }
  }
  // The event may be where nobody can read it: "not found" would be a guess.
  if (!gaps.none) throw unreadable(gaps);
  return undefined;
}

export const handler = onHttp(readingOne(show), {
  reads: openReads,
  blocks: openBlocks,
  guard: openGuard,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  recorder: openRecorder,
});
