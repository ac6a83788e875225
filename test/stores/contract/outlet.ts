/** What every Outlet promises. `received` empties the place and returns the bodies. */
import { expect, test } from 'vitest';
import type { Outlet } from '#core/record/ports.ts';

export function outletContract(open: () => Promise<{ outlet: Outlet; received(): Promise<string[]> }>): void {
  const messages = (count: number, bytes: number) =>
    Array.from({ length: count }, (_, n) => ({ body: `${n}-${'x'.repeat(bytes)}`, group: `tenant-${n % 3}` }));

  for (const [count, bytes] of [
    [0, 0],
    [1, 10],
    [23, 100],
    [7, 400_000],
    [2, 1024 * 1024 - 2],
  ] as const) {
    test(`${count} messages of ${bytes} bytes are all there when send resolves`, async () => {
      const { outlet, received } = await open();
      const sent = messages(count, bytes);
      await outlet.send(sent);
      expect((await received()).sort()).toEqual(sent.map(({ body }) => body).sort());
    });
  }

  test('concurrent sends lose nothing', async () => {
    const { outlet, received } = await open();
    await Promise.all(Array.from({ length: 8 }, (_, n) => outlet.send([{ body: `m${n}`, group: 't' }])));
    expect((await received()).sort()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7']);
  });
}
