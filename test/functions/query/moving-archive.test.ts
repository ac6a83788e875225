/** The guarantee: compaction, merges and dropped partitions between any two steps of a question lose and double nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import type { Filter } from '#core/query/filter.ts';
import { matches } from '#core/query/matches.ts';
import type { Catalogue, CriticalEvents, Position } from '#core/query/ports.ts';
import { type AnswerPorts, answer } from '#functions/query/answer.ts';
import { tenantA } from '#test/support/events.ts';
import { eventOf, World } from './world.ts';

/** What may happen between two calls. */
type Move = 'nothing' | 'compact' | 'merge' | 'rehang' | 'drop';
const moves: readonly Move[] = ['nothing', 'compact', 'merge', 'rehang', 'drop'];

/** A world whose archive moves before every call of the catalogue and of Postgres, as the list of moves says. */
class MovingWorld {
  readonly world = new World();
  readonly #moves: Move[];
  readonly #critical: Event[];
  #files = 0;
  applied = 0;

  constructor(critical: readonly Event[], bulk: readonly (readonly Event[])[], list: readonly Move[]) {
    this.#moves = [...list];
    this.#critical = critical.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    this.world.addCritical(...critical);
    // Critical events are in the archive long before they leave Postgres.
    for (const event of this.#critical) this.#add([event], 'critical');
    this.world.ledger.version = 0;
    for (const events of bulk) this.world.addPart([events]);
  }

  get ports(): AnswerPorts {
    const { ledger } = this.world;
    const moving = <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) => {
      return async (...args: A): Promise<R> => {
        this.#move();
        return call(...args);
      };
    };
    const catalogue: Catalogue = {
      // Small pages, so that much lies between two of them.
      parts: moving((tenant, range, before) => ledger.parts(tenant, range, before, 2)),
      partsWithId: moving((...args) => ledger.partsWithId(...args)),
      partsAfter: moving((...args) => ledger.partsAfter(...args)),
      feedSince: () => ledger.feedSince(),
      bytesWithin: (...args) => ledger.bytesWithin(...args),
    };
    const critical: CriticalEvents = {
      page: moving((tenant, filter, after) => ledger.page(tenant, filter, after, 3)),
      get: moving((...args) => ledger.get(...args)),
    };
    return { catalogue, critical, blocks: this.world, clock: () => 0 };
  }

  #add(events: readonly Event[], tier: 'bulk' | 'critical'): void {
    const { ledger } = this.world;
    const ordered = events.toSorted((a, b) => (a.occurred_at < b.occurred_at ? -1 : 1));
    const half = Math.ceil(ordered.length / 2);
    const blocks = [ordered.slice(0, half), ordered.slice(half)].filter((block) => block.length > 0);
    ledger.archived.push(this.world.chunkOf(`f${this.#files++}`, blocks, tier));
    ledger.version++;
  }

  #move(): void {
    const { ledger } = this.world;
    const move = this.#moves.shift() ?? 'nothing';
    const bulk = ledger.archived.filter(({ tier }) => tier === 'bulk');
    const rest = ledger.archived.filter((part) => !bulk.includes(part));
    const left = ledger.committed.filter(({ seq }) => seq > ledger.compactedSeq);
    if (move === 'compact' && left.length > 0) {
      const some = left.slice(0, 3);
      this.#add(this.world.eventsIn(some), 'bulk');
      ledger.compactedSeq = some.at(-1)!.seq;
    } else if (move === 'merge' && bulk.length > 1) {
      ledger.archived = [...rest, ...bulk.slice(2)];
      this.#add(this.world.eventsIn(bulk.slice(0, 2)), 'bulk');
    } else if (move === 'rehang' && bulk.length > 1) {
      // The newest and the oldest come together, which moves as much as possible over the place of the list.
      const byTime = bulk.toSorted((a, b) => a.maxTime - b.maxTime);
      ledger.archived = [...rest, ...byTime.slice(1, -1)];
      this.#add(this.world.eventsIn([byTime[0]!, byTime.at(-1)!]), 'bulk');
    } else if (move === 'drop' && this.#critical.length > 0) {
      const gone = this.#critical.splice(0, Math.ceil(this.#critical.length / 2));
      const last = gone.at(-1)!.id;
      ledger.hotFloor = `${last.slice(0, -12)}${(Number.parseInt(last.slice(-12), 16) + 1).toString(16).padStart(12, '0')}`;
      for (const event of gone) ledger.events.delete(`${event.tenant}/${event.id}`);
    } else return;
    this.applied++;
  }
}

async function all(world: MovingWorld, filter: Filter, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let after: Position | undefined;
  do {
    const page = await answer(world.ports, { tenant: tenantA, filter, after, limit }, { bytesMax: 1e9, until: 1e9 });
    expect(page.complete).toBe(true);
    ids.push(...page.events.map(({ id }) => id));
    after = page.next;
  } while (after);
  return ids;
}

const cases = fc.record({
  critical: fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }),
  bulk: fc.array(fc.uniqueArray(fc.integer({ min: 41, max: 99 }), { minLength: 1, maxLength: 6 }), { maxLength: 9 }),
  list: fc.array(fc.constantFrom(...moves), { maxLength: 16 }),
  filter: fc.constantFrom<Filter>({}, { actor: ['u1', 'u3'] }, { action: ['doc.*'] }),
  limit: fc.integer({ min: 1, max: 30 }),
});

test('whatever moves between two steps, every match comes once and in order', async () => {
  let applied = 0;
  await fc.assert(
    fc.asyncProperty(cases, async ({ critical, bulk, list, filter, limit }) => {
      // Times run against and across ids, so that the order of one is not that of the other.
      const of = (n: number) => eventOf(n, (n * 7919) % 41);
      const world = new MovingWorld(
        critical.map(of),
        bulk.map((part) => part.map(of)),
        list,
      );
      const stored = [...new Map([...critical, ...bulk.flat()].map((n) => [n, of(n)])).values()];
      const expected = stored
        .filter((event) => matches(filter, event))
        .sort((a, b) =>
          a.occurred_at === b.occurred_at ? (a.id < b.id ? 1 : -1) : a.occurred_at < b.occurred_at ? 1 : -1,
        )
        .map(({ id }) => id);
      expect(await all(world, filter, limit)).toEqual(expected);
      applied += world.applied;
    }),
    { numRuns: 1500 },
  );
  expect(applied).toBeGreaterThan(2000);
});
