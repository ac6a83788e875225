/** What every place of a witness's record must hold to. */
import { describe, expect, test } from 'vitest';
import type { WitnessStore } from '#core/proof/witness-ports.ts';

export function witnessContract(name: string, make: () => Promise<WitnessStore>): void {
  const hash = 'a'.repeat(64);
  const other = 'b'.repeat(64);

  describe(`${name} keeps what a witness cosigned`, () => {
    test('there is nothing at first', async () => {
      expect(await (await make()).latest(hash)).toBeUndefined();
    });

    test('the first one is made once, and replaced only by whoever saw it', async () => {
      const store = await make();
      expect(await store.replace(hash, 'one\n', undefined)).toBe(true);
      expect(await store.replace(hash, 'other\n', undefined)).toBe(false);
      const first = (await store.latest(hash))!;
      expect(first.note).toBe('one\n');
      expect(await store.replace(hash, 'two — é\n', first.etag)).toBe(true);
      expect(await store.replace(hash, 'three\n', first.etag)).toBe(false);
      expect((await store.latest(hash))?.note).toBe('two — é\n');
    });

    test('the same write again is the same write', async () => {
      const store = await make();
      expect(await store.replace(hash, 'one\n', undefined)).toBe(true);
      expect(await store.replace(hash, 'one\n', undefined)).toBe(true);
    });

    test('nothing is replaced where there is nothing', async () => {
      const store = await make();
      expect(await store.replace(hash, 'one\n', '"5d41402abc4b2a76b9719d911017c592"')).toBe(false);
      expect(await store.latest(hash)).toBeUndefined();
    });

    test('logs are apart', async () => {
      const store = await make();
      await store.replace(hash, 'one\n', undefined);
      expect(await store.latest(other)).toBeUndefined();
    });

    test('of twenty at once one is first, again and again', async () => {
      const store = await make();
      let etag: string | undefined;
      for (let round = 0; round < 5; round++) {
        const wins = await Promise.all(
          Array.from({ length: 20 }, (_, index) => store.replace(hash, `${round} ${index}\n`, etag)),
        );
        expect(wins.filter(Boolean)).toHaveLength(1);
        const latest = (await store.latest(hash))!;
        expect(latest.note).toBe(`${round} ${wins.indexOf(true)}\n`);
        etag = latest.etag;
      }
    });
  });
}
