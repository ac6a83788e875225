/** What every LogStore promises. */
import { expect, test } from 'vitest';
import type { LogStore } from '#core/proof/ports.ts';

const slug = 'kzaqd3mtgyu5wbncf7xhl2ovrj';
const other = slug.replace('k', 'm');
const bytes = (text: string) => new TextEncoder().encode(text);

/** `open` answers a store without logs. */
export function logStoreContract(open: () => Promise<LogStore>): void {
  test('a tile is written once; the same again is the same, and another stays out', async () => {
    const store = await open();
    expect(await store.get(slug, 'tile/0/000')).toBeUndefined();
    expect(await store.put(slug, 'tile/0/000', bytes('one'))).toBe('stored');
    expect(await store.put(slug, 'tile/0/000', bytes('one'))).toBe('same');
    expect(await store.put(slug, 'tile/0/000', bytes('two'))).toBe('different');
    expect(await store.get(slug, 'tile/0/000')).toEqual(bytes('one'));
    expect(await store.get(other, 'tile/0/000')).toBeUndefined();
  });

  test('of many different writes at once exactly one is stored, and of equal ones none is different', async () => {
    const store = await open();
    const race = await Promise.all(
      Array.from({ length: 12 }, (_, n) => store.put(slug, 'tile/entries/000.p/7', bytes(String(n % 3)))),
    );
    expect(race.filter((put) => put === 'stored')).toHaveLength(1);
    expect(race.filter((put) => put === 'same')).toHaveLength(3);
    const kept = Number(new TextDecoder().decode(await store.get(slug, 'tile/entries/000.p/7')));
    expect(race.flatMap((put, n) => (put === 'different' ? [] : [n % 3]))).toEqual(Array(4).fill(kept));
  });

  test('empty bytes are bytes', async () => {
    const store = await open();
    expect(await store.put(slug, 'tile/0/001', new Uint8Array())).toBe('stored');
    expect(await store.get(slug, 'tile/0/001')).toEqual(new Uint8Array());
    expect(await store.put(slug, 'tile/0/001', bytes('x'))).toBe('different');
  });

  test('the newest archived checkpoint is that of the largest size, whatever size is known of', async () => {
    const store = await open();
    expect(await store.newestArchived(slug, 0)).toBeUndefined();
    for (const size of [9, 1000, 10, 2 ** 53 - 1]) expect(await store.archive(other, size, `o${size}`)).toBe('stored');
    for (const size of [9, 1000, 10]) expect(await store.archive(slug, size, `n${size}`)).toBe('stored');
    for (const from of [0, 1, 9, 10, 999, 1000, 1001, 5000]) {
      expect(await store.newestArchived(slug, from)).toEqual({ size: 1000, note: 'n1000' });
    }
    expect(await store.newestArchived(other, 1000)).toEqual({ size: 2 ** 53 - 1, note: `o${2 ** 53 - 1}` });
  });

  test('an archived checkpoint stays what it is', async () => {
    const store = await open();
    expect(await store.archive(slug, 5, 'first\n')).toBe('stored');
    expect(await store.archive(slug, 5, 'first\n')).toBe('same');
    expect(await store.archive(slug, 5, 'other\n')).toBe('different');
    expect(await store.newestArchived(slug, 5)).toEqual({ size: 5, note: 'first\n' });
    expect(await store.get(slug, 'checkpoint-archive/00000000000000000005')).toEqual(bytes('first\n'));
  });

  test('a checkpoint is published by whoever saw the one before', async () => {
    const store = await open();
    expect(await store.checkpoint(slug)).toBeUndefined();
    expect(await store.publish(slug, 'zero', '"00000000000000000000000000000000"')).toBe(false);
    expect(await store.publish(slug, 'one — 1', undefined)).toBe(true);
    expect(await store.publish(slug, 'two', undefined)).toBe(false);
    const one = (await store.checkpoint(slug))!;
    expect(one.note).toBe('one — 1');
    expect(await store.publish(slug, 'two', one.etag)).toBe(true);
    expect(await store.publish(slug, 'three', one.etag)).toBe(false);
    expect((await store.checkpoint(slug))?.note).toBe('two');
    expect(await store.checkpoint(other)).toBeUndefined();
  });

  test('what is about to be signed replaces what its writer saw, and nothing else', async () => {
    const store = await open();
    expect(await store.bound(slug)).toBeUndefined();
    expect(await store.bind(slug, 'one', undefined)).toBe(true);
    expect(await store.bind(slug, 'other', undefined)).toBe(false);
    const one = (await store.bound(slug))!;
    expect(one.text).toBe('one');
    const race = await Promise.all(Array.from({ length: 8 }, (_, n) => store.bind(slug, `next ${n}`, one.etag)));
    expect(race.filter(Boolean)).toHaveLength(1);
    expect((await store.bound(slug))?.text).toBe(`next ${race.indexOf(true)}`);
    expect(await store.bound(other)).toBeUndefined();
    expect(await store.checkpoint(slug)).toBeUndefined();
  });

  test('of many publishers who saw the same exactly one succeeds', async () => {
    const store = await open();
    await store.publish(slug, 'old', undefined);
    const { etag } = (await store.checkpoint(slug))!;
    const race = await Promise.all(Array.from({ length: 10 }, (_, n) => store.publish(slug, `new ${n}`, etag)));
    expect(race.filter(Boolean)).toHaveLength(1);
    expect((await store.checkpoint(slug))?.note).toBe(`new ${race.indexOf(true)}`);
  });

  test('what is there already counts as published: the answer to it may have been lost', async () => {
    const store = await open();
    await store.publish(slug, 'note', undefined);
    const { etag } = (await store.checkpoint(slug))!;
    expect(await store.publish(slug, 'note', undefined)).toBe(true);
    await store.publish(slug, 'next', etag);
    expect(await store.publish(slug, 'next', etag)).toBe(true);
  });

  test('tiles are listed below a prefix and removed by name, and nothing but tiles', async () => {
    const store = await open();
    const paths = ['tile/0/000', 'tile/0/000.p/12', 'tile/0/x001/067', 'tile/1/000.p/1', 'tile/entries/000'];
    for (const path of paths) await store.put(slug, path, bytes(path));
    await store.put(other, 'tile/0/000', bytes('other'));
    await store.archive(slug, 1, 'note');
    await store.publish(slug, 'note', undefined);
    const listed = async (prefix: string) => (await Array.fromAsync(store.list(slug, prefix))).toSorted();
    expect(await listed('tile/')).toEqual(paths);
    expect(await listed('tile/0/')).toEqual(paths.slice(0, 3));
    expect(await listed('tile/0/000.p/')).toEqual(['tile/0/000.p/12']);
    expect(await listed('tile/7/')).toEqual([]);
    await store.remove(slug, ['tile/0/000.p/12', 'tile/0/x001/067', 'tile/0/999']);
    await store.remove(slug, []);
    expect(await listed('tile/')).toEqual(['tile/0/000', 'tile/1/000.p/1', 'tile/entries/000']);
    expect(await store.get(slug, 'tile/0/x001/067')).toBeUndefined();
    expect(await store.get(other, 'tile/0/000')).toEqual(bytes('other'));
    for (const path of ['checkpoint', 'checkpoint-archive/00000000000000000001']) {
      await expect(store.remove(slug, [path])).rejects.toThrow(path);
    }
    expect(await store.put(slug, 'tile/0/x001/067', bytes('again'))).toBe('stored');
  });

  test('texts and the incarnation are replaced', async () => {
    const store = await open();
    expect(await store.incarnation()).toBeUndefined();
    for (const value of ['01890000-0000-4000-8000-000000000001', '01890000-0000-4000-8000-000000000002']) {
      await store.setIncarnation(value);
      await store.setIncarnation(value);
      expect(await store.incarnation()).toBe(value);
    }
    for (const text of ['key one\n', 'key one\nkey two\n']) {
      await store.putText(slug, 'keys.txt', text);
      expect(await store.get(slug, 'keys.txt')).toEqual(bytes(text));
    }
  });

  test('a name without its shape reaches nothing', async () => {
    const store = await open();
    for (const wrong of ['', '..', 'a', `${slug}/`, slug.toUpperCase()]) {
      await expect(async () => store.get(wrong, 'checkpoint')).rejects.toThrow(TypeError);
    }
    for (const wrong of ['', '../x', '/tile/0/000', 'tile/../checkpoint', 'a//b', 'ä', `${'x'.repeat(300)}`]) {
      await expect(async () => store.put(slug, wrong, bytes('x'))).rejects.toThrow(TypeError);
    }
    for (const wrong of [-1, 1.5, 2 ** 53]) await expect(async () => store.archive(slug, wrong, 'x')).rejects.toThrow();
  });
}
