/** All of a person's events, wherever they lie and whatever moves meanwhile; and none left out without a word. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Archived } from '#core/archive/ports.ts';
import type { Event } from '#core/event/event.ts';
import { subjectToken } from '#core/privacy/seal.ts';
import { createSubjectEvents } from '#functions/privacy/subject-events.ts';
import { dataKeyOf, nodeCipher } from '#stores/crypto/cipher.ts';
import { eventOf, World } from '#test/functions/query/world.ts';
import { tenantA } from '#test/support/events.ts';

const key = dataKeyOf(randomBytes(32));
const ada = subjectToken(key, nodeCipher);
const own = (n: number): Event => ({ ...eventOf(n), actor: { type: 'user', id: ada } });

/** Ada's events 0–3 in segments, 4 critical, 5 and 6 in an archive file; others between. */
function worldOfAda() {
  const world = new World();
  for (let n = 0; n < 4; n++) world.addPart([[own(n), eventOf(20 + n)]]);
  world.addCritical(own(4));
  const file = world.chunkOf('f1', [[own(5)], [eventOf(30), own(6)]]);
  world.ledger.archived.push(file);
  const subjectKeys = { find: async () => new Map([['ada', [key]]]) };
  return { world, file, ports: { ...world.ports, subjectKeys, cipher: nodeCipher } };
}
const idsOf = async (events: AsyncIterable<{ readonly id: string }>) =>
  (await Array.fromAsync(events)).map(({ id }) => id).sort();
const ids = (...numbers: readonly number[]) => numbers.map((n) => eventOf(n).id);

test('finds them in every place, each once, also when the archive moves between two pages', async () => {
  const { world, ports } = worldOfAda();
  expect(await idsOf(createSubjectEvents(ports).find(tenantA, 'ada'))).toEqual(ids(0, 1, 2, 3, 4, 5, 6));
  let pages = 0;
  const catalogue = {
    ...ports.catalogue,
    parts: async (tenant: string, range: { from: number; to: number }, before: never) => {
      if (pages++ === 3) {
        const { ledger } = world;
        ledger.archived.push(world.chunkOf('f2', [[...world.eventsIn(ledger.committed), own(9)]]));
        ledger.compactedSeq = 4n;
        ledger.version++;
      }
      return world.ledger.parts(tenant, range, before, 1);
    },
  };
  const moving = createSubjectEvents({ ...ports, catalogue });
  expect(await idsOf(moving.find(tenantA, 'ada'))).toEqual(ids(0, 1, 2, 3, 4, 5, 6, 9));
});

test('what lies in Glacier is an error for who asks for all, and left out of a sample', async () => {
  const { world, file, ports } = worldOfAda();
  world.freeze(file.key);
  const events = createSubjectEvents(ports);
  await expect(idsOf(events.find(tenantA, 'ada'))).rejects.toBeInstanceOf(Archived);
  const stored = await Array.fromAsync(events.stored(tenantA, 'ada', 10));
  expect(stored.map(({ event }) => event.id).sort()).toEqual(ids(0, 1, 2, 3, 4));
});
