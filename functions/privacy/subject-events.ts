/**
 * Events of one subject over both tiers, found by the tokens that its key makes: when the key is gone they find nothing.
 */

import type { FieldGroup, View } from '#core/access/view.ts';
import { fieldGroups } from '#core/access/view.ts';
import { Archived } from '#core/archive/ports.ts';
import type { Event } from '#core/event/event.ts';
import { showEvent } from '#core/privacy/open.ts';
import type { Cipher, DataKey, OpenedKey, SubjectKeys } from '#core/privacy/ports.ts';
import type { PlacedEvent, SubjectEvents } from '#core/privacy/request-ports.ts';
import { subjectToken } from '#core/privacy/seal.ts';
import { thirdPartyText } from '#core/privacy/sealed.ts';
import type { Filter } from '#core/query/filter.ts';
import { matcher } from '#core/query/matches.ts';
import { positionOf } from '#core/query/merge.ts';
import type { BlockReader, Catalogue, CriticalEvents, PartPosition, Position } from '#core/query/ports.ts';
import { blockTest, timeRange } from '#core/query/prune.ts';
import type { Part } from '#core/record/segment.ts';

export interface SubjectEventsPorts {
  readonly critical: CriticalEvents;
  readonly catalogue: Catalogue;
  readonly blocks: BlockReader;
  readonly subjectKeys: Pick<SubjectKeys, 'find'>;
  readonly cipher: Cipher;
}

const rowsPerPage = 500;
const partsPerPage = 64;
const everything = Object.fromEntries(fieldGroups.map((group) => [group, 'clear'])) as Record<FieldGroup, 'clear'> &
  View;

/** Opens the search; what each method promises is in core/privacy/request-ports.ts. */
export function createSubjectEvents(ports: SubjectEventsPorts): SubjectEvents {
  const keysOf = async (tenant: string, subject: string): Promise<readonly DataKey[]> =>
    (await ports.subjectKeys.find(tenant, [subject])).get(subject) ?? [];
  const filterOf = (keys: readonly DataKey[]): Filter => ({
    subject: keys.map((key) => subjectToken(key, ports.cipher)),
  });
  return {
    async *find(tenant, subject) {
      const keys = await keysOf(tenant, subject);
      if (keys.length === 0) return;
      const opened = new Map(keys.map((key): [string, OpenedKey] => [key.id, { state: 'live', key }]));
      for await (const { event } of both(ports, tenant, filterOf(keys))) {
        yield showEvent(event, everything, opened, ports.cipher, { erased: thirdPartyText });
      }
    },
    async *stored(tenant, subject, limit) {
      const keys = await keysOf(tenant, subject);
      if (keys.length === 0) return;
      // A sample does without what lies in Glacier: an erasure does not wait for a restore.
      const readable = (...args: Parameters<typeof critical>) => bulk(...args, () => {});
      for (const tier of [critical, readable]) {
        let left = limit;
        for await (const placed of tier(ports, tenant, filterOf(keys))) {
          if (left-- === 0) break;
          yield placed;
        }
      }
    },
    async again(tenant, id) {
      const stored = await ports.critical.get(tenant, id);
      if (stored) return stored;
      for (const part of await ports.catalogue.partsWithId(tenant, id)) {
        for (const text of await ports.blocks.read(part, inOrder(part))) {
          const found = eventsOf(text).find((event) => event.id === id);
          if (found) return found;
        }
      }
      return undefined;
    },
  };
}

async function* both(ports: SubjectEventsPorts, tenant: string, filter: Filter): AsyncIterable<PlacedEvent> {
  const ids = new Set<string>();
  for await (const placed of critical(ports, tenant, filter)) {
    ids.add(placed.event.id);
    yield placed;
  }
  // Critical events that are about to leave Postgres are in the archive already.
  for await (const placed of bulk(ports, tenant, filter)) if (!ids.has(placed.event.id)) yield placed;
}

async function* critical(ports: SubjectEventsPorts, tenant: string, filter: Filter): AsyncIterable<PlacedEvent> {
  const passes = matcher(filter);
  for (let after: Position | undefined; ; ) {
    const { events, exhausted } = await ports.critical.page(tenant, filter, after, rowsPerPage);
    for (const event of events) if (passes(event)) yield { place: 'critical', event };
    const last = events.at(-1);
    if (exhausted || !last) return;
    after = positionOf(last);
  }
}

const refuse = (error: Archived): void => {
  throw error;
};

/**
 * In segments and archive files. When the archive changes between two pages of the catalogue, what was moved may have
 * passed us: the list begins again, and what was found before is left out. What lies in Glacier is an error, unless the
 * caller can do without.
 */
async function* bulk(
  ports: SubjectEventsPorts,
  tenant: string,
  filter: Filter,
  onArchived: (error: Archived) => void = refuse,
): AsyncIterable<PlacedEvent> {
  const passes = matcher(filter);
  const wanted = blockTest(filter, undefined);
  const range = timeRange(filter, undefined);
  const found = new Set<string>();
  let version: string | undefined;
  let before: PartPosition | undefined;
  for (;;) {
    const page = await ports.catalogue.parts(tenant, range, before, partsPerPage);
    if (version !== undefined && page.version !== version) {
      version = undefined;
      before = undefined;
      continue;
    }
    version = page.version;
    for (const part of page.parts) {
      const blocks = inOrder(part).filter(wanted);
      if (blocks.length === 0) continue;
      // What cannot be read is an error here: who asks for all of its data must not be given less without a word.
      const texts = await ports.blocks.read(part, blocks).catch((error: unknown): readonly string[] => {
        if (!(error instanceof Archived)) throw error;
        onArchived(error);
        return [];
      });
      for (const text of texts) {
        for (const event of eventsOf(text)) {
          if (event.tenant !== tenant || !passes(event) || found.has(event.id)) continue;
          found.add(event.id);
          yield { place: 'bulk', event };
        }
      }
    }
    if (page.next === undefined) return;
    before = page.next;
  }
}

const inOrder = (part: Part) => part.blocks.toSorted((a, b) => a.offset - b.offset);
const eventsOf = (text: string): Event[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
